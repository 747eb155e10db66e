/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties of the apple-gfx devices. They are QOM class properties of our
 * own, not qdev's, because those have another form in every QEMU generation;
 * one consequence is that the list property display-modes takes JSON in all of
 * them.
 *
 * properties.txt documents every property; a test compares it with what QEMU
 * reports. All functions run in the main loop.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-builtin-visit.h"
#include "qapi/visitor.h"
#include "hw/pci/pci_ids.h"
#include "hw/qdev-core.h"
#include "apple-gfx.h"

/* Limits of the library's modes (pvg/display.h); messages name them. */
#define MAX_EDGE_PX 8192
#define MAX_RATE_HZ 480

/* --- Mode lists --- */

static bool parse_number(const char **p, unsigned long max, unsigned long *out)
{
    unsigned long n = 0;
    const char *start = *p;

    while (g_ascii_isdigit(**p)) {
        n = MIN(n * 10 + (**p - '0'), max + 1);
        (*p)++;
    }
    *out = n;
    return *p != start && n >= 1 && n <= max;
}

/* One mode, <width>x<height>@<rate>; the rate may have decimals. */
static bool parse_mode(const char *text, struct pvg_mode *mode, Error **errp)
{
    const char *p = text, *rate;
    unsigned long width, height;
    char *end = NULL;
    double hz;

    if (!parse_number(&p, MAX_EDGE_PX, &width) || *p++ != 'x' ||
        !parse_number(&p, MAX_EDGE_PX, &height) || *p++ != '@') {
        goto bad;
    }
    for (rate = p; g_ascii_isdigit(*p) || *p == '.'; p++) {
        ; /* decimal digits only: no sign, exponent or "inf" */
    }
    if (*p || p == rate) {
        goto bad;
    }
    hz = g_ascii_strtod(rate, &end);
    if (end != p || !(hz >= 1 && hz <= MAX_RATE_HZ)) {
        goto bad;
    }
    *mode = (struct pvg_mode) {
        .width_px = width, .height_px = height, .refresh_hz = hz,
    };
    return true;

bad:
    error_setg(errp, "'%s' is not a mode: write WIDTHxHEIGHT@RATE, for example "
               "1920x1080@60, with edges of 1 to %d pixels and rates of 1 to "
               "%d Hz", text, MAX_EDGE_PX, MAX_RATE_HZ);
    return false;
}

static bool add_mode(AppleGFXModes *modes, const char *text, Error **errp)
{
    if (modes->n == PVG_MAX_MODES) {
        error_setg(errp, "more than %d modes, from '%s' on", PVG_MAX_MODES, text);
        return false;
    }
    if (!parse_mode(text, &modes->mode[modes->n], errp)) {
        return false;
    }
    modes->n++;
    return true;
}

