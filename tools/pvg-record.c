/* SPDX-License-Identifier: MIT */
/*
 * pvg-record: prints a recording of a device (docs/record.md) for people, or as lines of JSON for programs, and saves
 * the pictures in it. A recording may be cut short, damaged or made up: nothing in it is trusted.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvg/device.h>

#include "base/limits.h"
#include "base/rd.h"
#include "base/record.h"
#include "wire/iosfc.h"
#include "wire/opcodes.h"
#include "wire/packet.h"
#include "wire/regs.h"
#include "replay.h"

#define RECORD_HEAD_BYTES 16u
#define RECORD_MAX_BYTES  (LIMIT_FRAME_BYTES + 64u) /* the largest is a picture */
#define BYTES_SHOWN       64u                       /* of packets and memory, unless --bytes says otherwise */

static const char help[] =
    "usage: pvg-record [OPTION]... FILE\n"
    "Prints a recording made by a paravirtualized GPU (property record=FILE of the QEMU device, pvg_device_record()).\n"
    "FILE may be - for standard input, but not with --replay.\n"
    "\n"
    "  --json           one JSON object per line\n"
    "  --summary        only how many records of each kind, commands by name, and the time covered\n"
    "  --kind KIND      only device, read, write, packet, physical, virtual, picture, ram, monitor, ring, stamp, "
    "source,\n"
    "                   pointer, fault, reset, report, resumed, map, mapper, mapper-read, mapper-write,\n"
    "                   mapper-memory, request or answer (may be repeated)\n"
    "  --channel N      of the packets only those of channel N\n"
    "  --bytes N        bytes shown of a packet or of memory (default: 64; 0: all)\n"
    "  --pictures DIR   save every picture as DIR/NUMBER-portPORT.ppm\n"
    "  --replay         play FILE to a device of its own and compare what that does with what was recorded\n"
    "  --version        print the version of the format\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit status: 0; 1 when the file cannot be read or is damaged (what came before is printed), or its replay was not "
    "the\n"
    "same; 2 for a wrong option.\n";

#define KINDS RECORD_KINDS
static const char *const kind_names[KINDS] = {
    NULL,      "device", "read",        "write",        "packet",        "physical", "virtual", "picture", "ram",
    "monitor", "ring",   "stamp",       "source",       "pointer",       "fault",    "reset",   "report",  "resumed",
    "map",     "mapper", "mapper-read", "mapper-write", "mapper-memory", "request",  "answer"};

struct options {
    bool json, summary;
    uint32_t kinds;  /* bit per kind; 0: all */
    int64_t channel; /* -1: all */
    size_t bytes;
    const char *pictures;
};

struct totals {
    uint64_t records[KINDS];
    uint64_t bytes[KINDS];
    uint64_t commands[OPCODE_COUNT + 1]; /* the last: unknown ones */
    uint64_t first_ns, last_ns, pictures;
};

/* One record, its head words taken apart. */
struct record {
    uint32_t kind;
    uint64_t number, time_ns;
    struct rd rd; /* over its bytes, the head already read */
};

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    va_start(args, format);
    fputs("pvg-record: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return 1;
}

static const char *register_name(uint32_t offset)
{
    static const struct {
        uint32_t offset;
        const char *name;
    } names[] = {
#define R(name) {REG_##name, #name}
        R(FIFO_CONTROL),       R(ROOT_FIFO_LENGTH),   R(ROOT_PRODUCER),  R(ROOT_CONSUMER),     R(ROOT_FIFO_START),
        R(DISPLAY_EVENTS),     R(STAMP_EVENTS),       R(ROOT_PAGE_PFN),  R(CHILD_DOORBELL),    R(ROOT_RESUME),
        R(CHILD_RESUME),       R(INTR_FAULT),         R(ROOT_FIFO_PFN),  R(VERSION),           R(NEW_ICB),
        R(ROOT_FAULT_OFFSET),  R(EFI_DISPLAY_SELECT), R(EFI_MODES),      R(EFI_MODE_INDEX),    R(EFI_MODE_EXTENT),
        R(EFI_BUFFER_ADDRESS), R(EFI_BUFFER_SIZE),    R(EFI_BUFFER_BPP), R(EFI_BUFFER_ENABLE), R(DISPLAY_DOORBELL),
        R(EFI_PITCH_ALIGN),    R(EFI_BUFFER_PITCH),   R(DISPLAY_PORTS),  R(BUILTIN_CONNECTED),
#undef R
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].offset == offset)
            return names[i].name;
    return "unknown";
}

