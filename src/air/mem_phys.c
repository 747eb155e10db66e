/* SPDX-License-Identifier: MIT */
/*
 * Pointers that may point into one of several buffers (air 4.4, model 2): reached by device address, which nothing
 * bounds but this. Such a pointer is the number of a buffer and a 32-bit offset, never an address, in registers,
 * variables and private memory alike. Each access reads address and length of the buffer from the table that the
 * renderer gives (struct air_buffer_entry) and stays within: what lies outside reads as zero and is not written, as
 * with robust buffer access. The bits of a number beyond the table are dropped, so that private memory that nobody
 * wrote points at no more than some bound buffer. Null is the table's last entry, which no Metal index names and which
 * stays empty.
 *
 * Pointers that a buffer holds or that are made from integers are refused (decision 16): their root would be the
 * guest's word alone.
 */
#include "mem.h"

#define NULL_NUMBER (AIR_BUFFER_ENTRIES - 1u)

bool mem_is_phys(struct ctx *c, struct ptr p)
{
    return c->root[root_find(c, p.root)].kind == ROOT_PHYS;
}

/* Address and length of buffer @number: p->phys, p->limit. */
static void read_entry(struct ctx *c, struct ptr *p, uint32_t number)
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32), u64 = spv_type_uint(s, 64), v2 = spv_type_vec(s, u, 2), e, at, len[2], o[2];

    spv_cap(s, SpvCapabilityPhysicalStorageBufferAddresses);
    c->h.flags |= AIR_REFLECT_USES_TABLE;
    at = spv_op(s, SpvOpUConvert, u64, 1, spv_imul(s, number, spv_u32(s, sizeof(struct air_buffer_entry))));
    at = spv_op(s, SpvOpIAdd, u64, 2, iface_push(c, AIR_PUSH_BUFFER_TABLE, u64), at);
    e = spv_op(s, SpvOpConvertUToPtr, spv_type_ptr(s, SpvStorageClassPhysicalStorageBuffer, mem_view_type(c, 4)), 1,
               at);
    e = spv_op(s, SpvOpLoad, mem_view_type(c, 4), 3, e, SpvMemoryAccessAlignedMask, 16u);
    for (uint32_t i = 0; i < 2; i++) {
        o[i] = spv_op(s, SpvOpCompositeExtract, u, 2, e, i);
        len[i] = spv_op(s, SpvOpCompositeExtract, u, 2, e, 2 + i);
    }
    p->number = number;
    p->phys = spv_op(s, SpvOpBitcast, u64, 1, construct(c, v2, o, 2));
    p->limit = spv_op(s, SpvOpSelect, u, 3, spv_op(s, SpvOpIEqual, spv_type_bool(s), 2, len[1], spv_u32(s, 0)), len[0],
                      spv_u32(s, UINT32_MAX));
}

struct ptr phys_form(struct ctx *c, struct ptr p)
{
    struct root *r = &c->root[root_find(c, p.root)];

    if (r->kind == ROOT_PHYS)
        return p;
    p.root = root_phys(c);
    if (r->kind == ROOT_NONE) {
        p.number = spv_u32(&c->s, NULL_NUMBER);
        p.phys = spv_uint(&c->s, 64, 0);
        p.limit = spv_u32(&c->s, 0);
        return p;
    }
    if (r->kind != ROOT_BUFFER)
        air_fail(c, AIR_REFUSE_POINTER, "address of memory that is no buffer");
    if (!(c->opt->caps & AIR_CAP_PHYSICAL))
        air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "pointers with several roots need bufferDeviceAddress");
    if (c->arg[r->arg].r.index >= NULL_NUMBER)
        air_fail(c, AIR_REFUSE_METADATA, "buffer %u", c->arg[r->arg].r.index);
    c->arg[r->arg].r.flags |= AIR_ARG_PHYSICAL;
    read_entry(c, &p, spv_u32(&c->s, c->arg[r->arg].r.index));
    return p;
}

uint32_t phys_pack(struct ctx *c, struct ptr p)
{
    uint32_t o[2];

    p = phys_form(c, p);
    o[0] = ptr_offset(c, &p);
    o[1] = p.number;
    return construct(c, spv_type_vec(&c->s, spv_type_uint(&c->s, 32), 2), o, 2);
}

struct ptr phys_unpack(struct ctx *c, int root, uint32_t id)
{
    struct spv *s = &c->s;
    uint32_t u = spv_type_uint(s, 32);
    struct ptr p = {.root = root, .n = 1};

