/* SPDX-License-Identifier: MIT */
/* The VMM of tests: see vmm.h. */
#include "lib/vmm.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/core.h"
#include "lib/json.h"

#define MIB          (1ull << 20)
#define VMM_MAPPINGS 20000
#define HIGH_GPA     (1ull << 32)
#define CURSOR_CAP   sizeof(((struct vmm_display *)0)->cursor_pixels)

void must_fail(const char *file, int line, const char *condition, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: not true: %s: ", file, line, condition);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    abort();
}

uint64_t vmm_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool vmm_cond_wait(struct vmm *v, uint64_t until_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};

    return pthread_cond_timedwait(&v->cond, &v->lock, &ts) == 0;
}

void vmm_order(struct vmm *v)
{
    pthread_mutex_lock(&v->lock);
    pthread_mutex_unlock(&v->lock);
}

/* ---- host callbacks ---- */

/* All but messages come from threads of the library, which have said so first (host-api T-2, T-9). */
static _Thread_local const struct vmm *of_library;

static void from_library(const struct vmm *v)
{
    must(of_library == v || v->cfg.no_device, /* where the test is part of the library */
         "a callback on a thread that is none of the library's");
}

static void raise_interrupt(void *opaque, uint32_t vector)
{
    struct vmm *v = opaque;
    void (*hook)(struct vmm *) = atomic_load(&v->on_interrupt);

    must(vector == 0, "vector %u", vector);
    from_library(v);
    if (hook)
        hook(v);
    pthread_mutex_lock(&v->lock);
    v->interrupts++;
    pthread_cond_broadcast(&v->cond);
    pthread_mutex_unlock(&v->lock);
}

static void log_line(void *opaque, enum pvg_log_level level, const char *message)
{
    struct vmm *v = opaque;
    void (*hook)(struct vmm *, const char *) = atomic_load(&v->on_log);
    char *json;

    must(!strchr(message, '\n'), "a message with a newline: %s", message);
    /* With none of the library's locks held (host-api T-3): a report takes most of them. */
    if (v->dev && !pvg_device_report(v->dev, &json))
        pvg_free(json);
    if (hook)
        hook(v, message);
    if (getenv("PVG_TEST_LOG"))
        fprintf(stderr, "%d: %s\n", level, message);
    pthread_mutex_lock(&v->lock);
    snprintf(v->lines[v->log_lines++ % VMM_LOG_LINES], sizeof(v->lines[0]), "%s", message);
    v->warnings += level <= PVG_LOG_WARN;
    pthread_cond_broadcast(&v->cond);
    pthread_mutex_unlock(&v->lock);
}

static void thread_enter(void *opaque, const char *name)
{
    struct vmm *v = opaque;
    void (*hook)(struct vmm *, const char *) = atomic_load(&v->on_thread);

    must(strlen(name) <= 15, "%s", name);
    must(!of_library, "thread_enter() twice");
    of_library = v;
    pthread_mutex_lock(&v->lock);
    v->threads++;
    pthread_mutex_unlock(&v->lock);
    if (hook)
        hook(v, name);
}

static void thread_leave(void *opaque)
{
    struct vmm *v = opaque;

    from_library(v);
    of_library = NULL;
    pthread_mutex_lock(&v->lock);
    v->threads--;
    pthread_mutex_unlock(&v->lock);
}

static void task_event(void *opaque, const struct pvg_task_event *event)
{
    struct vmm *v = opaque;

    from_library(v);
    pthread_mutex_lock(&v->lock);
    must(event->kind >= PVG_TASK_CREATED && event->kind <= PVG_TASK_UNMAPPED, "event %d", event->kind);
    v->events[event->kind]++;
    v->last_event = *event;
    pthread_cond_broadcast(&v->cond);
    pthread_mutex_unlock(&v->lock);
}