static const char *mapper_register_name(uint32_t offset)
{
    static const char *const names[] = {"RING_BASE", "CAPACITY", "DESC_TABLE", "PRODUCER",
                                        "CONSUMER",  "STATUS",   "DESC_TABLE2"};
    uint32_t i = (offset - IOSFC_FIRST) / 8;

    return offset >= IOSFC_FIRST && i < sizeof(names) / sizeof(*names) ? names[i] : "unknown";
}

/* ---- output ---- */

/* The rest of the record as hexadecimal digits, at most @limit bytes (0: all); JSON adds how many there are. */
static void print_bytes(struct rd *r, const struct options *o)
{
    size_t left = (size_t)(r->end - r->p), shown = o->bytes && left > o->bytes ? o->bytes : left;

    if (!left && !o->json)
        return;
    printf(o->json ? ",\"bytes\":%zu,\"data\":\"" : "  %zu bytes:", left);
    for (size_t i = 0; i < shown; i++)
        printf(o->json || i % 4 ? "%02x" : " %02x", r->p[i]);
    fputs(o->json ? "\"" : shown < left ? " ..." : "", stdout);
}

static void print_device(struct rd *r, const struct options *o)
{
    uint32_t shift = rd_u32(r), ports = rd_u32(r), variant = rd_u32(r), flags = rd_u32(r), tasks = rd_u32(r);

    if (o->json)
        printf(",\"page_shift\":%u,\"ports\":%u,\"variant\":%u,\"flags\":%u,\"tasks\":%u", shift, ports, variant, flags,
               tasks);
    else
        printf("page shift %u, %u display port%s, %s, flags 0x%x, tasks %u", shift, ports, ports == 1 ? "" : "s",
               variant == PVG_VARIANT_PCI    ? "PCI"
               : variant == PVG_VARIANT_MMIO ? "MMIO"
                                             : "unknown variant",
               flags, tasks);
}

static void print_access(struct rd *r, const char *(*name)(uint32_t offset), const struct options *o)
{
    uint32_t offset = rd_u32(r), size = rd_u32(r);
    uint64_t value = rd_u64(r);

    if (o->json)
        printf(",\"offset\":%u,\"register\":\"%s\",\"size\":%u,\"value\":%" PRIu64, offset, name(offset), size, value);
    else
        printf("0x%04x %-18s %u bytes  0x%" PRIx64, offset, name(offset), size, value);
}

static void print_packet(struct rd *r, const struct options *o)
{
    uint32_t channel = rd_u32(r);
    const uint8_t *packet = r->p;
    uint32_t op = rd_u16(r), barriers = rd_u16(r), length = rd_u32(r), stamp = rd_u32(r);

    if (o->json)
        printf(",\"channel\":%u,\"opcode\":%u,\"command\":\"%s\",\"length\":%u,\"stamp\":%u,\"barriers\":[", channel,
               op, opcode_info(op)->name, length, stamp);
    else
        printf("channel %-2u 0x%02x %s, stamp %u", channel, op, opcode_info(op)->name, stamp);
    for (uint32_t i = 0; i < barriers && !r->bad; i++) {
        struct packet_barrier b;

        if (!rd_bytes(r, PACKET_BARRIER_BYTES))
            break;
        b = packet_barrier(packet, i);
        printf(o->json ? "%s[%u,%u]" : "%s, after %u:%u", o->json && i ? "," : "", b.index, b.value);
    }
    if (o->json)
        putchar(']');
    print_bytes(r, o);
}

static void print_memory(struct record *rec, const struct options *o)
{
    struct rd *r = &rec->rd;
    bool is_virtual = rec->kind == RECORD_VIRTUAL;
    uint32_t task = is_virtual ? rd_u32(r) : 0;
    uint64_t address = rd_u64(r);

    if (o->json && is_virtual)
        printf(",\"task\":%u", task);
    if (o->json)
        printf(",\"address\":%" PRIu64, address);
    else if (is_virtual)
        printf("task %u, address 0x%" PRIx64, task, address);
    else
        printf("0x%" PRIx64, address);
    print_bytes(r, o);
}