    p.t[0].id = spv_op(s, SpvOpCompositeExtract, u, 2, id, 0u);
    p.t[0].scale = 1;
    read_entry(c, &p, spv_and(s, spv_op(s, SpvOpCompositeExtract, u, 2, id, 1u), spv_u32(s, AIR_BUFFER_ENTRIES - 1)));
    return p;
}

/* The address itself, for comparisons and ptrtoint: a pointer may stand before its buffer. */
uint32_t phys_address(struct ctx *c, struct ptr p)
{
    struct spv *s = &c->s;
    uint32_t u64 = spv_type_uint(s, 64), k, off;

    p = phys_form(c, p);
    off = ptr_offset(c, &p);
    if (spv_is_u32(s, off, &k) && !k)
        return p.phys;
    return spv_op(s, SpvOpIAdd, u64, 2, p.phys, spv_op(s, SpvOpSConvert, u64, 1, off));
}

/* Are @bytes bytes from @p on within its buffer? 0: its memory is bounded otherwise. */
uint32_t mem_inside(struct ctx *c, struct ptr p, uint32_t bytes)
{
    struct spv *s = &c->s;
    uint32_t b = spv_type_bool(s), off, begins, left;

    if (!mem_is_phys(c, p))
        return 0;
    off = ptr_offset(c, &p);
    begins = spv_op(s, SpvOpULessThan, b, 2, off, p.limit);
    left = spv_op(s, SpvOpISub, spv_type_uint(s, 32), 2, p.limit, off);
    return spv_op(s, SpvOpLogicalAnd, b, 2, begins, spv_op(s, SpvOpUGreaterThanEqual, b, 2, left, spv_u32(s, bytes)));
}

/* Address of a place that mem_inside() approves. */
static uint32_t place(struct ctx *c, struct ptr p)
{
    struct spv *s = &c->s;
    uint32_t u64 = spv_type_uint(s, 64);

    return spv_op(s, SpvOpIAdd, u64, 2, p.phys, spv_op(s, SpvOpUConvert, u64, 1, ptr_offset(c, &p)));
}

static uint32_t to_pointer(struct ctx *c, uint32_t address, uint32_t type)
{
    return spv_op(&c->s, SpvOpConvertUToPtr, spv_type_ptr(&c->s, SpvStorageClassPhysicalStorageBuffer, type), 1,
                  address);
}

uint32_t phys_pointer(struct ctx *c, struct ptr p, uint32_t type)
{
    return to_pointer(c, place(c, p), type);
}

static uint32_t unit_pointer(struct ctx *c, uint32_t address, unsigned lg, uint32_t k)
{
    struct spv *s = &c->s;

    if (lg == 0) {
        spv_cap(s, SpvCapabilityStorageBuffer8BitAccess);
        spv_cap(s, SpvCapabilityUniformAndStorageBuffer8BitAccess);
    } else if (lg == 1) {
        spv_cap(s, SpvCapabilityStorageBuffer16BitAccess);
    }
    if (k)
        address = spv_op(s, SpvOpIAdd, spv_type_uint(s, 64), 2, address, spv_uint(s, 64, (uint64_t)k << lg));
    return to_pointer(c, address, mem_view_type(c, lg));
}

/* Without a branch: outside, the table itself is read (it is longer than any value) and the result is dropped. */
void phys_load(struct ctx *c, struct ptr p, unsigned lg, unsigned n, uint32_t *out)
{
    struct spv *s = &c->s;
    uint32_t u64 = spv_type_uint(s, 64), t = mem_view_type(c, lg), inside = mem_inside(c, p, n << lg), at;

    if (n << lg > AIR_BUFFER_ENTRIES * sizeof(struct air_buffer_entry))
        air_fail(c, AIR_REFUSE_LIMIT, "load of %u bytes", n << lg);
    at = spv_op(s, SpvOpSelect, u64, 3, inside, place(c, p), iface_push(c, AIR_PUSH_BUFFER_TABLE, u64));
    for (unsigned i = 0; i < n; i++) {
        uint32_t v = spv_op(s, SpvOpLoad, t, 3, unit_pointer(c, at, lg, i), SpvMemoryAccessAlignedMask, 1u << lg);

        out[i] = spv_op(s, SpvOpSelect, t, 3, inside, v, spv_null(s, t));
    }
}

void phys_store(struct ctx *c, struct ptr p, unsigned lg, unsigned n, const uint32_t *in)
{
    struct spv *s = &c->s;
    uint32_t merge = if_begin(c, mem_inside(c, p, n << lg)), at = place(c, p);

    for (unsigned i = 0; i < n; i++)
        spv_void(s, SpvOpStore, 4, unit_pointer(c, at, lg, i), in[i], SpvMemoryAccessAlignedMask, 1u << lg);
    if_end(c, merge);
}
