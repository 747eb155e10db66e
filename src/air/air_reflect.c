/* SPDX-License-Identifier: MIT */
/*
 * Reading side of the reflection record: check, accessors, JSON, linking of varyings. No LLVM; safe on hostile bytes
 * once air_reflect_check() said yes. The writing side is reflect_write.c.
 */
#include "air_reflect.h"
#include "air_abi.h"

#include <stdlib.h>
#include <string.h>

#include "base/half.h"

static const char *const kind_names[] = {
#define X(id, name) name,
    AIR_KINDS(X)
#undef X
};

static const char *const texture_names[] = {
#define X(id, name) name,
    AIR_TEXTURES(X)
#undef X
};

static const char *const stage_names[] = {"vertex", "fragment",     "kernel", "unqualified", "visible",
                                          "extern", "intersection", "mesh",   "object"};
static const char *const component_names[] = {"none", "float", "half", "int", "uint", "short", "ushort", "ulong"};
static const char *const access_names[] = {"none", "read", "write", "read_write", "sample"};

const char *air_kind_name(uint32_t kind)
{
    return kind < AIR_KIND_COUNT ? kind_names[kind] : "unknown";
}

const char *air_texture_name(uint32_t texture)
{
    return texture < AIR_TEXTURE_COUNT ? texture_names[texture] : "none";
}

const char *air_stage_name(uint32_t stage)
{
    return stage < sizeof(stage_names) / sizeof(stage_names[0]) ? stage_names[stage] : "unknown";
}

void air_sampler_decode(uint64_t w, struct air_sampler_state *out)
{
    memset(out, 0, sizeof(*out));
    for (int i = 0; i < 3; i++)
        out->address[i] = (uint8_t)(w >> (3 * i) & 7);
    out->mag = w >> 9 & 3;
    out->min = w >> 11 & 3;
    out->mip = w >> 13 & 3;
    out->pixel = w >> 15 & 1;
    out->compare = w >> 16 & 15;
    out->anisotropy = (uint8_t)((w >> 20 & 15) + 1);
    out->lod_min = half_to_float((uint16_t)(w >> 24));
    out->lod_max = half_to_float((uint16_t)(w >> 40));
    out->border = w >> 56 & 3;
}

static bool table_ok(const struct air_reflect_header *h, struct air_reflect_table t, size_t rec, uint32_t most)
{
    return !(t.offset & 3) && t.offset <= h->bytes && t.count <= (h->bytes - t.offset) / rec && t.count <= most;
}

static bool string_ok(const struct air_reflect_header *h, uint32_t s)
{
    return s < h->strings.count;
}

static const void *at(const void *data, uint32_t off)
{
    return (const uint8_t *)data + off;
}

static bool header_ok(const struct air_reflect_header *h)
{
    return h->stage <= AIR_STAGE_OBJECT && h->patch_kind <= 2 && h->patch_control_points <= AIR_REFLECT_MAX_POINTS &&
           h->mesh_topology <= 2 && table_ok(h, h->args, sizeof(struct air_reflect_arg), AIR_REFLECT_MAX_ARGS) &&
           table_ok(h, h->inputs, sizeof(struct air_reflect_io), AIR_REFLECT_MAX_IO) &&
           table_ok(h, h->outputs, sizeof(struct air_reflect_io), AIR_REFLECT_MAX_IO) &&
           table_ok(h, h->samplers, sizeof(struct air_reflect_sampler), AIR_REFLECT_MAX_SAMPLERS) &&
           table_ok(h, h->constants, sizeof(struct air_reflect_constant), AIR_REFLECT_MAX_CONSTANTS) &&
           table_ok(h, h->strings, 1, UINT32_MAX) && table_ok(h, h->const_data, 1, UINT32_MAX);
}

static bool arg_ok(const struct air_reflect_header *h, const struct air_reflect_arg *a)
{
    return a->kind < AIR_KIND_COUNT && a->texture < AIR_TEXTURE_COUNT && a->component <= AIR_COMPONENT_ULONG &&
           a->access <= AIR_ACCESS_SAMPLE && a->set <= AIR_SET_MESH && a->binding <= 511 && a->levels <= AIR_MAX_LEVELS &&
           ((a->kind != AIR_KIND_TEXTURE && a->kind != AIR_KIND_SAMPLER) ||
            a->count <= AIR_BIND_SAMPLER - AIR_BIND_TEXTURE) &&
           string_ok(h, a->name) && string_ok(h, a->type_name);
}