static int save_picture(const struct record *rec, uint32_t port, uint32_t width, uint32_t height, const char *folder)
{
    const uint8_t *p = rec->rd.p;
    char path[4096];
    bool good;
    FILE *f;

    if (snprintf(path, sizeof(path), "%s/%06" PRIu64 "-port%u.ppm", folder, rec->number, port) >= (int)sizeof(path))
        return fail("%s: name too long", folder);
    f = fopen(path, "wb");
    if (!f)
        return fail("%s: %s", path, strerror(errno));
    good = fprintf(f, "P6\n%u %u\n255\n", width, height) > 0;
    for (uint64_t i = 0; good && i < (uint64_t)width * height; i++) {
        const uint8_t rgb[3] = {p[4 * i + 2], p[4 * i + 1], p[4 * i]};

        good = fwrite(rgb, sizeof(rgb), 1, f) == 1;
    }
    if (fclose(f))
        good = false;
    return good ? 0 : fail("%s: %s", path, strerror(errno));
}

/* The size may be anything: it has to agree with the number of bytes. */
static int print_picture(struct record *rec, const struct options *o)
{
    struct rd *r = &rec->rd;
    uint32_t port = rd_u32(r), width = rd_u32(r), height = rd_u32(r);

    if (width > LIMIT_EDGE_PX || height > LIMIT_EDGE_PX || (uint64_t)width * height * 4 != (uint64_t)(r->end - r->p)) {
        r->bad = true;
        return 0;
    }
    if (!o->summary && o->json)
        printf(",\"port\":%u,\"width\":%u,\"height\":%u", port, width, height);
    else if (!o->summary)
        printf("port %u, %ux%u", port, width, height);
    return o->pictures ? save_picture(rec, port, width, height, o->pictures) : 0;
}

static void print_ram(struct rd *r, const struct options *o)
{
    uint64_t address = rd_u64(r), length = rd_u64(r);
    uint32_t flags = rd_u32(r), there = rd_u32(r);

    printf(o->json ? ",\"address\":%" PRIu64 ",\"length\":%" PRIu64 ",\"flags\":%u,\"there\":%s"
                   : "0x%" PRIx64 ", 0x%" PRIx64 " bytes, flags 0x%x, there: %s",
           address, length, flags, there ? "true" : "false");
}

static void print_monitor(struct rd *r, const struct options *o)
{
    static const char *const states[] = {"gone", "connected", "unplugged"};
    uint32_t port = rd_u32(r), state = rd_u32(r), pointer_px = rd_u32(r), modes = rd_u32(r);

    printf(o->json ? ",\"port\":%u,\"state\":\"%s\",\"pointer_px\":%u,\"modes\":["
                   : "port %u: %s, pointers up to %u px, modes",
           port, state < 3 ? states[state] : "?", pointer_px);
    for (uint32_t i = 0; i < modes && !r->bad; i++) {
        uint32_t width = rd_u16(r), height = rd_u16(r), refresh = rd_u32(r);

        if (!r->bad)
            printf(o->json ? "%s[%u,%u,%.3f]" : "%s %ux%u@%.3f", o->json && i ? "," : "", width, height,
                   refresh / 65536.0);
    }
    if (o->json)
        putchar(']');
}

static void print_source(struct rd *r, const struct options *o)
{
    uint32_t port = rd_u32(r), bytes_per_pixel = rd_u32(r);
    uint64_t present = rd_u64(r), stride = rd_u64(r);
    uint32_t runs = rd_u32(r), pixels = rd_u32(r);

    if (!rd_bytes(r, 16ull * runs))
        return;
    printf(o->json ? ",\"port\":%u,\"present\":%" PRIu64 ",\"bytes_per_pixel\":%u,\"stride\":%" PRIu64
                     ",\"runs\":%u,\"pixels\":%s"
                   : "port %u, present %" PRIu64 ", %u bytes per pixel, rows %" PRIu64
                     " bytes apart, %u runs, own pixels: %s",
           port, present, bytes_per_pixel, stride, runs, pixels ? "true" : "false");
}

static void print_pointer(struct rd *r, const struct options *o)
{
    uint32_t port = rd_u32(r), width = rd_u16(r), height = rd_u16(r), hot_x = rd_u16(r), hot_y = rd_u16(r);

    if (rd_left(r) != 4ull * width * height)
        r->bad = true;
    else
        printf(o->json ? ",\"port\":%u,\"width\":%u,\"height\":%u,\"hot\":[%u,%u]" : "port %u, %ux%u, hot spot %u,%u",
               port, width, height, hot_x, hot_y);
}

