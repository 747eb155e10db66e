/* SPDX-License-Identifier: MIT */
/*
 * Namespaces, seccomp and resource limits for the service and its workers. See jail.h.
 *
 * The filter is a list of what is allowed. Calls that name files are answered with EACCES, as in an empty root, because
 * libraries ask for files and cope without them; everything else that is not listed ends the process with SIGSYS, which
 * the service reports as a broken jail.
 */
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "airc/protocol.h"

#define NOBODY 65534
/* Descriptors of a worker: three standard ones, its socket, two memfds; the rest is room for sanitizers. */
#define WORKER_FDS 16

enum who { BOTH, SERVICE };

static const struct {
    const char *name;
    enum who who;
} allowed[] = {
    {"brk", BOTH},
    {"clock_gettime", BOTH},
    {"clock_nanosleep", BOTH},
    {"close", BOTH},
    {"exit", BOTH},
    {"exit_group", BOTH},
    {"fstat", BOTH},
    {"ftruncate", BOTH},
    {"futex", BOTH},
    {"getpid", BOTH},
    {"getrandom", BOTH},
    {"getrusage", BOTH},
    {"gettid", BOTH},
    {"gettimeofday", BOTH},
    {"lseek", BOTH},
    {"madvise", BOTH},
    {"mremap", BOTH},
    {"munmap", BOTH},
    {"poll", BOTH},
    {"ppoll", BOTH},
    {"pwrite64", BOTH},
    {"read", BOTH},
    {"recvmsg", BOTH},
    {"restart_syscall", BOTH},
    {"rt_sigaction", BOTH},
    {"rt_sigprocmask", BOTH},
    {"rt_sigreturn", BOTH},
    {"sched_getaffinity", BOTH},
    {"sched_yield", BOTH},
    {"sendmsg", BOTH},
    {"sigaltstack", BOTH},
    {"sysinfo", BOTH},
    {"times", BOTH},
    {"write", BOTH},
    {"writev", BOTH},
    {"accept4", SERVICE},
    {"close_range", SERVICE},
    {"dup2", SERVICE},
    {"dup3", SERVICE},
    {"getppid", SERVICE},
    {"kill", SERVICE},
    {"memfd_create", SERVICE},
    {"prctl", SERVICE},
    {"prlimit64", SERVICE},
    {"rseq", SERVICE},
    {"seccomp", SERVICE},
    {"set_robust_list", SERVICE},
    {"setrlimit", SERVICE},
    {"socketpair", SERVICE},
    {"wait4", SERVICE},
};

/* Asked for by libraries that manage without an answer. */
static const char *const no_files[] = {
    "access", "faccessat", "faccessat2", "getcwd",     "lstat",      "newfstatat", "open",
    "openat", "openat2",   "readlink",   "readlinkat", "stat",       "statfs",     "statx",
    "unlink", "unlinkat",  "mkdir",      "mkdirat",    "getdents64", "uname",      "ioctl",
};

uint64_t jail_address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (!f)
        return 0;
    if (fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Add a rule for a call that this architecture may not have. */
static int rule(scmp_filter_ctx f, uint32_t action, const char *name, unsigned count, const struct scmp_arg_cmp *args)
{
    int nr = seccomp_syscall_resolve_name(name);

    return nr == __NR_SCMP_ERROR || nr < 0 ? 0 : seccomp_rule_add_array(f, action, nr, count, args);
}

static int filter_rules(scmp_filter_ctx f, bool worker)
{
    const struct scmp_arg_cmp no_exec = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp self[] = {SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)getpid())};
    const struct scmp_arg_cmp own_limits = SCMP_A0_64(SCMP_CMP_EQ, 0);
    /* Nothing but a plain fork: the flags of new namespaces and of threads must be clear. */
    const struct scmp_arg_cmp plain_fork = SCMP_A0_64(
        SCMP_CMP_MASKED_EQ, ~(uint64_t)(0xff | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID), 0);
    static const int seal_ops[] = {F_GET_SEALS, F_ADD_SEALS, F_GETFL, F_SETFL, F_GETFD, F_SETFD};
    int err = 0;

    for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (!worker || allowed[i].who == BOTH)
            err = rule(f, SCMP_ACT_ALLOW, allowed[i].name, 0, NULL);
    for (size_t i = 0; !err && i < sizeof(no_files) / sizeof(no_files[0]); i++)
        err = rule(f, SCMP_ACT_ERRNO(EACCES), no_files[i], 0, NULL);
    for (size_t i = 0; !err && i < sizeof(seal_ops) / sizeof(seal_ops[0]); i++) {
        const struct scmp_arg_cmp op = SCMP_A1_64(SCMP_CMP_EQ, (uint64_t)seal_ops[i]);

        err = rule(f, SCMP_ACT_ALLOW, "fcntl", 1, &op);
    }
    if (!err)
        err = rule(f, SCMP_ACT_ALLOW, "mmap", 1, &no_exec);
    if (!err)
        err = rule(f, SCMP_ACT_ALLOW, "mprotect", 1, &no_exec);
    /* abort() */
    if (!err)
        err = worker ? rule(f, SCMP_ACT_ALLOW, "tgkill", 1, self) : rule(f, SCMP_ACT_ALLOW, "tgkill", 0, NULL);
    if (!err && worker)
        err = rule(f, SCMP_ACT_ALLOW, "prlimit64", 1, &own_limits);
    if (!err && !worker)
        err = rule(f, SCMP_ACT_ALLOW, "clone", 1, &plain_fork);
    if (!err && !worker)
        err = rule(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL); /* its flags are out of sight; glibc falls back */
    return err;
}