static bool io_ok(const void *data, const struct air_reflect_io *io)
{
    const struct air_reflect_header *h = data;

    return io->kind < AIR_KIND_COUNT && io->component <= AIR_COMPONENT_ULONG && io->width <= 4 &&
           string_ok(h, io->name) && string_ok(h, io->identity) &&
           strnlen(air_reflect_string(data, io->identity), AIR_REFLECT_MAX_IDENTITY) < AIR_REFLECT_MAX_IDENTITY;
}

bool air_reflect_check(const void *data, size_t bytes)
{
    const struct air_reflect_header *h = data;

    if ((uintptr_t)data & 3 || bytes < sizeof(*h) || h->magic != AIR_REFLECT_MAGIC || h->version != AIR_REFLECT_VERSION ||
        h->bytes != bytes || !header_ok(h))
        return false;
    /* the last string ends; strings that begin before it then end, too */
    if (!h->strings.count || *((const char *)at(data, h->strings.offset) + h->strings.count - 1))
        return false;
    if (!string_ok(h, h->name))
        return false;
    for (uint32_t i = 0; i < h->args.count; i++) {
        if (!arg_ok(h, air_reflect_arg(data, i)))
            return false;
    }
    for (uint32_t i = 0; i < h->inputs.count; i++) {
        if (!io_ok(data, air_reflect_input(data, i)))
            return false;
    }
    for (uint32_t i = 0; i < h->outputs.count; i++) {
        if (!io_ok(data, air_reflect_output(data, i)))
            return false;
    }
    for (uint32_t i = 0; i < h->samplers.count; i++) {
        const struct air_reflect_sampler *s = air_reflect_sampler(data, i);

        if (s->set > AIR_SET_MESH || s->binding < AIR_BIND_IMMUTABLE || s->binding >= AIR_BIND_ATTACHMENT)
            return false;
    }
    for (uint32_t i = 0; i < h->constants.count; i++) {
        const struct air_reflect_constant *c = air_reflect_constant(data, i);

        if (!string_ok(h, c->name) || !string_ok(h, c->type))
            return false;
    }
    return true;
}

static const struct air_reflect_header *hdr(const void *data)
{
    return data;
}

const struct air_reflect_arg *air_reflect_arg(const void *data, uint32_t i)
{
    return (const struct air_reflect_arg *)at(data, hdr(data)->args.offset) + i;
}

const struct air_reflect_io *air_reflect_input(const void *data, uint32_t i)
{
    return (const struct air_reflect_io *)at(data, hdr(data)->inputs.offset) + i;
}

const struct air_reflect_io *air_reflect_output(const void *data, uint32_t i)
{
    return (const struct air_reflect_io *)at(data, hdr(data)->outputs.offset) + i;
}

const struct air_reflect_sampler *air_reflect_sampler(const void *data, uint32_t i)
{
    return (const struct air_reflect_sampler *)at(data, hdr(data)->samplers.offset) + i;
}

const struct air_reflect_constant *air_reflect_constant(const void *data, uint32_t i)
{
    return (const struct air_reflect_constant *)at(data, hdr(data)->constants.offset) + i;
}

const char *air_reflect_string(const void *data, uint32_t offset)
{
    return (const char *)at(data, hdr(data)->strings.offset) + offset;
}

static void json_string(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 0x20 || c > 0x7e) /* names are the guest's: not always UTF-8, so only ASCII goes out as it is */
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

static void json_io(FILE *f, const void *data, const char *title, bool outputs)
{
    uint32_t n = outputs ? hdr(data)->outputs.count : hdr(data)->inputs.count;

    fprintf(f, ",\n  \"%s\": [", title);
    for (uint32_t i = 0; i < n; i++) {
        const struct air_reflect_io *io = outputs ? air_reflect_output(data, i) : air_reflect_input(data, i);

        fprintf(f,
                "%s\n    {\"kind\": \"%s\", \"location\": %d, \"index\": %u, \"source\": %u, \"component\": \"%s\", "
                "\"width\": %u, \"flags\": %u, \"identity\": ",
                i ? "," : "", air_kind_name(io->kind), (int)io->location, io->index, io->source,
                component_names[io->component], io->width, io->flags);
        json_string(f, air_reflect_string(data, io->identity));
        fputs(", \"name\": ", f);
        json_string(f, air_reflect_string(data, io->name));
        fputc('}', f);
    }
    fputs(n ? "\n  ]" : "]", f);
}