/* The recording may be made up: what is no text is not printed. */
static void print_report(struct rd *r, const struct options *o)
{
    for (const uint8_t *p = r->p; p < r->end; p++)
        r->bad = r->bad || *p < 0x20 || *p > 0x7e;
    if (!r->bad)
        printf(o->json ? ",\"report\":%.*s" : "%.*s", (int)rd_left(r), (const char *)r->p);
}

static void print_channel(struct record *rec, const struct options *o)
{
    struct rd *r = &rec->rd;
    uint32_t channel = rd_u32(r), a = rd_u32(r);

    if (rec->kind == RECORD_STAMP) {
        printf(o->json ? ",\"channel\":%u,\"stamp\":%u" : "channel %u: %u", channel, a);
    } else if (rec->kind == RECORD_FAULT) {
        printf(o->json ? ",\"channel\":%u,\"published\":%u" : "channel %u, %u bytes published", channel, a);
        print_bytes(r, o);
    } else if (rec->kind == RECORD_RESUMED) {
        printf(o->json ? ",\"channel\":%u,\"consumer\":%u" : "channel %u, consumer 0x%x", channel, a);
    } else {
        uint32_t consumer = rd_u32(r), index = rd_u32(r), opened = rd_u32(r);

        printf(o->json ? ",\"channel\":%u,\"page\":%u,\"consumer\":%u,\"stamp_index\":%u,\"opened\":%s"
                       : "channel %u: page 0x%x, consumer 0x%x, stamp cell %u, opened: %s",
               channel, a, consumer, index, opened ? "true" : "false");
    }
}

static void print_map(struct rd *r, const struct options *o)
{
    uint32_t task = rd_u32(r);
    uint64_t address = rd_u64(r), ranges = rd_left(r) / 16, bytes = 0;

    r->bad = r->bad || rd_left(r) % 16;
    while (!r->bad && rd_left(r)) {
        (void)rd_u64(r); /* guest-physical address */
        bytes += rd_u64(r);
    }
    printf(o->json ? ",\"task\":%u,\"address\":%" PRIu64 ",\"ranges\":%" PRIu64 ",\"length\":%" PRIu64
                   : "task %u, address 0x%" PRIx64 ": %" PRIu64 " ranges, 0x%" PRIx64 " bytes",
           task, address, ranges, bytes);
}

static void print_mapper(struct record *rec, const struct options *o)
{
    static const char *const states[] = {"gone", "there", "reset"};
    struct rd *r = &rec->rd;
    uint64_t address = rec->kind == RECORD_MAPPER ? 0 : rd_u64(r);
    uint32_t a = rd_u32(r), mapping = rec->kind == RECORD_REQUEST ? rd_u32(r) : 0;

    if (rec->kind == RECORD_MAPPER)
        printf(o->json ? ",\"state\":\"%s\"" : "%s", a < 3 ? states[a] : "?");
    else if (rec->kind == RECORD_ANSWER)
        printf(o->json ? ",\"address\":%" PRIu64 ",\"result\":%u" : "entry at 0x%" PRIx64 ": %u", address, a);
    else
        printf(o->json ? ",\"address\":%" PRIu64 ",\"operation\":%u,\"mapping\":%u"
                       : "entry at 0x%" PRIx64 ": operation %u, mapping %u",
               address, a, mapping);
}

/* ---- records ---- */

static void count(struct totals *t, const struct record *rec)
{
    struct rd r = rec->rd;
    uint32_t op;

    if (!t->first_ns)
        t->first_ns = rec->time_ns;
    t->last_ns = rec->time_ns;
    t->records[rec->kind]++;
    t->bytes[rec->kind] += (uint64_t)(r.end - r.p);
    if (rec->kind != RECORD_PACKET)
        return;
    (void)rd_u32(&r); /* channel */
    op = rd_u16(&r);
    t->commands[op < OPCODE_COUNT ? op : OPCODE_COUNT]++;
}

static bool wanted(const struct record *rec, const struct options *o)
{
    struct rd r = rec->rd;

    if (o->kinds && !(o->kinds >> rec->kind & 1))
        return false;
    return rec->kind != RECORD_PACKET || o->channel < 0 || rd_u32(&r) == o->channel;
}

