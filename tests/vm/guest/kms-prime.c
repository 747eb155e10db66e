/* SPDX-License-Identifier: MIT */
/*
 * Buffers shared with another driver, through dma-bufs.
 *
 * usage: kms-prime [OPTIONS] vgem|udmabuf|export
 *
 * vgem, udmabuf: shows pictures in buffers that the other driver owns, and changes them each time the host says so
 * (SIGUSR1); ends on SIGTERM. Prints "shown N" when step N is on the screen, or "refused: ERROR" when the driver does not
 * show such buffers, or "missing: WHAT" when the kernel has no such exporter.
 *   0  the pattern of --seed, drawn by the exporter's mapping; all handles and descriptors are closed by then
 *   1  a red square at 64,64 of 96 pixels, drawn through a mapping of the dma-buf, then DIRTYFB
 *   2  a cursor of four quarters at 100,120, also imported; "shown 2 refused: ERROR" where the exporter lets nobody read it
 *   3  no cursor; a flip to a second imported buffer with the next pattern. With vgem, that flip and an asynchronous one
 *      first meet a write fence: they are not reported before it is signalled
 *
 * export: buffers of this driver go to others: what a mapping of the dma-buf shows, identity of handles and dma-bufs on
 * the way there and back, and what must be refused. Prints "export ok".
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

#include "kms.h"

/* vgem's interface (the kernel's include/uapi/drm/vgem_drm.h), whose header no package has. */
struct vgem_fence_attach {
    uint32_t handle, flags, out_fence, pad;
};
struct vgem_fence_signal {
    uint32_t fence, flags;
};
#define VGEM_FENCE_WRITE 1
#define IOCTL_VGEM_FENCE_ATTACH DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_fence_attach)
#define IOCTL_VGEM_FENCE_SIGNAL DRM_IOW(DRM_COMMAND_BASE + 2, struct vgem_fence_signal)

#define CURSOR_PX 64
/* A flip that must not be reported yet is given so long to go wrong. */
#define TOO_EARLY_MS 150

static struct kms k;
static struct kms_options o;
static int vgem = -1;

/* A buffer of the other driver, and its picture on this card. */
struct shared {
    struct kms_fb fb; /* pixels: the exporter's mapping; handle: this card's */
    uint32_t vgem_handle;
    int dmabuf;
};

static int open_vgem(void)
{
    for (int i = 0; i < 8; i++) {
        char path[32];
        drmVersion *version;
        int fd;

        snprintf(path, sizeof(path), "/dev/dri/card%d", i);
        fd = open(path, O_RDWR | O_CLOEXEC);
        version = fd < 0 ? NULL : drmGetVersion(fd);
        if (version && !strcmp(version->name, "vgem")) {
            drmFreeVersion(version);
            return fd;
        }
        drmFreeVersion(version);
        if (fd >= 0)
            close(fd);
    }
    kms_say("missing: vgem");
    exit(0);
}

static void *map_dumb(int fd, uint32_t handle, uint64_t size)
{
    struct drm_mode_map_dumb map = {.handle = handle};
    void *at;

    if (drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
        kms_fail("MAP_DUMB: %s", strerror(errno));
    at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
    if (at == MAP_FAILED)
        kms_fail("mapping a buffer: %s", strerror(errno));
    return at;
}

static void vgem_alloc(struct shared *s)
{
    struct drm_mode_create_dumb create = {.width = s->fb.width_px, .height = s->fb.height_px, .bpp = 32};

    if (drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create))
        kms_fail("vgem makes no buffer: %s", strerror(errno));
    s->vgem_handle = create.handle;
    s->fb.stride_bytes = create.pitch;
    s->fb.size_bytes = create.size;
    s->fb.pixels = map_dumb(vgem, create.handle, create.size);
    if (drmPrimeHandleToFD(vgem, create.handle, DRM_CLOEXEC | DRM_RDWR, &s->dmabuf))
        kms_fail("vgem exports no buffer: %s", strerror(errno));
}