static char *mode_text(const struct pvg_mode *mode)
{
    char rate[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd(rate, sizeof(rate), "%.6g", mode->refresh_hz);
    return g_strdup_printf("%ux%u@%s", mode->width_px, mode->height_px, rate);
}

char *apple_gfx_modes_text(const struct pvg_mode *mode, size_t n)
{
    GString *text = g_string_new(NULL);
    size_t i;

    for (i = 0; i < n; i++) {
        g_autofree char *one = mode_text(&mode[i]);

        g_string_append_printf(text, "%s%s", i ? ":" : "", one);
    }
    return g_string_free(text, false);
}

void apple_gfx_default_modes(AppleGFXModes *modes)
{
    static const char *const defaults[] = {
        "1920x1080@60", "1440x1080@60", "1280x1024@60",
    };
    size_t i;

    modes->n = 0;
    for (i = 0; i < G_N_ELEMENTS(defaults); i++) {
        add_mode(modes, defaults[i], &error_abort);
    }
}

/* Takes a new list; on a running device the guest sees it at once. */
static void take_modes(AppleGFXDisplay *d, const AppleGFXModes *modes,
                       Error **errp)
{
    AppleGFXState *s = d->s;
    uint32_t i;

    d->modes = *modes;
    if (!d->port && !modes->n) {
        apple_gfx_default_modes(&d->modes);
    }
    for (i = d->port; i < s->display_count; i++) {
        AppleGFXDisplay *other = &s->display[i];

        /* Displays without a list follow the first one. */
        if (!other->disp || (other != d && (d->port || other->modes.n))) {
            continue;
        }
        other->ui_width_px = other->ui_height_px = 0;
        if (!apple_gfx_display_set_modes(other, errp)) {
            return;
        }
    }
}

static void get_modes(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    AppleGFXDisplay *d = &s->display[GPOINTER_TO_UINT(opaque)];
    g_autofree char *text = apple_gfx_modes_text(d->modes.mode, d->modes.n);
    char *p = text;

    visit_type_str(v, name, &p, errp);
}

static void set_modes(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    ERRP_GUARD();
    AppleGFXState *s = apple_gfx_from_object(obj);
    g_autofree AppleGFXModes *modes = g_new0(AppleGFXModes, 1);
    g_autofree char *text = NULL;
    g_auto(GStrv) list = NULL;
    unsigned i;

    if (!visit_type_str(v, name, &text, errp)) {
        return;
    }
    list = g_strsplit(text, ":", -1);
    for (i = 0; list[i]; i++) {
        if (!add_mode(modes, list[i], errp)) {
            error_prepend(errp, "%s: ", name);
            return;
        }
    }
    take_modes(&s->display[GPOINTER_TO_UINT(opaque)], modes, errp);
}

static void get_display_modes(Object *obj, Visitor *v, const char *name,
                              void *opaque, Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    const AppleGFXModes *modes = &s->display[0].modes;
    strList *list = NULL;
    size_t i = modes->n;

    while (i--) {
        strList *entry = g_new0(strList, 1);

        entry->value = mode_text(&modes->mode[i]);
        entry->next = list;
        list = entry;
    }
    visit_type_strList(v, name, &list, errp);
    qapi_free_strList(list);
}

static void set_display_modes(Object *obj, Visitor *v, const char *name,
                              void *opaque, Error **errp)
{
    ERRP_GUARD();
    AppleGFXState *s = apple_gfx_from_object(obj);
    g_autofree AppleGFXModes *modes = g_new0(AppleGFXModes, 1);
    strList *list = NULL, *entry;

    if (!visit_type_strList(v, name, &list, errp)) {
        return;
    }
    for (entry = list; entry; entry = entry->next) {
        if (!add_mode(modes, entry->value, errp)) {
            error_prepend(errp, "%s: ", name);
            goto out;
        }
    }
    take_modes(&s->display[0], modes, errp);
out:
    qapi_free_strList(list);
}

/* --- Other properties of one display --- */

/* False, with an error, once the guest can see the device. */
static bool may_change(Object *obj, const char *name, Error **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "%s can only be given with -device", name);
        return false;
    }
    return true;
}

static void get_name(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    const char *text = s->display[GPOINTER_TO_UINT(opaque)].name;
    g_autofree char *copy = g_strdup(text ? text : "");

    visit_type_str(v, name, &copy, errp);
}

static void set_name(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    AppleGFXDisplay *d = &s->display[GPOINTER_TO_UINT(opaque)];
    char *text = NULL;

    if (!may_change(obj, name, errp) || !visit_type_str(v, name, &text, errp)) {
        return;
    }
    g_free(d->name);
    d->name = text;
}

static void get_serial(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);

    visit_type_uint32(v, name, &s->display[GPOINTER_TO_UINT(opaque)].serial,
                      errp);
}

static void set_serial(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);

    if (may_change(obj, name, errp)) {
        visit_type_uint32(v, name, &s->display[GPOINTER_TO_UINT(opaque)].serial,
                          errp);
    }
}

