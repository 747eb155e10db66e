/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD that makes one call of the device's plugin fail, for t_load.py: the n-th by the main thread, out of
 * those that ask the system for something (memory, threads, files). Only calls made in apple-gfx.so count, QEMU's own
 * never fail. Words in a file that the test maps as well say which, and count.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The test's control words. */
struct control {
    _Atomic int64_t fail_at; /* calls until the one that fails; 0 and below: none does */
    _Atomic int64_t blocks;  /* heap blocks of the whole process */
};

static struct control *control;
static uintptr_t plugin_start, plugin_end;

#define EXPORT __attribute__((visibility("default")))

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t each);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("PVG_FAULT_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    if (at == MAP_FAILED)
        abort();
    control = at;
}

static int find_plugin(struct dl_phdr_info *info, size_t size, void *data)
{
    const char *name = strrchr(info->dlpi_name, '/');

    if (!name || strcmp(name, "/apple-gfx.so"))
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (p->p_type == PT_LOAD && p->p_flags & PF_X) {
            plugin_start = info->dlpi_addr + p->p_vaddr;
            plugin_end = plugin_start + p->p_memsz;
        }
    }
    return 1;
}

/* Is the call that returns to @caller the one that fails? */
static int fails(void *caller, int error)
{
    if (!control || control->fail_at <= 0 || getpid() != gettid())
        return 0;
    if (!plugin_end)
        dl_iterate_phdr(find_plugin, NULL);
    if ((uintptr_t)caller < plugin_start || (uintptr_t)caller >= plugin_end || --control->fail_at)
        return 0;
    errno = error;
    return 1;
}
#define FAILS(error) fails(__builtin_return_address(0), error)

static void *block(void *p)
{
    if (p && control)
        control->blocks++;
    return p;
}

EXPORT void *malloc(size_t n)
{
    return FAILS(ENOMEM) ? NULL : block(__libc_malloc(n));
}

EXPORT void *calloc(size_t n, size_t each)
{
    return FAILS(ENOMEM) ? NULL : block(__libc_calloc(n, each));
}

EXPORT void *realloc(void *old, size_t n)
{
    void *p = FAILS(ENOMEM) ? NULL : __libc_realloc(old, n);

    return old ? p : block(p);
}

EXPORT int posix_memalign(void **p, size_t align, size_t n)
{
    *p = block(__libc_memalign(align, n));
    return *p ? 0 : ENOMEM;
}

EXPORT void *memalign(size_t align, size_t n)
{
    return block(__libc_memalign(align, n));
}

EXPORT void *aligned_alloc(size_t align, size_t n)
{
    return block(__libc_memalign(align, n));
}

EXPORT void free(void *p)
{
    if (p && control)
        control->blocks--;
    __libc_free(p);
}

/* The next definition of a function in the order of libraries. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

EXPORT void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t offset)
{
    return FAILS(ENOMEM) ? MAP_FAILED : NEXT(mmap64)(at, n, prot, flags, fd, offset);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    return FAILS(EAGAIN) ? EAGAIN : NEXT(pthread_create)(thread, attr, fn, arg);
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list ap;
    int mode;

    va_start(ap, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, int) : 0;
    va_end(ap);
    return FAILS(EMFILE) ? -1 : NEXT(open64)(path, flags, mode);
}

EXPORT int fcntl64(int fd, int command, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, command);
    arg = va_arg(ap, void *);
    va_end(ap);
    return FAILS(EBADF) ? -1 : NEXT(fcntl64)(fd, command, arg);
}

EXPORT int ftruncate64(int fd, off64_t n)
{
    return FAILS(EIO) ? -1 : NEXT(ftruncate64)(fd, n);
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
    return FAILS(ENOMEM) ? NULL : NEXT(fdopen)(fd, mode);
}