static void udmabuf_alloc(struct shared *s)
{
    struct udmabuf_create create = {.flags = UDMABUF_FLAGS_CLOEXEC};
    int maker = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memory;

    if (maker < 0) {
        kms_say("missing: udmabuf");
        exit(0);
    }
    s->fb.stride_bytes = s->fb.width_px * 4;
    s->fb.size_bytes = ((uint64_t)s->fb.stride_bytes * s->fb.height_px + 65535) & ~(uint64_t)65535;
    memory = memfd_create("kms-prime", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, (off_t)s->fb.size_bytes) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
        kms_fail("memfd: %s", strerror(errno));
    s->fb.pixels = mmap(NULL, s->fb.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (s->fb.pixels == MAP_FAILED)
        kms_fail("mapping a memfd: %s", strerror(errno));
    create.memfd = (uint32_t)memory;
    create.size = s->fb.size_bytes;
    s->dmabuf = ioctl(maker, UDMABUF_CREATE, &create);
    if (s->dmabuf < 0)
        kms_fail("udmabuf: %s", strerror(errno));
    close(memory);
    close(maker);
}

static void import(struct shared *s, uint32_t width_px, uint32_t height_px, uint32_t fourcc)
{
    uint32_t handles[4] = {0}, pitches[4] = {0}, offsets[4] = {0};

    *s = (struct shared){.fb = {.width_px = width_px, .height_px = height_px}};
    if (vgem >= 0)
        vgem_alloc(s);
    else
        udmabuf_alloc(s);
    if (drmPrimeFDToHandle(k.fd, s->dmabuf, &s->fb.handle))
        kms_fail("import: %s", strerror(errno));
    handles[0] = s->fb.handle;
    pitches[0] = s->fb.stride_bytes;
    if (drmModeAddFB2(k.fd, width_px, height_px, fourcc, handles, pitches, offsets, &s->fb.id, 0))
        kms_fail("a framebuffer of an imported buffer: %s", strerror(errno));
}

/* From here on only the framebuffer and mappings keep the memory. */
static void close_handles(struct shared *s)
{
    if (s->vgem_handle && drmCloseBufferHandle(vgem, s->vgem_handle))
        kms_fail("vgem handle: %s", strerror(errno));
    if (drmCloseBufferHandle(k.fd, s->fb.handle))
        kms_fail("handle: %s", strerror(errno));
    close(s->dmabuf);
}

static void square(const struct shared *s)
{
    struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE};
    uint8_t *at = mmap(NULL, s->fb.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->dmabuf, 0);

    if (at == MAP_FAILED)
        kms_fail("mapping a dma-buf: %s", strerror(errno));
    if (ioctl(s->dmabuf, DMA_BUF_IOCTL_SYNC, &sync))
        kms_fail("dma-buf sync: %s", strerror(errno));
    for (uint32_t y = 64; y < 160; y++) {
        uint32_t *row = (uint32_t *)(void *)(at + (size_t)y * s->fb.stride_bytes);

        for (uint32_t x = 64; x < 160; x++)
            row[x] = 0xffff0000u;
    }
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
    if (ioctl(s->dmabuf, DMA_BUF_IOCTL_SYNC, &sync))
        kms_fail("dma-buf sync: %s", strerror(errno));
    munmap(at, s->fb.size_bytes);
}

static void dirty(const struct kms_fb *fb)
{
    if (drmModeDirtyFB(k.fd, fb->id, NULL, 0))
        kms_fail("DIRTYFB: %s", strerror(errno));
}

/*
 * A flip to a buffer that another driver still writes is reported when that driver is done. vgem takes its fences back after
 * 10 s: a try that a busy machine stretched that far says nothing.
 */
static void flip_with_fence(const struct shared *s, bool async)
{
    struct pollfd p = {.fd = k.fd, .events = POLLIN};
    bool early, stretched;

    do {
        struct vgem_fence_attach attach = {.handle = s->vgem_handle, .flags = VGEM_FENCE_WRITE};
        struct vgem_fence_signal signal = {0};
        uint64_t begun_ns = kms_now_ns();
        int err;

        if (drmIoctl(vgem, IOCTL_VGEM_FENCE_ATTACH, &attach))
            kms_fail("vgem fence: %s", strerror(errno));
        err = kms_flip(&k, &s->fb, async, 0);
        if (err)
            kms_fail("flip to an imported buffer: %s", strerror(-err));
        early = poll(&p, 1, TOO_EARLY_MS) != 0;
        signal.fence = attach.out_fence;
        err = drmIoctl(vgem, IOCTL_VGEM_FENCE_SIGNAL, &signal) ? errno : 0;
        stretched = kms_now_ns() - begun_ns > 9000000000u;
        kms_wait_flip(&k, NULL, NULL);
        if (err && !stretched)
            kms_fail("vgem signal: %s", strerror(err));
    } while (stretched);
    if (early)
        kms_fail("%s flip was reported before its fence", async ? "asynchronous" : "ordinary");
}

static void flip(const struct shared *from, const struct shared *to)
{
    int err;

    if (vgem >= 0) {
        flip_with_fence(to, false);
        flip_with_fence(from, true);
    }
    err = kms_flip(&k, &to->fb, false, 0);
    if (err)
        kms_fail("flip to an imported buffer: %s", strerror(-err));
    kms_wait_flip(&k, NULL, NULL);
}