static void get_connected(Object *obj, Visitor *v, const char *name,
                          void *opaque, Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);

    visit_type_bool(v, name, &s->display[GPOINTER_TO_UINT(opaque)].connected,
                    errp);
}

static void set_connected(Object *obj, Visitor *v, const char *name,
                          void *opaque, Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    AppleGFXDisplay *d = &s->display[GPOINTER_TO_UINT(opaque)];

    if (visit_type_bool(v, name, &d->connected, errp) && d->disp) {
        apple_gfx_display_set_connected(d);
    }
}

/* --- Plain values of the device --- */

typedef struct AppleGFXField {
    const char *name;
    /* in AppleGFXState, of a uint32_t, bool or char * */
    size_t offset;
    uint32_t min, max;      /* of a number */
    uint32_t value;         /* default of a number or switch */
    uint32_t mmio_value;    /* the memory-mapped variant's, if not 0 */
    bool pci_only;
    const char *text;       /* default of a string */
    const char *choices[4]; /* of a string; none: anything */
    const char *help;
} AppleGFXField;

static void *field_of(Object *obj, const AppleGFXField *f)
{
    return (uint8_t *)apple_gfx_from_object(obj) + f->offset;
}

static void get_number(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    visit_type_uint32(v, name, field_of(obj, opaque), errp);
}

static void set_number(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    const AppleGFXField *f = opaque;
    uint32_t value;

    if (!may_change(obj, name, errp) ||
        !visit_type_uint32(v, name, &value, errp)) {
        return;
    }
    if (value < f->min || value > f->max) {
        error_setg(errp, "%s=%u: %u to %u are possible", name, value, f->min,
                   f->max);
        return;
    }
    *(uint32_t *)field_of(obj, f) = value;
}

static void get_switch(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    visit_type_bool(v, name, field_of(obj, opaque), errp);
}

static void set_switch(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    if (may_change(obj, name, errp)) {
        visit_type_bool(v, name, field_of(obj, opaque), errp);
    }
}

static void get_text(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    char **field = field_of(obj, opaque);
    g_autofree char *copy = g_strdup(*field ? *field : "");

    visit_type_str(v, name, &copy, errp);
}

static void set_text(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    const AppleGFXField *f = opaque;
    char **field = field_of(obj, f);
    g_autofree char *text = NULL;
    g_autofree char *all = NULL;
    unsigned i;

    if (!may_change(obj, name, errp) || !visit_type_str(v, name, &text, errp)) {
        return;
    }
    for (i = 0; f->choices[i] && strcmp(text, f->choices[i]) != 0; i++) {
        ; /* look it up */
    }
    if (i && !f->choices[i]) {
        all = g_strjoinv(", ", (char **)f->choices);
        error_setg(errp, "%s=%s: possible are %s", name, text, all);
        return;
    }
    g_free(*field);
    *field = g_steal_pointer(&text);
}

/* --- Recording and tracing, which may be switched at any time --- */

static void get_record(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    g_autofree char *copy = g_strdup(s->record ? s->record : "");

    visit_type_str(v, name, &copy, errp);
}

static void set_record(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    g_autofree char *path = NULL;

    if (!visit_type_str(v, name, &path, errp) ||
        (s->dev && !apple_gfx_record(s, path, errp))) {
        return;
    }
    g_free(s->record);
    s->record = g_steal_pointer(&path);
}

#ifdef APPLE_GFX_PLUGIN
static void get_trace(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    bool is_file = strcmp(name, "trace-file") == 0;
    g_autofree char *copy = g_strdup(is_file ? apple_gfx_trace_file_get() :
                                     apple_gfx_trace_get());

    visit_type_str(v, name, &copy, errp);
}

static void set_trace(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    g_autofree char *text = NULL;

    if (visit_type_str(v, name, &text, errp)) {
        if (strcmp(name, "trace-file") == 0) {
            apple_gfx_trace_file(text, errp);
        } else {
            apple_gfx_trace_set(text, errp);
        }
    }
}
#endif

