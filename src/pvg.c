/* SPDX-License-Identifier: MIT */
/*
 * Composition: makes a device of log, recorder, guest memory, core, objects and displays, and carries the public calls of
 * include/pvg/device.h to them. No protocol knowledge here.
 */
#include <pvg/pvg.h>

#include <stdlib.h>
#include <string.h>

#include "base/desc.h"
#include "base/limits.h"
#include "core/core.h"
#include "display/display.h"
#include "iosfc/iosfc.h"
#include "object/object.h"

struct pvg_device {
    struct pvg_device_desc desc;
    struct pvg_host_ops ops;     /* the VMM's table; what its headers did not know is NULL */
    struct log log;
    struct recorder recorder;
    struct gmem *gmem;
    struct core *core;
    struct object_set *objects;
    struct display_set *displays;
    pthread_mutex_t life_lock;   /* pause, unpause, stop, reset one at a time; protects the two below */
    bool paused;
    pthread_mutex_t report_lock; /* callbacks may ask for a report while a life-cycle call waits for them */
    struct pvg_iosfc *mapper;    /* MMIO variant: borrowed between pvg_iosfc_new() and _free(); NULL: none; changes under
                                    both locks */
};

const char *pvg_version(void)
{
    return PVG_VERSION;
}

const char *pvg_error_text(int err)
{
    switch (err) {
    case PVG_OK:
        return "no error";
    case PVG_ERR_INVALID:
        return "invalid argument";
    case PVG_ERR_NOMEM:
        return "out of memory";
    case PVG_ERR_UNSUPPORTED:
        return "not supported by this build or host";
    case PVG_ERR_STOPPED:
        return "the device is stopped";
    case PVG_ERR_NO_FRAME:
        return "the display has not shown anything yet";
    case PVG_ERR_NOT_RAM:
        return "the address is not guest RAM";
    case PVG_ERR_IN_USE:
        return "already in use";
    case PVG_ERR_SYSTEM:
        return "the operating system refused";
    case PVG_ERR_NO_GPU:
        return "no such GPU";
    case PVG_ERR_REFUSED:
        return "guest data was refused";
    }
    return "unknown error";
}

uint32_t pvg_max_display_ports(void)
{
    return LIMIT_PORTS;
}

void pvg_free(void *memory)
{
    free(memory);
}

const char *pvg_option_rom_path(void)
{
    return NULL;
}