void air_reflect_json(const void *data, FILE *f)
{
    const struct air_reflect_header *h = data;

    fprintf(f, "{\n  \"version\": %u, \"name\": ", h->version);
    json_string(f, air_reflect_string(data, h->name));
    fprintf(
        f,
        ",\n  \"stage\": \"%s\", \"flags\": %u, \"simd_width\": %u, \"max_threads\": %u,\n  \"threadgroup_bytes\": %u,"
        " \"scratch_per_thread\": %u, \"const_data_bytes\": %u,\n  \"patch_kind\": %u, \"patch_control_points\": %u,"
        " \"mesh_max_vertices\": %u, \"mesh_max_primitives\": %u,\n  \"mesh_topology\": %u, \"payload_bytes\": %u",
        air_stage_name(h->stage), h->flags, h->simd_width, h->max_threads, h->threadgroup_bytes, h->scratch_per_thread,
        h->const_data.count, h->patch_kind, h->patch_control_points, h->mesh_max_vertices, h->mesh_max_primitives,
        h->mesh_topology, h->payload_bytes);
    fputs(",\n  \"args\": [", f);
    for (uint32_t i = 0; i < h->args.count; i++) {
        const struct air_reflect_arg *a = air_reflect_arg(data, i);

        fprintf(
            f,
            "%s\n    {\"kind\": \"%s\", \"index\": %u, \"count\": %u, \"space\": %u, \"access\": \"%s\", \"bytes\": %u,"
            " \"type_bytes\": %u, \"type_align\": %u, \"texture\": \"%s\", \"component\": \"%s\", \"set\": %u,"
            " \"binding\": %u, \"levels\": %u, \"flags\": %u, \"name\": ",
            i ? "," : "", air_kind_name(a->kind), a->index, a->count, a->space, access_names[a->access], a->bytes,
            a->type_bytes, a->type_align, air_texture_name(a->texture), component_names[a->component], a->set,
            a->binding, a->levels, a->flags);
        json_string(f, air_reflect_string(data, a->name));
        fputs(", \"type\": ", f);
        json_string(f, air_reflect_string(data, a->type_name));
        fputc('}', f);
    }
    fputs(h->args.count ? "\n  ]" : "]", f);
    json_io(f, data, "inputs", false);
    json_io(f, data, "outputs", true);
    fputs(",\n  \"samplers\": [", f);
    for (uint32_t i = 0; i < h->samplers.count; i++) {
        const struct air_reflect_sampler *s = air_reflect_sampler(data, i);
        struct air_sampler_state st;

        air_sampler_decode((uint64_t)s->word[1] << 32 | s->word[0], &st);
        fprintf(
            f,
            "%s\n    {\"set\": %u, \"binding\": %u, \"word\": \"0x%08x%08x\", \"address\": [%u, %u, %u], \"mag\": %u,"
            " \"min\": %u, \"mip\": %u, \"pixel\": %u, \"compare\": %u, \"anisotropy\": %u, \"border\": %u,"
            " \"lod\": [%g, %g]}",
            i ? "," : "", s->set, s->binding, s->word[1], s->word[0], st.address[0], st.address[1], st.address[2],
            st.mag, st.min, st.mip, st.pixel, st.compare, st.anisotropy, st.border, (double)st.lod_min,
            (double)st.lod_max);
    }
    fputs(h->samplers.count ? "\n  ]" : "]", f);
    fputs(",\n  \"constants\": [", f);
    for (uint32_t i = 0; i < h->constants.count; i++) {
        const struct air_reflect_constant *c = air_reflect_constant(data, i);

        fprintf(f, "%s\n    {\"index\": %u, \"flags\": %u, \"type\": ", i ? "," : "", c->index, c->flags);
        json_string(f, air_reflect_string(data, c->type));
        fputs(", \"name\": ", f);
        json_string(f, air_reflect_string(data, c->name));
        fputc('}', f);
    }
    fputs(h->constants.count ? "\n  ]\n}\n" : "]\n}\n", f);
}