/* --- Read-only --- */

static void get_counter(Object *obj, Visitor *v, const char *name, void *opaque,
                        Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < APPLE_GFX_MAX_DISPLAYS; i++) {
        AppleGFXDisplay *d = &s->display[i];

        if (!d->disp) {
            continue;
        }
        if (strcmp(name, "guest-presents") == 0) {
            sum += pvg_display_guest_presents(d->disp);
        } else if (strcmp(name, "host-presents") == 0) {
            sum += pvg_display_host_presents(d->disp);
        } else {
            sum += d->frames_dropped;
        }
    }
    visit_type_uint64(v, name, &sum, errp);
}

static void get_report(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    AppleGFXState *s = apple_gfx_from_object(obj);
    char *json = NULL, *p;
    int err = s->dev ? pvg_device_report(s->dev, &json) : PVG_ERR_STOPPED;

    if (err) {
        error_setg(errp, "report: %s", pvg_error_text(err));
        return;
    }
    p = json;
    visit_type_str(v, name, &p, errp);
    pvg_free(json);
}

static void get_version(Object *obj, Visitor *v, const char *name, void *opaque,
                        Error **errp)
{
    g_autofree char *text = g_strdup_printf("%s for QEMU %s", pvg_version(),
                                            QEMU_VERSION);

    visit_type_str(v, name, &text, errp);
}

/* --- Tables --- */

#define STATE(member) .offset = offsetof(AppleGFXState, member)

static AppleGFXField numbers[] = {
    { "displays", STATE(display_count), .min = 1, .max = APPLE_GFX_MAX_DISPLAYS,
      .value = 1, .help = "Number of displays, each a console of its own" },
    { "width-mm", STATE(width_mm), .min = 1, .max = UINT16_MAX, .value = 400,
      .help = "Width of the displays in millimetres, as the guest sees it" },
    { "height-mm", STATE(height_mm), .min = 1, .max = UINT16_MAX, .value = 300,
      .help = "Height of the displays in millimetres, as the guest sees it" },
    { "class-code", STATE(class_code), .min = 0, .max = UINT16_MAX,
      .value = PCI_CLASS_DISPLAY_OTHER, .pci_only = true,
      .help = "PCI class and subclass; 0x0300 makes firmware take it for a VGA" },
    { "guest-page-shift", STATE(guest_page_shift), .min = 12, .max = 14,
      .value = 12, .mmio_value = 14,
      .help = "12: the guest has pages of 4 KiB; 14: of 16 KiB (arm64)" },
};

static AppleGFXField switches[] = {
    { "resize", STATE(resize), .value = 1,
      .help = "Resizing the window makes its size the preferred mode" },
    { "strict", STATE(strict), .value = 0,
      .help = "Stop a FIFO at every invalid command, as Apple's host does" },
    { "hold-presents", STATE(hold_presents), .value = 0,
      .help = "Hold the third present until one was shown; off: newest wins" },
};

static AppleGFXField texts[] = {
    { "gpu", STATE(gpu), .text = "auto",
      .help = "auto, none, or the index, name or UUID of a Vulkan device" },
    { "tasks", STATE(tasks), .text = "table", .choices = { "table", "callbacks" },
      .help = "How the library reaches task memory; callbacks needs shared RAM" },
    { "cursor", STATE(cursor), .text = "auto", .choices = { "auto", "hw", "sw" },
      .help = "Who draws the pointer: hw: the console, sw: the library" },
};

