/* SPDX-License-Identifier: MIT */
/*
 * SPIR-V module builder: see spv.h. Memory failure is sticky (spv.failed), so that emitting code needs no error path
 * per instruction; the caller asks once at the end.
 */
#include "spv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

struct spv_known {
    uint32_t hash;
    uint32_t id;
    uint32_t off; /* of the instruction in the types section */
};

#define MAX_OPERANDS 16

void words_push(struct spv *s, struct words *w, uint32_t x)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 256;
        uint32_t *v = realloc(w->v, cap * sizeof(*v));

        if (!v) {
            s->failed = true;
            return;
        }
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n++] = x;
}

void spv_raw(struct spv *s, struct words *w, SpvOp op, const uint32_t *operands, size_t n)
{
    if (n + 1 > 0xffff) {
        s->failed = true;
        return;
    }
    words_push(s, w, (uint32_t)op | (uint32_t)(n + 1) << 16);
    for (size_t i = 0; i < n; i++)
        words_push(s, w, operands[i]);
}

uint32_t spv_id(struct spv *s)
{
    return s->next_id++;
}

void spv_void(struct spv *s, SpvOp op, int n, ...)
{
    uint32_t o[MAX_OPERANDS];
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n && i < MAX_OPERANDS; i++)
        o[i] = va_arg(ap, uint32_t);
    va_end(ap);
    spv_raw(s, s->out, op, o, (size_t)n);
}

uint32_t spv_opv(struct spv *s, SpvOp op, uint32_t type, const uint32_t *operands, size_t n)
{
    uint32_t id = spv_id(s);

    if (n + 3 > 0xffff) {
        s->failed = true;
        return id;
    }
    words_push(s, s->out, (uint32_t)op | (uint32_t)(n + 3) << 16);
    words_push(s, s->out, type);
    words_push(s, s->out, id);
    for (size_t i = 0; i < n; i++)
        words_push(s, s->out, operands[i]);
    return id;
}

uint32_t spv_op(struct spv *s, SpvOp op, uint32_t type, int n, ...)
{
    uint32_t o[MAX_OPERANDS];
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n && i < MAX_OPERANDS; i++)
        o[i] = va_arg(ap, uint32_t);
    va_end(ap);
    return spv_opv(s, op, type, o, (size_t)n);
}

uint32_t spv_glsl(struct spv *s, enum GLSLstd450 op, uint32_t type, int n, ...)
{
    uint32_t o[MAX_OPERANDS];
    va_list ap;

    o[0] = s->glsl;
    o[1] = (uint32_t)op;
    va_start(ap, n);
    for (int i = 0; i < n && i < MAX_OPERANDS - 2; i++)
        o[i + 2] = va_arg(ap, uint32_t);
    va_end(ap);
    return spv_opv(s, SpvOpExtInst, type, o, (size_t)n + 2);
}

static size_t put_string(uint32_t *o, size_t max, const char *str)
{
    size_t len = strlen(str), n = len / 4 + 1;

    if (n > max) {
        n = max;
        len = n * 4 - 1;
    }
    memset(o, 0, n * 4);
    memcpy(o, str, len);
    return n;
}

void spv_cap(struct spv *s, SpvCapability cap)
{
    for (size_t i = 0; i + 1 < s->caps.n; i += 2) {
        if (s->caps.v[i + 1] == (uint32_t)cap)
            return;
    }
    spv_raw(s, &s->caps, SpvOpCapability, (const uint32_t[]){(uint32_t)cap}, 1);
}

void spv_uncap(struct spv *s, SpvCapability cap)
{
    for (size_t i = 0; i + 1 < s->caps.n; i += 2) {
        if (s->caps.v[i + 1] != (uint32_t)cap)
            continue;
        s->caps.n -= 2;
        s->caps.v[i + 1] = s->caps.v[s->caps.n + 1];
        return;
    }
}

void spv_ext(struct spv *s, const char *name)
{
    uint32_t o[24];
    size_t n = put_string(o, 24, name);

    for (size_t i = 0; i < s->exts.n; i += s->exts.v[i] >> 16) {
        if ((s->exts.v[i] >> 16) == n + 1 && !memcmp(&s->exts.v[i + 1], o, n * 4))
            return;
    }
    spv_raw(s, &s->exts, SpvOpExtension, o, n);
}