void vmm_racy(struct vmm *v, const void *p, uint64_t bytes)
{
    if (v->cfg.racy)
        v->cfg.racy(__FILE__, __LINE__, p, bytes, "memory of the guest");
}

/* ---- callback mode: tasks are reservations, maps are second mappings of the file ---- */

struct pvg_task {
    uint8_t *base;
    uint64_t bytes;
};

static bool called(struct vmm *v, uint64_t *counter, uint32_t *refusals)
{
    bool refuse;

    from_library(v);
    pthread_mutex_lock(&v->lock);
    (*counter)++;
    refuse = refusals && *refusals;
    if (refuse)
        (*refusals)--;
    pthread_mutex_unlock(&v->lock);
    return !refuse;
}

static pvg_task *create_task(void *opaque, uint64_t length_bytes, void **base)
{
    struct vmm *v = opaque;
    pvg_task *t;

    *base = NULL;
    if (!called(v, &v->creates, &v->refuse_create))
        return NULL;
    t = malloc(sizeof(*t));
    must(t, "out of memory");
    t->bytes = length_bytes;
    t->base = mmap(NULL, length_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->base == MAP_FAILED) {
        free(t);
        return NULL;
    }
    vmm_racy(v, t->base, length_bytes);
    pthread_mutex_lock(&v->lock);
    v->live_tasks++;
    pthread_mutex_unlock(&v->lock);
    *base = t->base;
    return t;
}

static void destroy_task(void *opaque, pvg_task *t)
{
    struct vmm *v = opaque;

    called(v, &v->destroys, NULL);
    munmap(t->base, t->bytes);
    free(t);
    pthread_mutex_lock(&v->lock);
    v->live_tasks--;
    pthread_mutex_unlock(&v->lock);
}

static struct vmm_block *find_block(struct vmm *v, uint64_t gpa, uint64_t bytes)
{
    for (unsigned i = 0; i < 2; i++) {
        struct vmm_block *b = &v->block[i];

        if (b->bytes && gpa >= b->gpa && gpa - b->gpa < b->bytes && bytes <= b->bytes - (gpa - b->gpa))
            return b;
    }
    return NULL;
}

static uint64_t count_mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    uint64_t lines = 0;
    int c;

    must(f, "/proc/self/maps");
    while ((c = getc(f)) != EOF)
        lines += c == '\n';
    fclose(f);
    return lines;
}

/* A process may have 65530 mappings, and dies without more: a VMM gives a guest its part, as that of QEMU does. */
static bool take_mappings(uint64_t n)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t used;
    bool ok;

    pthread_mutex_lock(&lock);
    if (used + n > VMM_MAPPINGS)
        used = count_mappings();
    ok = used + n <= VMM_MAPPINGS;
    used += ok ? n : 0;
    pthread_mutex_unlock(&lock);
    return ok;
}

static bool map_memory(void *opaque, pvg_task *t, uint32_t n, uint64_t offset_bytes, bool readonly,
                       const struct pvg_range *ranges)
{
    struct vmm *v = opaque;

    must(n > 0, "map of nothing");
    if (!called(v, &v->maps, &v->refuse_map))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!find_block(v, ranges[i].gpa, ranges[i].length_bytes))
            return false;
    if (!take_mappings(n))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct vmm_block *b = find_block(v, ranges[i].gpa, ranges[i].length_bytes);
        uint64_t bytes = ranges[i].length_bytes;

        must(offset_bytes <= t->bytes && bytes <= t->bytes - offset_bytes, "map beyond the task");
        must(mmap(t->base + offset_bytes, bytes, PROT_READ | (readonly ? 0 : PROT_WRITE), MAP_SHARED | MAP_FIXED, v->fd,
                  (off_t)(b->file_offset + (ranges[i].gpa - b->gpa))) != MAP_FAILED,
             "mmap");
        offset_bytes += bytes;
    }
    return true;
}