static int print_record(struct record *rec, const struct options *o, uint64_t first_ns)
{
    double seconds = (double)(int64_t)(rec->time_ns - first_ns) / 1e9;
    int err = 0;

    if (o->summary)
        return rec->kind == RECORD_PICTURE ? print_picture(rec, o) : 0;
    if (o->json)
        printf("{\"record\":%" PRIu64 ",\"time_ns\":%" PRIu64 ",\"kind\":\"%s\"", rec->number, rec->time_ns,
               kind_names[rec->kind]);
    else
        printf("%12.6f  %-13s  ", seconds, kind_names[rec->kind]);
    switch (rec->kind) {
    case RECORD_DEVICE:
        print_device(&rec->rd, o);
        break;
    case RECORD_MMIO_READ:
    case RECORD_MMIO_WRITE:
        print_access(&rec->rd, register_name, o);
        break;
    case RECORD_MAPPER_READ:
    case RECORD_MAPPER_WRITE:
        print_access(&rec->rd, mapper_register_name, o);
        break;
    case RECORD_MAPPER:
    case RECORD_REQUEST:
    case RECORD_ANSWER:
        print_mapper(rec, o);
        break;
    case RECORD_MAP:
        print_map(&rec->rd, o);
        break;
    case RECORD_PACKET:
        print_packet(&rec->rd, o);
        break;
    case RECORD_PHYSICAL:
    case RECORD_MAPPER_MEMORY:
    case RECORD_VIRTUAL:
        print_memory(rec, o);
        break;
    case RECORD_PICTURE:
        err = print_picture(rec, o);
        break;
    case RECORD_RAM:
        print_ram(&rec->rd, o);
        break;
    case RECORD_MONITOR:
        print_monitor(&rec->rd, o);
        break;
    case RECORD_SOURCE:
        print_source(&rec->rd, o);
        break;
    case RECORD_POINTER:
        print_pointer(&rec->rd, o);
        break;
    case RECORD_REPORT:
        print_report(&rec->rd, o);
        break;
    case RECORD_RING:
    case RECORD_STAMP:
    case RECORD_FAULT:
    case RECORD_RESUMED:
        print_channel(rec, o);
        break;
    }
    puts(o->json ? "}" : "");
    return err;
}

static void print_totals(const struct totals *t, const struct options *o)
{
    const char *comma = "";

    if (o->json) {
        printf("{\"seconds\":%.6f,\"records\":{", (double)(int64_t)(t->last_ns - t->first_ns) / 1e9);
        for (size_t k = 1; k < KINDS; k++, comma = ",")
            printf("%s\"%s\":%" PRIu64, comma, kind_names[k], t->records[k]);
        printf("},\"commands\":{");
        comma = "";
        for (uint32_t op = 0; op <= OPCODE_COUNT; op++) {
            if (!t->commands[op])
                continue;
            printf("%s\"%s\":%" PRIu64, comma, opcode_info(op)->name, t->commands[op]);
            comma = ",";
        }
        puts("}}");
        return;
    }
    printf("%.6f s\n", (double)(int64_t)(t->last_ns - t->first_ns) / 1e9);
    for (size_t k = 1; k < KINDS; k++)
        printf("%12" PRIu64 "  %-10s %" PRIu64 " bytes\n", t->records[k], kind_names[k], t->bytes[k]);
    for (uint32_t op = 0; op <= OPCODE_COUNT; op++)
        if (t->commands[op])
            printf("%12" PRIu64 "  %s\n", t->commands[op], opcode_info(op)->name);
}

/* Bytes of the next record into *@buffer, which grows. 1: there is one, 0: end, -1: cut short. */
static int read_record(FILE *f, struct record *rec, uint8_t **buffer, size_t *capacity)
{
    uint8_t head[RECORD_HEAD_BYTES];
    struct rd r = rd_over(head, sizeof(head));
    size_t got = fread(head, 1, sizeof(head), f);
    uint32_t length;

    if (!got && feof(f))
        return 0;
    if (got != sizeof(head))
        return -1;
    rec->kind = rd_u32(&r);
    length = rd_u32(&r);
    rec->time_ns = rd_u64(&r);
    if (length > RECORD_MAX_BYTES)
        return -1;
    if (length > *capacity) {
        uint8_t *bigger = realloc(*buffer, length);

        if (!bigger)
            return -1;
        *buffer = bigger;
        *capacity = length;
    }
    if (length && fread(*buffer, 1, length, f) != length)
        return -1;
    rec->rd = rd_over(*buffer, length);
    return 1;
}