static int show(void)
{
    struct shared first, second, cursor;
    int err;

    import(&first, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&first.fb, o.seed);
    err = kms_try_show(&k, &first.fb);
    if (err) {
        kms_say("refused: %s", strerror(-err));
        return 0;
    }
    kms_say("shown 0 of %ux%u", k.mode.hdisplay, k.mode.vdisplay);
    if (!kms_next())
        return 0;
    square(&first);
    dirty(&first.fb);
    kms_say("shown 1 square");
    if (!kms_next())
        return 0;
    import(&cursor, CURSOR_PX, CURSOR_PX, DRM_FORMAT_ARGB8888);
    kms_fb_quarters(&cursor.fb);
    err = kms_try_cursor(&k, &cursor.fb, 100, 120);
    close_handles(&cursor);
    if (err)
        kms_say("shown 2 refused: %s", strerror(-err));
    else
        kms_say("shown 2 cursor");
    if (!kms_next())
        return 0;
    if (!err)
        kms_cursor(&k, NULL, 0, 0);
    import(&second, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&second.fb, o.seed + 1);
    flip(&first, &second);
    close_handles(&first);
    close_handles(&second);
    kms_say("shown 3 flip");
    while (kms_next())
        ;
    return 0;
}

static void must_refuse(int result, int want, const char *what)
{
    if (!result)
        kms_fail("%s is taken", what);
    if (errno != want)
        kms_fail("%s: %s instead of %s", what, strerror(errno), strerror(want));
}

static int export_check(void)
{
    uint32_t handles[4] = {0}, pitches[4] = {0}, offsets[4] = {0}, id, handle, foreign;
    struct stat here, there;
    struct shared other = {.fb = {.width_px = 64, .height_px = 64}};
    struct drm_mode_map_dumb map = {0};
    struct kms_fb fb;
    uint32_t *at;
    int dmabuf, back, file;

    /* Both mappings show the same memory, both ways, and the size is told. */
    kms_fb_new(&k, &fb, k.mode.hdisplay, k.mode.vdisplay, DRM_FORMAT_XRGB8888);
    kms_fb_pattern(&fb, o.seed);
    if (drmPrimeHandleToFD(k.fd, fb.handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf))
        kms_fail("export: %s", strerror(errno));
    if (lseek(dmabuf, 0, SEEK_END) != (off_t)fb.size_bytes)
        kms_fail("the dma-buf's size is wrong");
    at = mmap(NULL, fb.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
    if (at == MAP_FAILED)
        kms_fail("mapping an exported buffer: %s", strerror(errno));
    if (memcmp(at, fb.pixels, fb.size_bytes))
        kms_fail("the dma-buf shows other pixels");
    at[fb.size_bytes / 4 - 1] = 0x12345678;
    if (*(uint32_t *)(void *)(fb.pixels + fb.size_bytes - 4) != 0x12345678)
        kms_fail("writes through the dma-buf do not arrive");

    /* Home again it is the same handle; another driver's copy of it is the same dma-buf. */
    if (drmPrimeFDToHandle(k.fd, dmabuf, &handle) || handle != fb.handle)
        kms_fail("a buffer that comes home is another one");
    if (drmPrimeFDToHandle(vgem, dmabuf, &foreign))
        kms_fail("vgem does not take our buffer: %s", strerror(errno));
    if (drmPrimeHandleToFD(vgem, foreign, DRM_CLOEXEC, &back) || fstat(dmabuf, &here) || fstat(back, &there) ||
        here.st_ino != there.st_ino)
        kms_fail("vgem's export of our buffer is another dma-buf");
    close(back);

    /* Refusals. */
    vgem_alloc(&other);
    if (drmPrimeFDToHandle(k.fd, other.dmabuf, &map.handle))
        kms_fail("import: %s", strerror(errno));
    must_refuse(drmIoctl(k.fd, DRM_IOCTL_MODE_MAP_DUMB, &map), EINVAL, "mapping an imported buffer as a dumb one");
    handles[0] = map.handle;
    pitches[0] = other.fb.stride_bytes;
    must_refuse(drmModeAddFB2(k.fd, 64, 1024, DRM_FORMAT_XRGB8888, handles, pitches, offsets, &id, 0), EINVAL,
                "a framebuffer larger than the imported buffer");
    file = memfd_create("no dma-buf", MFD_CLOEXEC);
    must_refuse(drmPrimeFDToHandle(k.fd, file, &handle), EINVAL, "a file that is no dma-buf");
    close(file);
    must_refuse(drmPrimeFDToHandle(k.fd, 9999, &handle), EBADF, "no file at all");

    /* The memory outlives every handle of its driver. */
    drmModeRmFB(k.fd, fb.id);
    drmCloseBufferHandle(k.fd, fb.handle);
    munmap(fb.pixels, fb.size_bytes);
    if (at[fb.size_bytes / 4 - 1] != 0x12345678)
        kms_fail("the memory went with its handle");
    kms_say("export ok");
    return 0;
}

int main(int argc, char **argv)
{
    kms_signals();
    kms_options(&o, argc, argv);
    if (!o.what || (strcmp(o.what, "vgem") && strcmp(o.what, "udmabuf") && strcmp(o.what, "export")))
        kms_fail("vgem, udmabuf or export?");
    kms_open(&k, &o);
    if (strcmp(o.what, "udmabuf"))
        vgem = open_vgem();
    return strcmp(o.what, "export") ? show() : export_check();
}