static bool unmap_memory(void *opaque, pvg_task *t, uint64_t offset_bytes, uint64_t length_bytes)
{
    struct vmm *v = opaque;

    called(v, &v->unmaps, NULL);
    must(offset_bytes <= t->bytes && length_bytes <= t->bytes - offset_bytes, "unmap beyond the task");
    must(mmap(t->base + offset_bytes, length_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
              -1, 0) != MAP_FAILED,
         "mmap");
    return true;
}

static bool read_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst)
{
    struct vmm *v = opaque;
    struct vmm_block *b = find_block(v, gpa, length_bytes);

    called(v, &v->reads, NULL);
    if (!b)
        return false;
    memcpy(dst, b->host + (gpa - b->gpa), length_bytes);
    vmm_order(v);
    return true;
}

/* ---- life ---- */

static void make_ram(struct vmm *v)
{
    uint64_t low = v->cfg.low_bytes ? v->cfg.low_bytes : 24 * MIB;
    uint64_t high = v->cfg.high_bytes ? v->cfg.high_bytes : 8 * MIB;

    v->ram_bytes = low + high;
    v->fd = memfd_create("pvg-test-ram", MFD_CLOEXEC);
    must(v->fd >= 0 && !ftruncate(v->fd, (off_t)v->ram_bytes), "memfd");
    v->ram = mmap(NULL, v->ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    must(v->ram != MAP_FAILED, "mmap");
    vmm_racy(v, v->ram, v->ram_bytes);
    v->block[0] = (struct vmm_block){.gpa = 0, .bytes = low, .file_offset = 0, .host = v->ram};
    v->block[1] = (struct vmm_block){.gpa = HIGH_GPA, .bytes = high, .file_offset = low, .host = v->ram + low};
}

void vmm_add_ram(struct vmm *v, unsigned i)
{
    struct vmm_block *b = &v->block[i];
    int err = pvg_device_add_ram(v->dev, b->gpa, b->bytes, b->host, v->cfg.no_fd ? -1 : v->fd, b->file_offset,
                                 v->cfg.no_fd ? 0 : PVG_RAM_SHARED);

    must(!err, "%s", pvg_error_text(err));
    b->added = true;
}

/* With PVG_TEST_RECORD=DIR every device is recorded there, from its beginning: tests/tools/test_replay.py plays them.
 */
static void record_device(struct vmm *v)
{
    static _Atomic unsigned number;
    const char *folder = getenv("PVG_TEST_RECORD");
    char path[4096];
    int fd;

    if (!folder)
        return;
    snprintf(path, sizeof(path), "%s/%03u", folder, atomic_fetch_add(&number, 1));
    if (v->cfg.unrecorded)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && !pvg_device_record(v->dev, fd), "cannot record to %s", path);
}

static void make_device(struct vmm *v)
{
    struct pvg_device_desc desc;
    int err;

    pvg_device_desc_init(&desc, sizeof(desc));
    desc.guest_page_shift = v->cfg.shift;
    desc.variant = v->cfg.shift == 14 ? PVG_VARIANT_MMIO : PVG_VARIANT_PCI;
    desc.display_port_count = v->cfg.ports;
    desc.tasks = v->cfg.tasks;
    desc.flags = v->cfg.flags;
    desc.gpu = "none";
    desc.ops = &v->ops;
    desc.opaque = v;
    err = pvg_device_new(&desc, &v->dev);
    must(!err, "pvg_device_new: %s", pvg_error_text(err));
    record_device(v);
    if (v->cfg.tasks == PVG_TASKS_TABLE)
        for (unsigned i = 0; i < 2; i++)
            vmm_add_ram(v, i);
}