int air_link_varyings(const void *vs, uint32_t *fs_words, size_t fs_count, const void *fs)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < hdr(vs)->outputs.count; i++) {
        const struct air_reflect_io *o = air_reflect_output(vs, i);

        if (o->word && o->location + 1 > next)
            next = o->location + 1;
    }
    for (uint32_t k = 0; k < hdr(fs)->inputs.count; k++) {
        const struct air_reflect_io *in = air_reflect_input(fs, k);
        uint32_t location = UINT32_MAX;

        if (!in->word)
            continue;
        if (in->word >= fs_count)
            return -1;
        for (uint32_t i = 0; i < hdr(vs)->outputs.count; i++) {
            const struct air_reflect_io *o = air_reflect_output(vs, i);

            if (o->word && !strcmp(air_reflect_string(vs, o->identity), air_reflect_string(fs, in->identity)))
                location = o->location;
        }
        fs_words[in->word] = location == UINT32_MAX ? next++ : location;
    }
    return 0;
}

/* The few numbers of SPIR-V that linking needs; this file must not depend on SPIR-V's headers. */
enum {
    OP_EXTENSION = 10,
    OP_CAPABILITY = 17,
    OP_DECORATE = 71,
    DECORATION_LOCATION = 30,
    DECORATION_PER_PRIMITIVE = 5271,
    CAPABILITY_MESH_SHADING = 5283,
};

/* Is the variable of this Location decoration written once for each primitive? */
static bool per_primitive(const void *producer, const void *fs, size_t word)
{
    for (uint32_t k = 0; k < hdr(fs)->inputs.count; k++) {
        const struct air_reflect_io *in = air_reflect_input(fs, k);

        if (!in->word || in->word != word)
            continue;
        for (uint32_t i = 0; i < hdr(producer)->outputs.count; i++) {
            const struct air_reflect_io *o = air_reflect_output(producer, i);

            if (o->word && o->flags & AIR_IO_PER_PRIMITIVE &&
                !strcmp(air_reflect_string(producer, o->identity), air_reflect_string(fs, in->identity)))
                return true;
        }
    }
    return false;
}

int air_link_fragment(const void *producer, uint32_t **words, size_t *count, const void *fs)
{
    static const char name[20] = "SPV_EXT_mesh_shader";
    const uint32_t *w = *words;
    bool any = false, said = false;
    uint32_t *out;
    size_t n = 5;

    for (uint32_t i = 0; i < hdr(producer)->outputs.count; i++)
        any = any || air_reflect_output(producer, i)->flags & AIR_IO_PER_PRIMITIVE;
    if (*count < 5 || air_link_varyings(producer, *words, *count, fs))
        return -1;
    if (!any)
        return 0;
    /* one capability and one extension; at most one decoration of four words for each input */
    out = malloc((*count + 8 + (size_t)hdr(fs)->inputs.count * 4) * sizeof(*out));
    if (!out)
        return -1;
    memcpy(out, w, n * sizeof(*out));
    for (size_t i = 5; i < *count; i += w[i] >> 16) {
        uint32_t op = w[i] & 0xffff, len = w[i] >> 16;

        if (!len || len > *count - i) {
            free(out);
            return -1;
        }
        if (!said && op != OP_CAPABILITY) {
            out[n++] = 2u << 16 | OP_CAPABILITY;
            out[n++] = CAPABILITY_MESH_SHADING;
            out[n++] = 6u << 16 | OP_EXTENSION;
            memcpy(out + n, name, sizeof(name));
            n += 5;
            said = true;
        }
        if (op == OP_DECORATE && len == 4 && w[i + 2] == DECORATION_LOCATION && per_primitive(producer, fs, i + 3)) {
            out[n++] = 3u << 16 | OP_DECORATE;
            out[n++] = w[i + 1];
            out[n++] = DECORATION_PER_PRIMITIVE;
        }
        memcpy(out + n, w + i, len * sizeof(*out));
        n += len;
    }
    free(*words);
    *words = out;
    *count = n;
    return 0;
}