static int print_file(FILE *f, const char *name, const struct options *o)
{
    uint8_t head[8], *buffer = NULL;
    struct rd r = rd_over(head, sizeof(head));
    struct record rec = {0};
    struct totals totals = {0};
    size_t capacity = 0;
    uint32_t magic, version;
    int more, err = 0;

    if (fread(head, 1, sizeof(head), f) != sizeof(head))
        return fail("%s: %s", name, ferror(f) ? strerror(errno) : "too short to be a recording");
    magic = rd_u32(&r);
    version = rd_u32(&r);
    if (magic != RECORD_MAGIC)
        return fail("%s: not a recording of a paravirtualized GPU", name);
    if (version != RECORD_VERSION)
        return fail("%s: a recording of version %u; this program knows version %u", name, version, RECORD_VERSION);
    while (!err && (more = read_record(f, &rec, &buffer, &capacity)) > 0) {
        if (!rec.kind || rec.kind >= KINDS) {
            err = fail("%s: record %" PRIu64 " is of unknown kind %u", name, rec.number, rec.kind);
            break;
        }
        count(&totals, &rec);
        if (wanted(&rec, o))
            err = print_record(&rec, o, totals.first_ns);
        if (!err && rec.rd.bad)
            err = fail("%s: record %" PRIu64 " (%s) is damaged", name, rec.number, kind_names[rec.kind]);
        rec.number++;
    }
    if (!err && more < 0)
        err = ferror(f) ? fail("%s: %s", name, strerror(errno))
                        : fail("%s: ends in the middle of record %" PRIu64, name, rec.number);
    if (o->summary)
        print_totals(&totals, o);
    free(buffer);
    return err;
}

/* ---- command line ---- */

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "pvg-record: %s: \"%s\"; see pvg-record --help\n", what, value);
    return 2;
}

static bool number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *out <= max;
}

static bool add_kind(const char *name, uint32_t *kinds)
{
    for (size_t k = 1; k < KINDS; k++) {
        if (strcmp(name, kind_names[k]))
            continue;
        *kinds |= 1u << k;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    enum { JSON = 256, SUMMARY, KIND, CHANNEL, BYTES, PICTURES, REPLAY, VERSION };
    static const struct option options[] = {
        {"json", no_argument, NULL, JSON},         {"summary", no_argument, NULL, SUMMARY},
        {"kind", required_argument, NULL, KIND},   {"channel", required_argument, NULL, CHANNEL},
        {"bytes", required_argument, NULL, BYTES}, {"pictures", required_argument, NULL, PICTURES},
        {"replay", no_argument, NULL, REPLAY},     {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    struct options o = {.channel = -1, .bytes = BYTES_SHOWN};
    bool replay = false;
    const char *name;
    unsigned long n;
    FILE *f;
    int err;

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case JSON:
            o.json = true;
            break;
        case SUMMARY:
            o.summary = true;
            break;
        case KIND:
            if (!add_kind(optarg, &o.kinds))
                return usage("no such kind", optarg);
            break;
        case CHANNEL:
            if (!number(optarg, LIMIT_FIFOS - 1, &n))
                return usage("--channel is a number from 0 to 31", optarg);
            o.channel = (int64_t)n;
            break;
        case BYTES:
            if (!number(optarg, RECORD_MAX_BYTES, &n))
                return usage("--bytes is a number", optarg);
            o.bytes = n;
            break;
        case PICTURES:
            o.pictures = optarg;
            break;
        case REPLAY:
            replay = true;
            break;
        case VERSION:
            printf("pvg-record, format version %u\n", RECORD_VERSION);
            return 0;
        case 'h':
            fputs(help, stdout);
            return 0;
        default: /* getopt has said which */
            fprintf(stderr, "pvg-record: see pvg-record --help\n");
            return 2;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "pvg-record: a file is needed; see pvg-record --help\n");
        return 2;
    }
    if (optind + 1 != argc)
        return usage("one file at a time", argv[optind + 1]);
    name = argv[optind];
    if (replay && !strcmp(name, "-"))
        return usage("--replay needs a file, which standard input is not", name);
    if (replay)
        return replay_file(name);
    f = strcmp(name, "-") ? fopen(name, "rb") : stdin;
    if (!f)
        return fail("%s: %s", name, strerror(errno));
    err = print_file(f, name, &o);
    if (f != stdin)
        fclose(f);
    if (fflush(stdout) && !err)
        err = fail("cannot write: %s", strerror(errno));
    return err;
}