void vmm_init(struct vmm *v, const struct vmm_config *cfg)
{
    pthread_condattr_t attr;

    memset(v, 0, sizeof(*v));
    if (cfg)
        v->cfg = *cfg;
    if (!v->cfg.shift)
        v->cfg.shift = 12;
    if (!v->cfg.ports)
        v->cfg.ports = 1;
    pthread_mutex_init(&v->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&v->cond, &attr);
    pthread_condattr_destroy(&attr);
    make_ram(v);
    v->ops = (struct pvg_host_ops){.size = sizeof(v->ops),
                                   .raise_interrupt = raise_interrupt,
                                   .log = log_line,
                                   .thread_enter = thread_enter,
                                   .thread_leave = thread_leave,
                                   .task_event = task_event};
    if (v->cfg.tasks == PVG_TASKS_CALLBACKS) {
        v->ops.create_task = create_task;
        v->ops.destroy_task = destroy_task;
        v->ops.map_memory = map_memory;
        v->ops.unmap_memory = unmap_memory;
        v->ops.read_memory = read_memory;
    }
    if (!v->cfg.no_device)
        make_device(v);
}

void vmm_fini(struct vmm *v)
{
    pvg_device_free(v->dev);
    v->dev = NULL;
    must(v->threads == 0, "%u threads are left", v->threads);
    must(v->live_tasks == 0, "%llu tasks are left", (unsigned long long)v->live_tasks);
    munmap(v->ram, v->ram_bytes);
    close(v->fd);
    pthread_cond_destroy(&v->cond);
    pthread_mutex_destroy(&v->lock);
}

void *vmm_at(struct vmm *v, uint64_t gpa)
{
    struct vmm_block *b = find_block(v, gpa, 1);

    return b ? b->host + (gpa - b->gpa) : NULL;
}

uint64_t vmm_read(struct vmm *v, uint64_t offset, unsigned size)
{
    return v->core ? core_mmio_read(v->core, offset, size) : pvg_device_mmio_read(v->dev, offset, size);
}

void vmm_write(struct vmm *v, uint64_t offset, uint64_t value, unsigned size)
{
    if (v->core)
        core_mmio_write(v->core, offset, value, size);
    else
        pvg_device_mmio_write(v->dev, offset, value, size);
}

/* ---- displays ---- */

/* The calls of one display are serial, from one thread (host-api T-4). */
static void being_told(struct vmm_display *d)
{
    from_library(d->vmm);
    must(!atomic_exchange(&d->in_callback, true), "port %u: a callback within another", d->port);
    sched_yield(); /* another one has its chance */
    pthread_mutex_lock(&d->vmm->lock);
}

static void told(struct vmm_display *d)
{
    atomic_store(&d->in_callback, false);
    pthread_cond_broadcast(&d->vmm->cond);
    pthread_mutex_unlock(&d->vmm->lock);
}

static void on_mode(void *opaque, uint32_t width_px, uint32_t height_px, uint32_t fourcc)
{
    struct vmm_display *d = opaque;

    being_told(d);
    d->modes++;
    d->width = width_px;
    d->height = height_px;
    d->fourcc = fourcc;
    told(d);
}

static void on_frame(void *opaque, uint64_t sequence)
{
    struct vmm_display *d = opaque;

    being_told(d);
    d->backwards = d->backwards || sequence <= d->sequence;
    d->frames++;
    d->frame_before_mode = d->frame_before_mode || !d->modes;
    d->sequence = sequence;
    d->frame_width = d->width;
    d->frame_height = d->height;
    told(d);
}

static void on_cursor(void *opaque, const struct pvg_cursor *cursor)
{
    struct vmm_display *d = opaque;
    size_t row = 4u * cursor->width_px;

    being_told(d);
    must(cursor->stride_bytes >= row, "stride %u", cursor->stride_bytes);
    d->cursors++;
    d->cursor = *cursor;
    d->cursor.pixels = NULL;
    if (row * cursor->height_px <= CURSOR_CAP)
        for (uint32_t y = 0; y < cursor->height_px; y++)
            memcpy(d->cursor_pixels + y * row, cursor->pixels + (size_t)y * cursor->stride_bytes, row);
    told(d);
}