static const struct {
    const char *name, *type, *help;
    ObjectPropertyAccessor *get, *set;
    bool numbered; /* also as NAME1 to NAME7, for the other displays */
} others[] = {
    { "modes", "str", "Mode list, WIDTHxHEIGHT@RATE:..., the first is preferred",
      get_modes, set_modes, true },
    { "display-modes", "strList", "Mode list of the first display as JSON list",
      get_display_modes, set_display_modes },
    { "name", "str", "Name of the display, cut to 13 bytes", get_name, set_name,
      true },
    { "serial", "uint32", "Serial number of the display; 0: automatic",
      get_serial, set_serial, true },
    { "connected", "bool", "Whether the display is plugged in",
      get_connected, set_connected, true },
    { "record", "str", "File to record the device's work to; empty: off",
      get_record, set_record },
#ifdef APPLE_GFX_PLUGIN
    { "trace", "str", "Trace points to write, PATTERN:..., for all devices",
      get_trace, set_trace },
    { "trace-file", "str", "File for trace points; empty: stderr",
      get_trace, set_trace },
#endif
    { "guest-presents", "uint64", "Presents by the guest", get_counter },
    { "host-presents", "uint64", "Presents that became a picture", get_counter },
    { "frames-dropped", "uint64", "Pictures that no console took", get_counter },
    { "report", "str", "State, counters and diagnosis as JSON", get_report },
    { "version", "str", "Versions of the library and of QEMU's headers",
      get_version },
};

static void add_numbered(ObjectClass *oc, unsigned i)
{
    unsigned port;

    for (port = 1; port < APPLE_GFX_MAX_DISPLAYS; port++) {
        g_autofree char *name = g_strdup_printf("%s%u", others[i].name, port);
        g_autofree char *help = g_strdup_printf("As %s, for display %u",
                                                others[i].name, port);
        ObjectProperty *p;

        p = object_class_property_add(oc, name, others[i].type, others[i].get,
                                      others[i].set, NULL,
                                      GUINT_TO_POINTER(port));
        if (strcmp(others[i].type, "bool") == 0) {
            object_property_set_default_bool(p, true);
        } else if (strcmp(others[i].type, "uint32") == 0) {
            object_property_set_default_uint(p, 0);
        }
        object_class_property_set_description(oc, name, help);
    }
}

void apple_gfx_class_properties(ObjectClass *oc, enum pvg_variant variant)
{
    bool mmio = variant == PVG_VARIANT_MMIO;
    ObjectProperty *p;
    unsigned i;

    for (i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (mmio && numbers[i].pci_only) {
            continue;
        }
        p = object_class_property_add(oc, numbers[i].name, "uint32", get_number,
                                      set_number, NULL, &numbers[i]);
        object_property_set_default_uint(p, mmio && numbers[i].mmio_value ?
                                         numbers[i].mmio_value :
                                         numbers[i].value);
        object_class_property_set_description(oc, numbers[i].name,
                                              numbers[i].help);
    }
    for (i = 0; i < G_N_ELEMENTS(switches); i++) {
        p = object_class_property_add(oc, switches[i].name, "bool", get_switch,
                                      set_switch, NULL, &switches[i]);
        object_property_set_default_bool(p, switches[i].value);
        object_class_property_set_description(oc, switches[i].name,
                                              switches[i].help);
    }
    for (i = 0; i < G_N_ELEMENTS(texts); i++) {
        p = object_class_property_add(oc, texts[i].name, "str", get_text,
                                      set_text, NULL, &texts[i]);
        object_property_set_default_str(p, texts[i].text);
        object_class_property_set_description(oc, texts[i].name, texts[i].help);
    }
    for (i = 0; i < G_N_ELEMENTS(others); i++) {
        p = object_class_property_add(oc, others[i].name, others[i].type,
                                      others[i].get, others[i].set, NULL, NULL);
        if (strcmp(others[i].name, "serial") == 0) {
            object_property_set_default_uint(p, 0);
        } else if (strcmp(others[i].name, "name") == 0) {
            object_property_set_default_str(p, "QEMU display");
        } else if (strcmp(others[i].name, "connected") == 0) {
            object_property_set_default_bool(p, true);
        }
        object_class_property_set_description(oc, others[i].name, others[i].help);
        if (others[i].numbered) {
            add_numbered(oc, i);
        }
    }
}