void spv_name(struct spv *s, uint32_t id, const char *name)
{
    uint32_t o[64];

    o[0] = id;
    spv_raw(s, &s->debug, SpvOpName, o, 1 + put_string(o + 1, 63, name));
}

void spv_decorate(struct spv *s, uint32_t id, SpvDecoration d, int n, ...)
{
    uint32_t o[8] = {id, (uint32_t)d};
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n && i < 6; i++)
        o[i + 2] = va_arg(ap, uint32_t);
    va_end(ap);
    spv_raw(s, &s->decor, SpvOpDecorate, o, (size_t)n + 2);
}

void spv_member_decorate(struct spv *s, uint32_t id, uint32_t member, SpvDecoration d, int n, ...)
{
    uint32_t o[8] = {id, member, (uint32_t)d};
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n && i < 5; i++)
        o[i + 3] = va_arg(ap, uint32_t);
    va_end(ap);
    spv_raw(s, &s->decor, SpvOpMemberDecorate, o, (size_t)n + 3);
}

static bool grow_known(struct spv *s)
{
    uint32_t cap = s->known_cap ? s->known_cap * 2 : 512;
    struct spv_known *k = calloc(cap, sizeof(*k));

    if (!k) {
        s->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < s->known_cap; i++) {
        if (s->known[i].id) {
            uint32_t j = s->known[i].hash & (cap - 1);

            while (k[j].id)
                j = (j + 1) & (cap - 1);
            k[j] = s->known[i];
        }
    }
    free(s->known);
    s->known = k;
    s->known_cap = cap;
    return true;
}

/* Find or emit in the types section; @type 0: an OpType*, whose result id comes first. @id 0: take a new one. */
uint32_t spv_intern_as(struct spv *s, SpvOp op, uint32_t type, uint32_t id, const uint32_t *o, size_t n)
{
    uint32_t hash = 2166136261u ^ (uint32_t)op, head = type ? 3 : 2, j;
    uint32_t first = (uint32_t)op | (uint32_t)(n + head) << 16;

    hash = (hash ^ type) * 16777619u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ o[i]) * 16777619u;
    hash ^= hash >> 15;
    if (s->known_n * 2 >= s->known_cap && !grow_known(s))
        return id ? id : spv_id(s);
    for (j = hash & (s->known_cap - 1); s->known[j].id; j = (j + 1) & (s->known_cap - 1)) {
        const uint32_t *w = &s->types.v[s->known[j].off];

        if (s->known[j].hash == hash && w[0] == first && (!type || w[1] == type) &&
            (!n || !memcmp(w + head, o, n * sizeof(*o))))
            return s->known[j].id;
    }
    id = id ? id : spv_id(s);
    s->known[j] = (struct spv_known){hash, id, (uint32_t)s->types.n};
    s->known_n++;
    words_push(s, &s->types, first);
    if (type)
        words_push(s, &s->types, type);
    words_push(s, &s->types, id);
    for (size_t i = 0; i < n; i++)
        words_push(s, &s->types, o[i]);
    return id;
}

static uint32_t intern(struct spv *s, SpvOp op, uint32_t type, const uint32_t *o, size_t n)
{
    return spv_intern_as(s, op, type, 0, o, n);
}

struct words spv_take_types(struct spv *s)
{
    struct words old = s->types;

    memset(&s->types, 0, sizeof(s->types));
    free(s->known);
    s->known = NULL;
    s->known_cap = s->known_n = 0;
    return old;
}

uint32_t spv_type(struct spv *s, SpvOp op, int n, ...)
{
    uint32_t o[MAX_OPERANDS];
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n && i < MAX_OPERANDS; i++)
        o[i] = va_arg(ap, uint32_t);
    va_end(ap);
    return intern(s, op, 0, o, (size_t)n);
}

uint32_t spv_const(struct spv *s, uint32_t type, SpvOp op, const uint32_t *operands, size_t n)
{
    return intern(s, op, type, operands, n);
}

uint32_t spv_type_void(struct spv *s)
{
    return spv_type(s, SpvOpTypeVoid, 0);
}