void pvg_device_desc_init(struct pvg_device_desc *desc, size_t size)
{
    const struct pvg_device_desc defaults = {
        .size = size, .variant = PVG_VARIANT_PCI, .display_port_count = 1, .mmio_length_bytes = PVG_MMIO_LENGTH};

    memset(desc, 0, size);
    memcpy(desc, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static int check_desc(const struct pvg_device_desc *d, const struct pvg_host_ops *ops)
{
    if (d->variant != PVG_VARIANT_PCI && d->variant != PVG_VARIANT_MMIO)
        return PVG_ERR_INVALID;
    if ((d->guest_page_shift != 12 && d->guest_page_shift != 14) || d->mmio_length_bytes != PVG_MMIO_LENGTH)
        return PVG_ERR_INVALID;
    if (d->display_port_count < 1 || d->display_port_count > LIMIT_PORTS)
        return PVG_ERR_INVALID;
    if (d->flags & ~(PVG_DEVICE_STRICT | PVG_DEVICE_HOLD_PRESENTS))
        return PVG_ERR_INVALID;
    if (!ops->raise_interrupt)
        return PVG_ERR_INVALID;
    switch (d->tasks) {
    case PVG_TASKS_TABLE:
        return 0;
    case PVG_TASKS_CALLBACKS:
        return ops->create_task && ops->destroy_task && ops->map_memory && ops->unmap_memory && ops->read_memory
                   ? 0
                   : PVG_ERR_INVALID;
    }
    return PVG_ERR_INVALID;
}

/* Which GPU: this version has no renderer, so the only honest answers are none and "not there" (decision 3). */
static int choose_gpu(struct pvg_device *dev, const char *gpu)
{
    if (gpu && !strcmp(gpu, "none"))
        return 0;
    if (!gpu || !strcmp(gpu, "auto")) {
        log_msg(&dev->log, PVG_LOG_INFO, "this version shows displays and has no renderer: the guest is not offered a GPU");
        return 0;
    }
    log_msg(&dev->log, PVG_LOG_ERROR, "GPU \"%s\" was asked for: this version has no renderer; use gpu=none or gpu=auto",
            gpu);
    return PVG_ERR_NO_GPU;
}

static int make_parts(struct pvg_device *dev)
{
    const struct gmem_config gmem = {.page_shift = dev->desc.guest_page_shift,
                                     .tasks = dev->desc.tasks,
                                     .ops = &dev->ops,
                                     .opaque = dev->desc.opaque,
                                     .log = &dev->log,
                                     .recorder = &dev->recorder};
    struct core_config core = {.flags = dev->desc.flags,
                               .ops = &dev->ops,
                               .opaque = dev->desc.opaque,
                               .log = &dev->log,
                               .recorder = &dev->recorder,
                               .capabilities = capabilities_display_only()};
    struct display_config display = {.ports = dev->desc.display_port_count,
                                     .hold_presents = dev->desc.flags & PVG_DEVICE_HOLD_PRESENTS};
    int err;

    err = gmem_new(&gmem, &dev->gmem);
    if (err)
        return err;
    core.gmem = dev->gmem;
    err = core_new(&core, &dev->core);
    if (err)
        return err;
    err = object_set_new(dev->core, &dev->objects);
    if (err)
        return err;
    display.core = dev->core;
    display.provider = object_picture_provider(dev->objects);
    err = display_set_new(&display, &dev->displays);
    if (err)
        return err;
    return core_start(dev->core);
}

int pvg_device_new(const struct pvg_device_desc *user, struct pvg_device **out)
{
    struct pvg_device *dev;
    int err;

    *out = NULL;
    dev = calloc(1, sizeof(*dev));
    if (!dev)
        return PVG_ERR_NOMEM;
    err = desc_copy(&dev->desc, sizeof(dev->desc), user, user->size);
    if (!err)
        err = dev->desc.ops ? desc_copy(&dev->ops, sizeof(dev->ops), dev->desc.ops, dev->desc.ops->size)
                            : PVG_ERR_INVALID;
    if (!err)
        err = check_desc(&dev->desc, &dev->ops);
    if (err) {
        free(dev);
        return err;
    }
    log_init(&dev->log, dev->ops.log, dev->desc.opaque);
    recorder_init(&dev->recorder);
    pthread_mutex_init(&dev->life_lock, NULL);
    pthread_mutex_init(&dev->report_lock, NULL);
    err = choose_gpu(dev, dev->desc.gpu);
    dev->desc.gpu = NULL; /* borrowed for the call */
    if (!err)
        err = make_parts(dev);
    if (err) {
        pvg_device_free(dev);
        return err;
    }
    *out = dev;
    return 0;
}

void pvg_device_free(struct pvg_device *dev)
{
    if (!dev)
        return;
    if (dev->core && dev->displays)
        pvg_device_stop(dev);
    display_set_free(dev->displays);
    core_free(dev->core);
    object_set_free(dev->objects);
    gmem_free(dev->gmem);
    recorder_fini(&dev->recorder);
    log_fini(&dev->log);
    pthread_mutex_destroy(&dev->report_lock);
    pthread_mutex_destroy(&dev->life_lock);
    free(dev);
}

int pvg_device_add_ram(struct pvg_device *dev, uint64_t gpa, uint64_t length_bytes, void *host_va, int fd,
                       uint64_t fd_offset_bytes, uint32_t flags)
{
    return gmem_add_ram(dev->gmem, gpa, length_bytes, host_va, fd, fd_offset_bytes, flags);
}

int pvg_device_del_ram(struct pvg_device *dev, uint64_t gpa, uint64_t length_bytes)
{
    return gmem_del_ram(dev->gmem, gpa, length_bytes);
}

uint64_t pvg_device_mmio_read(struct pvg_device *dev, uint64_t offset, unsigned size)
{
    return core_mmio_read(dev->core, offset, size);
}

void pvg_device_mmio_write(struct pvg_device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    core_mmio_write(dev->core, offset, value, size);
}

int pvg_device_pause(struct pvg_device *dev)
{
    if (core_stopped(dev->core))
        return PVG_ERR_STOPPED;
    pthread_mutex_lock(&dev->life_lock);
    dev->paused = true;
    core_pause(dev->core);
    display_set_pause(dev->displays);
    if (dev->mapper)
        iosfc_pause(dev->mapper);
    pthread_mutex_unlock(&dev->life_lock);
    return 0;
}

int pvg_device_unpause(struct pvg_device *dev)
{
    if (core_stopped(dev->core))
        return PVG_ERR_STOPPED;
    pthread_mutex_lock(&dev->life_lock);
    dev->paused = false;
    core_unpause(dev->core);
    display_set_unpause(dev->displays);
    if (dev->mapper)
        iosfc_unpause(dev->mapper);
    pthread_mutex_unlock(&dev->life_lock);
    return 0;
}

/* What a replay is compared with at its end (docs/record.md): before stopping clears it. */
static void record_report(struct pvg_device *dev)
{
    char *json;

    if (!recorder_on(&dev->recorder) || core_stopped(dev->core) || pvg_device_report(dev, &json))
        return;
    recorder_add(&dev->recorder, RECORD_REPORT, json, strlen(json), NULL, 0);
    pvg_free(json);
}

void pvg_device_stop(struct pvg_device *dev)
{
    record_report(dev);
    pthread_mutex_lock(&dev->life_lock);
    core_stop(dev->core);
    display_set_stop(dev->displays);
    if (dev->mapper)
        iosfc_stop(dev->mapper);
    pthread_mutex_unlock(&dev->life_lock);
}

void pvg_device_reset(struct pvg_device *dev)
{
    pthread_mutex_lock(&dev->life_lock);
    core_reset(dev->core);
    pthread_mutex_unlock(&dev->life_lock);
}

int pvg_device_suspend_begin(struct pvg_device *dev)
{
    (void)dev; /* not built yet */
    return PVG_ERR_UNSUPPORTED;
}

int pvg_device_suspend_finish(struct pvg_device *dev, void **state, size_t *length_bytes)
{
    (void)dev; /* not built yet */
    *state = NULL;
    *length_bytes = 0;
    return PVG_ERR_UNSUPPORTED;
}

int pvg_device_resume_begin(struct pvg_device *dev, const void *state, size_t length_bytes, enum pvg_resume *reason)
{
    (void)dev; /* not built yet */
    (void)state;
    (void)length_bytes;
    *reason = PVG_RESUME_INTERNAL_FAULT;
    return PVG_ERR_UNSUPPORTED;
}

int pvg_device_resume_finish(struct pvg_device *dev)
{
    (void)dev; /* not built yet */
    return PVG_ERR_UNSUPPORTED;
}

static bool sentence(struct str *json, bool comma, const char *text)
{
    str_add(json, "%s", comma ? "," : "");
    str_add_json(json, text);
    return true;
}

/* "Why is my screen black": sentences in the order in which a guest gets to its first picture. */
static void diagnose(struct pvg_device *dev, struct str *json)
{
    bool comma = false;

    str_add(json, "\"diagnosis\":[");
    if (core_stopped(dev->core))
        comma = sentence(json, comma, "the device is stopped");
    else if (core_silent(dev->core))
        comma = sentence(json, comma, "the virtual machine is paused");
    if (dev->desc.tasks == PVG_TASKS_TABLE && !gmem_ram_bytes(dev->gmem))
        comma = sentence(json, comma, "the VMM has not told the device about guest RAM");
    if (!core_version(dev->core))
        comma = sentence(json, comma,
                         "no guest driver has spoken to the device: the guest has none for it, or has not booted so far");
    else if (!core_enabled(dev->core))
        comma = sentence(json, comma, "the guest driver has not enabled the command FIFO, or has shut it down");
    else
        comma = display_set_diagnose(dev->displays, json, comma);
    if (!comma)
        sentence(json, comma, "nothing is wrong from here: the guest presents and its pictures are taken");
    str_add(json, "]");
}

int pvg_device_report(struct pvg_device *dev, char **out)
{
    struct str json = {0};

    *out = NULL;
    str_add(&json, "{\"libpvg\":\"%s\",\"variant\":\"%s\",\"page_shift\":%u,\"ports\":%u,\"tasks_mode\":\"%s\",",
            PVG_VERSION, dev->desc.variant == PVG_VARIANT_PCI ? "pci" : "mmio", dev->desc.guest_page_shift,
            dev->desc.display_port_count, dev->desc.tasks == PVG_TASKS_TABLE ? "table" : "callbacks");
    if (dev->desc.tasks == PVG_TASKS_TABLE)
        str_add(&json, "\"ram_bytes\":%llu,", (unsigned long long)gmem_ram_bytes(dev->gmem));
    diagnose(dev, &json);
    str_add(&json, ",\"recording\":\"%s\",", recorder_state_text(&dev->recorder));
    core_report(dev->core, &json);
    pthread_mutex_lock(&dev->report_lock);
    if (dev->mapper) {
        str_add(&json, ",");
        iosfc_report(dev->mapper, &json);
    }
    pthread_mutex_unlock(&dev->report_lock);
    str_add(&json, "}");
    if (json.bad) {
        str_fini(&json);
        return PVG_ERR_NOMEM;
    }
    *out = json.text;
    return 0;
}

int pvg_device_record(struct pvg_device *dev, int fd)
{
    const uint32_t device[5] = {dev->desc.guest_page_shift, dev->desc.display_port_count, dev->desc.variant,
                                dev->desc.flags, dev->desc.tasks};
    int err;

    record_report(dev);
    err = recorder_set(&dev->recorder, fd, device);
    if (!err && fd >= 0) {
        gmem_record_ram(dev->gmem);
        display_set_record(dev->displays);
        pthread_mutex_lock(&dev->report_lock);
        if (dev->mapper)
            iosfc_record_state(dev->mapper, RECORD_MAPPER_THERE);
        pthread_mutex_unlock(&dev->report_lock);
    }
    return err;
}

int pvg_display_new(struct pvg_device *dev, const struct pvg_display_desc *desc, uint32_t port, uint32_t serial,
                    struct pvg_display **out)
{
    return display_attach(dev->displays, desc, port, serial, out);
}

/* ---- the surface mapper ---- */

static void settle_mapping(void *ctx, struct gmem_pin *pin, uint32_t mapping)
{
    display_settle_mapping(((struct pvg_device *)ctx)->displays, pin, mapping);
}

static void drop_mappings(void *ctx)
{
    display_drop_mappings(((struct pvg_device *)ctx)->displays);
}

static void set_mapper(struct pvg_device *dev, struct pvg_iosfc *mapper)
{
    pthread_mutex_lock(&dev->report_lock);
    dev->mapper = mapper;
    pthread_mutex_unlock(&dev->report_lock);
}

/* The VMM frees the mapper: nobody finds it any more, and with everybody paused nobody is using it. */
static void mapper_gone(void *ctx)
{
    struct pvg_device *dev = ctx;
    bool pause;

    pthread_mutex_lock(&dev->life_lock);
    pause = !dev->paused && !core_stopped(dev->core);
    if (pause) {
        core_pause(dev->core);
        display_set_pause(dev->displays);
    }
    set_mapper(dev, NULL);
    display_set_mapper(dev->displays, NULL);
    display_drop_mappings(dev->displays);
    if (pause) {
        core_unpause(dev->core);
        display_set_unpause(dev->displays);
    }
    pthread_mutex_unlock(&dev->life_lock);
}

void pvg_iosfc_desc_init(struct pvg_iosfc_desc *desc, size_t size)
{
    const struct pvg_iosfc_desc defaults = {.size = size, .mmio_length_bytes = PVG_IOSFC_MMIO_LENGTH};

    memset(desc, 0, size);
    memcpy(desc, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

int pvg_iosfc_new(struct pvg_device *dev, const struct pvg_iosfc_desc *desc, struct pvg_iosfc **out)
{
    const struct iosfc_hooks hooks = {
        .ctx = dev, .settle = settle_mapping, .drop = drop_mappings, .gone = mapper_gone};
    int err;

    *out = NULL;
    if (dev->desc.variant != PVG_VARIANT_MMIO)
        return PVG_ERR_INVALID;
    pthread_mutex_lock(&dev->life_lock);
    err = dev->mapper               ? PVG_ERR_IN_USE
          : core_stopped(dev->core) ? PVG_ERR_STOPPED
                                    : iosfc_new(dev->core, desc, &hooks, out);
    if (!err) {
        const struct picture_provider pictures = iosfc_picture_provider(*out);

        if (dev->paused)
            iosfc_pause(*out);
        set_mapper(dev, *out);
        display_set_mapper(dev->displays, &pictures);
    }
    pthread_mutex_unlock(&dev->life_lock);
    return err;
}