static void on_cursor_show(void *opaque, bool visible)
{
    struct vmm_display *d = opaque;

    being_told(d);
    d->shows++;
    d->visible = visible;
    told(d);
}

static void on_cursor_move(void *opaque, uint16_t x_px, uint16_t y_px)
{
    struct vmm_display *d = opaque;

    being_told(d);
    d->moves++;
    d->at = (struct pvg_coord){x_px, y_px};
    told(d);
}

static const struct pvg_display_ops with_cursor = {.size = sizeof(with_cursor),
                                                   .on_mode = on_mode,
                                                   .on_frame = on_frame,
                                                   .on_cursor = on_cursor,
                                                   .on_cursor_show = on_cursor_show,
                                                   .on_cursor_move = on_cursor_move};
static const struct pvg_display_ops without_cursor = {
    .size = sizeof(without_cursor), .on_mode = on_mode, .on_frame = on_frame};

struct vmm_display *vmm_display_new(struct vmm *v, uint32_t port, const struct pvg_mode *modes, size_t n,
                                    bool draw_cursor)
{
    static _Atomic uint32_t serials = 100;
    struct vmm_display *d = &v->display[port];
    struct pvg_display_desc desc;
    int err;

    *d = (struct vmm_display){.vmm = v, .port = port, .serial = ++serials};
    pvg_display_desc_init(&desc, sizeof(desc));
    desc.name = "Test monitor";
    desc.width_mm = 480;
    desc.height_mm = 270;
    desc.ops = draw_cursor ? &without_cursor : &with_cursor;
    desc.opaque = d;
    err = pvg_display_new(v->dev, &desc, port, d->serial, &d->disp);
    must(!err, "pvg_display_new: %s", pvg_error_text(err));
    if (n) {
        err = pvg_display_set_modes(d->disp, modes, n);
        must(!err, "pvg_display_set_modes: %s", pvg_error_text(err));
    }
    return d;
}

/* ---- report ---- */

static char *report(struct vmm *v)
{
    char *json;
    int err = pvg_device_report(v->dev, &json);

    must(!err, "pvg_device_report: %s", pvg_error_text(err));
    must(json_valid(json), "the report is not JSON: %s", json);
    return json;
}

uint64_t vmm_report_number(struct vmm *v, const char *path)
{
    char *json = report(v);
    double n;

    json_number(json, path, &n);
    pvg_free(json);
    return (uint64_t)n;
}

uint64_t vmm_fifo_number(struct vmm *v, uint32_t channel, const char *member)
{
    char *json = report(v), path[64];
    double id, n = 0;

    for (unsigned i = 0; i < 32; i++) {
        snprintf(path, sizeof(path), "fifos.%u.channel", i);
        if (!json_number(json, path, &id) || id != channel)
            continue;
        snprintf(path, sizeof(path), "fifos.%u.%s", i, member);
        json_number(json, path, &n);
        break;
    }
    pvg_free(json);
    return (uint64_t)n;
}

uint64_t vmm_refused(struct vmm *v, const char *reason)
{
    char path[128];

    snprintf(path, sizeof(path), "refusals.%s.count", reason);
    return vmm_report_number(v, path);
}

uint64_t vmm_refused_total(struct vmm *v)
{
    char *json = report(v);
    double n = json_sum(json, "refusals", "count");

    pvg_free(json);
    return (uint64_t)n;
}

bool vmm_report_has(struct vmm *v, const char *text)
{
    char *json = report(v);
    bool has = strstr(json, text) != NULL;

    pvg_free(json);
    return has;
}

unsigned vmm_logged(struct vmm *v, const char *text)
{
    unsigned n = 0;

    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; i < VMM_LOG_LINES; i++)
        n += strstr(v->lines[i], text) != NULL;
    pthread_mutex_unlock(&v->lock);
    return n;
}