uint32_t spv_type_bool(struct spv *s)
{
    return spv_type(s, SpvOpTypeBool, 0);
}

static void int_caps(struct spv *s, unsigned bits)
{
    if (bits == 8)
        spv_cap(s, SpvCapabilityInt8);
    else if (bits == 16)
        spv_cap(s, SpvCapabilityInt16);
    else if (bits == 64)
        spv_cap(s, SpvCapabilityInt64);
}

uint32_t spv_type_uint(struct spv *s, unsigned bits)
{
    int_caps(s, bits);
    return spv_type(s, SpvOpTypeInt, 2, bits, 0);
}

uint32_t spv_type_sint(struct spv *s, unsigned bits)
{
    int_caps(s, bits);
    return spv_type(s, SpvOpTypeInt, 2, bits, 1);
}

uint32_t spv_type_float(struct spv *s, unsigned bits)
{
    if (bits == 16)
        spv_cap(s, SpvCapabilityFloat16);
    return spv_type(s, SpvOpTypeFloat, 1, bits);
}

uint32_t spv_type_vec(struct spv *s, uint32_t elem, unsigned n)
{
    return n == 1 ? elem : spv_type(s, SpvOpTypeVector, 2, elem, n);
}

uint32_t spv_type_array(struct spv *s, uint32_t elem, uint32_t n)
{
    return spv_type(s, SpvOpTypeArray, 2, elem, spv_u32(s, n));
}

uint32_t spv_type_ptr(struct spv *s, SpvStorageClass sc, uint32_t type)
{
    return spv_type(s, SpvOpTypePointer, 2, (uint32_t)sc, type);
}

uint32_t spv_u32(struct spv *s, uint32_t v)
{
    uint32_t id = intern(s, SpvOpConstant, spv_type_uint(s, 32), &v, 1);

    if (id >= s->constval_cap) {
        size_t cap = id * 2 + 64;
        uint64_t *c = realloc(s->constval, cap * sizeof(*c));

        if (!c) {
            s->failed = true;
            return id;
        }
        memset(c + s->constval_cap, 0, (cap - s->constval_cap) * sizeof(*c));
        s->constval = c;
        s->constval_cap = cap;
    }
    s->constval[id] = UINT64_C(1) << 63 | v;
    return id;
}

bool spv_is_u32(struct spv *s, uint32_t id, uint32_t *v)
{
    if (id >= s->constval_cap || !(s->constval[id] >> 63))
        return false;
    *v = (uint32_t)s->constval[id];
    return true;
}

uint32_t spv_s32(struct spv *s, int32_t v)
{
    return intern(s, SpvOpConstant, spv_type_sint(s, 32), (const uint32_t *)&v, 1);
}

uint32_t spv_f32(struct spv *s, float v)
{
    uint32_t w;

    memcpy(&w, &v, 4);
    return intern(s, SpvOpConstant, spv_type_float(s, 32), &w, 1);
}

uint32_t spv_bool(struct spv *s, bool v)
{
    return intern(s, v ? SpvOpConstantTrue : SpvOpConstantFalse, spv_type_bool(s), NULL, 0);
}

uint32_t spv_uint(struct spv *s, unsigned bits, uint64_t v)
{
    uint32_t o[2] = {(uint32_t)v, (uint32_t)(v >> 32)};

    if (bits == 32)
        return spv_u32(s, o[0]);
    if (bits < 32)
        o[0] &= (1u << bits) - 1;
    return intern(s, SpvOpConstant, spv_type_uint(s, bits), o, bits == 64 ? 2 : 1);
}

uint32_t spv_float(struct spv *s, unsigned bits, double v)
{
    if (bits == 16) {
        uint32_t o = half_from_double(v);

        return intern(s, SpvOpConstant, spv_type_float(s, 16), &o, 1);
    }
    return spv_f32(s, (float)v);
}

uint32_t spv_null(struct spv *s, uint32_t type)
{
    return intern(s, SpvOpConstantNull, type, NULL, 0);
}

uint32_t spv_iadd(struct spv *s, uint32_t a, uint32_t b)
{
    uint32_t x, y;
    bool ka = spv_is_u32(s, a, &x), kb = spv_is_u32(s, b, &y);

    if (ka && kb)
        return spv_u32(s, x + y);
    if (ka && !x)
        return b;
    if (kb && !y)
        return a;
    return spv_op(s, SpvOpIAdd, spv_type_uint(s, 32), 2, a, b);
}