static int filter_load(bool worker)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int err;

    if (!f)
        return -ENOMEM;
    /* A tree instead of a list: a third of the cost per system call. */
    (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    err = filter_rules(f, worker);
    if (!err)
        err = seccomp_load(f); /* sets no_new_privs */
    seccomp_release(f);
    return err;
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return false;
    ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

/* Own namespaces: with root's rights directly, else inside a user namespace where our own number stays what it is. */
static bool new_namespaces(void)
{
    const int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    unsigned uid = geteuid(), gid = getegid();
    char map[64];

    if (uid == 0 && unshare(flags) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | flags) < 0)
        return false;
    if (!write_text("/proc/self/setgroups", "deny"))
        return false;
    snprintf(map, sizeof(map), "%u %u 1", uid, uid);
    if (!write_text("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof(map), "%u %u 1", gid, gid);
    return write_text("/proc/self/gid_map", map);
}

/* In a mount namespace of our own: make an empty read-only folder the root. */
static bool empty_root(void)
{
    static const char *const places[] = {"/tmp", "/run", "/dev", "/mnt"};

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (mount("pvg-airc", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555") < 0)
            continue;
        if (chdir(places[i]) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            chdir("/") < 0)
            return false;
        (void)mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        return true;
    }
    return false;
}

static void drop_privileges(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* newer than the kernel, or not ours to drop */
    /* Root outside a user namespace becomes nobody. Inside one these fail, and there is nothing to gain. */
    if (geteuid() == 0 && setgroups(0, NULL) == 0)
        (void)!(setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY));
    (void)syscall(SYS_capset, &head, none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int jail_service(uint32_t *jail)
{
    const struct rlimit none = {0, 0};
    int err;

    *jail = 0;
    if (new_namespaces()) {
        *jail |= AIRC_JAIL_NAMESPACES;
        if (empty_root())
            *jail |= AIRC_JAIL_NO_FILES;
    }
    drop_privileges();
    (void)setrlimit(RLIMIT_CORE, &none); /* guests' shaders do not belong in core files */
    err = filter_load(false);
    if (!err)
        *jail |= AIRC_JAIL_SECCOMP | AIRC_JAIL_RLIMITS;
    return err;
}

static int limit(int what, uint64_t soft, uint64_t hard)
{
    struct rlimit r;

    if (getrlimit((__rlimit_resource_t)what, &r) < 0)
        return -errno;
    r.rlim_max = hard < r.rlim_max ? hard : r.rlim_max;
    r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &r) < 0 ? -errno : 0;
}

int jail_worker(const struct jail_limits *l)
{
    uint64_t space = l->base_bytes + l->memory_bytes;
    int err = 0;

    signal(SIGXFSZ, SIG_IGN); /* a result that is too large is an error of write(), not a death */
    if (l->memory_bytes)
        err = limit(RLIMIT_AS, space, space);
    if (!err)
        err = limit(RLIMIT_STACK, l->stack_bytes, l->stack_bytes);
    if (!err)
        err = limit(RLIMIT_FSIZE, l->file_bytes, l->file_bytes);
    if (!err)
        err = limit(RLIMIT_CPU, l->cpu_s, l->cpu_s);
    if (!err)
        err = limit(RLIMIT_CORE, 0, 0);
    if (!err)
        err = limit(RLIMIT_NPROC, 0, 0);
    if (!err)
        err = limit(RLIMIT_MEMLOCK, 0, 0);
    if (!err)
        err = limit(RLIMIT_NOFILE, WORKER_FDS, WORKER_FDS);
    return err ? err : filter_load(true);
}

void jail_cpu(unsigned seconds)
{
    struct rusage used;
    struct rlimit r;

    if (getrusage(RUSAGE_SELF, &used) < 0 || getrlimit(RLIMIT_CPU, &r) < 0)
        return;
    /* Kept in whole seconds; one more so that the limit is never shorter than asked for. */
    r.rlim_cur = (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + seconds + 1;
    if (r.rlim_cur > r.rlim_max)
        r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_CPU, &r); /* the hard limit and the service's clock stand behind it */
}
