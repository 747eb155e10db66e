/* SPDX-License-Identifier: MIT */
/* Writing side of the reflection record: from the compilation's state to the bytes that air_reflect.h describes. */
#include "ctx.h"

#include <stdlib.h>
#include <string.h>

struct blob {
    uint8_t *p;
    size_t n, cap;
    bool failed;
};

static void put(struct blob *b, const void *p, size_t n)
{
    if (b->n + n > b->cap) {
        size_t cap = (b->n + n) * 2 + 4096;
        uint8_t *q = realloc(b->p, cap);

        if (!q) {
            b->failed = true;
            return;
        }
        b->p = q;
        b->cap = cap;
    }
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void pad(struct blob *b)
{
    static const uint8_t zero[4];

    put(b, zero, (4 - b->n % 4) % 4);
}

static uint32_t str(struct blob *b, const char *s)
{
    uint32_t at = (uint32_t)b->n;

    if (!s || !*s)
        return 0;
    put(b, s, strlen(s) + 1);
    return at;
}

/* After emission some inputs turn out to have no variable; Location words are looked up in the finished module. */
static uint32_t location_word(struct ctx *c, uint32_t var)
{
    const uint32_t *w = c->res->spirv;

    for (size_t i = 5; var && i < c->res->words && w[i] >> 16; i += w[i] >> 16) {
        if ((w[i] & 0xffff) == SpvOpDecorate && w[i + 1] == var && w[i + 2] == SpvDecorationLocation)
            return (uint32_t)i + 3;
        if ((w[i] & 0xffff) == SpvOpFunction)
            break;
    }
    return 0;
}

static void put_io(struct ctx *c, struct blob *b, struct blob *s, struct air_reflect_io r, uint32_t var,
                   const char *name, const char *identity)
{
    r.name = str(s, name);
    r.identity = str(s, identity);
    r.word = location_word(c, var);
    if (!r.word)
        r.location = UINT32_MAX;
    put(b, &r, sizeof(r));
}

void reflect_write(struct ctx *c)
{
    struct air_reflect_header h = c->h;
    struct blob b = {0}, s = {0};

    put(&s, "", 1);
    put(&b, &h, sizeof(h));
    h.magic = AIR_REFLECT_MAGIC;
    h.version = AIR_REFLECT_VERSION;
    h.name = str(&s, c->entry_name);
    h.args.offset = (uint32_t)b.n;
    for (unsigned i = 0; i < c->narg; i++) {
        struct air_reflect_arg r = c->arg[i].r;

        if (c->arg[i].is_io)
            continue;
        r.name = str(&s, c->arg[i].name);
        r.type_name = str(&s, c->arg[i].type_name);
        if (c->arg[i].absent)
            r.flags |= AIR_ARG_ABSENT;
        put(&b, &r, sizeof(r));
        h.args.count++;
    }
    h.inputs.offset = (uint32_t)b.n;
    for (unsigned i = 0; i < c->narg; i++) {
        if (!c->arg[i].is_io)
            continue;
        put_io(c, &b, &s, c->arg[i].io, c->arg[i].spv_var, c->arg[i].name, c->arg[i].identity);
        h.inputs.count++;
    }
    for (unsigned i = 0; i < c->ncp; i++) {
        put_io(c, &b, &s, c->cp[i].r, c->cp[i].var, c->cp[i].name, c->cp[i].identity);
        h.inputs.count++;
    }
    h.outputs.offset = (uint32_t)b.n;
    for (unsigned i = 0; i < c->nout + c->nmesh_out; i++) {
        struct output *o = i < c->nout ? &c->outp[i] : &c->mesh_out[i - c->nout];

        put_io(c, &b, &s, o->r, o->var, o->name, o->identity);
        h.outputs.count++;
    }
    h.samplers.offset = (uint32_t)b.n;
    h.samplers.count = c->nsampler;
    put(&b, c->sampler, c->nsampler * sizeof(c->sampler[0]));
    h.constants.offset = (uint32_t)b.n;
    h.constants.count = c->nfc;
    for (unsigned i = 0; i < c->nfc; i++) {
        struct air_reflect_constant k = c->fc[i];

        k.name = str(&s, c->fc_name[i]);
        k.type = str(&s, c->fc_type[i]);
        put(&b, &k, sizeof(k));
    }
    h.strings.offset = (uint32_t)b.n;
    h.strings.count = (uint32_t)s.n;
    put(&b, s.p, s.n);
    pad(&b);
    h.const_data.offset = (uint32_t)b.n;
    h.const_data.count = c->table_bytes;
    put(&b, c->table, c->table_bytes);
    pad(&b);
    h.bytes = (uint32_t)b.n;
    free(s.p);
    if (b.failed || s.failed) {
        free(b.p);
        air_fail(c, AIR_REFUSE_NO_MEMORY, "reflection record");
    }
    memcpy(b.p, &h, sizeof(h));
    if (!air_reflect_check(b.p, b.n)) { /* the limits of the record are not those of metadata */
        free(b.p);
        air_fail(c, AIR_REFUSE_LIMIT, "more arguments, outputs or constants than a reflection record holds");
    }
    c->res->reflection = b.p;
    c->res->reflection_bytes = b.n;
}