uint32_t spv_imul(struct spv *s, uint32_t a, uint32_t b)
{
    uint32_t x, y;
    bool ka = spv_is_u32(s, a, &x), kb = spv_is_u32(s, b, &y);

    if (ka && kb)
        return spv_u32(s, x * y);
    if (ka)
        return spv_imul(s, b, a);
    if (kb && y == 1)
        return a;
    if (kb && y && !(y & (y - 1)))
        return spv_op(s, SpvOpShiftLeftLogical, spv_type_uint(s, 32), 2, a, spv_u32(s, (uint32_t)__builtin_ctz(y)));
    return spv_op(s, SpvOpIMul, spv_type_uint(s, 32), 2, a, b);
}

uint32_t spv_shr(struct spv *s, uint32_t a, unsigned n)
{
    uint32_t x;

    if (!n)
        return a;
    if (spv_is_u32(s, a, &x))
        return spv_u32(s, x >> n);
    return spv_op(s, SpvOpShiftRightLogical, spv_type_uint(s, 32), 2, a, spv_u32(s, n));
}

uint32_t spv_and(struct spv *s, uint32_t a, uint32_t b)
{
    uint32_t x, y;

    if (spv_is_u32(s, a, &x) && spv_is_u32(s, b, &y))
        return spv_u32(s, x & y);
    return spv_op(s, SpvOpBitwiseAnd, spv_type_uint(s, 32), 2, a, b);
}

uint32_t spv_local(struct spv *s, uint32_t type)
{
    uint32_t id = spv_id(s);

    spv_raw(s, &s->vars, SpvOpVariable,
            (const uint32_t[]){spv_type_ptr(s, SpvStorageClassFunction, type), id, SpvStorageClassFunction}, 3);
    return id;
}

uint32_t spv_label(struct spv *s)
{
    return spv_id(s);
}

void spv_begin(struct spv *s, uint32_t label)
{
    spv_void(s, SpvOpLabel, 1, label);
}

void spv_init(struct spv *s)
{
    uint32_t o[8];

    memset(s, 0, sizeof(*s));
    s->next_id = 1;
    s->out = &s->body;
    s->glsl = spv_id(s);
    o[0] = s->glsl;
    spv_raw(s, &s->imports, SpvOpExtInstImport, o, 1 + put_string(o + 1, 7, "GLSL.std.450"));
    spv_cap(s, SpvCapabilityShader);
}

void spv_fini(struct spv *s)
{
    struct words *all[] = {&s->caps,  &s->exts,  &s->imports, &s->entry, &s->modes,
                           &s->debug, &s->decor, &s->types,   &s->vars,  &s->body};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]->v);
    free(s->known);
    free(s->constval);
    memset(s, 0, sizeof(*s));
}

uint32_t *spv_finish(struct spv *s, size_t *words)
{
    struct words *all[] = {&s->caps,  &s->exts,  &s->imports, NULL /* memory model */, &s->entry, &s->modes, &s->debug,
                           &s->decor, &s->types, &s->body};
    struct words w = {0};

    words_push(s, &w, SpvMagicNumber);
    words_push(s, &w, 0x00010600);
    words_push(s, &w, 0);
    words_push(s, &w, s->next_id);
    words_push(s, &w, 0);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!all[i]) {
            bool phys = false;

            for (size_t k = 0; k + 1 < s->caps.n; k += 2)
                phys = phys || s->caps.v[k + 1] == SpvCapabilityPhysicalStorageBufferAddresses;
            words_push(s, &w, SpvOpMemoryModel | 3u << 16);
            words_push(s, &w, phys ? SpvAddressingModelPhysicalStorageBuffer64 : SpvAddressingModelLogical);
            words_push(s, &w, SpvMemoryModelGLSL450);
            continue;
        }
        for (size_t k = 0; k < all[i]->n; k++)
            words_push(s, &w, all[i]->v[k]);
    }
    if (s->failed) {
        free(w.v);
        return NULL;
    }
    *words = w.n;
    return w.v;
}
