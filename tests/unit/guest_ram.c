/* SPDX-License-Identifier: MIT */
/* Guest memory for tests: see guest_ram.h. A failure of the host here ends the test program. */
#include "guest_ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUST(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #x);                                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

void guest_ram_init(struct guest_ram *r, uint32_t shift, uint64_t gpa, uint64_t bytes)
{
    *r = (struct guest_ram){.shift = shift, .gpa = gpa, .bytes = bytes};
    r->fd = memfd_create("guest", MFD_CLOEXEC);
    MUST(r->fd >= 0 && !ftruncate(r->fd, (off_t)bytes));
    r->host = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    MUST(r->host != MAP_FAILED);
    r->next = (gpa >> shift) + (gpa == 0); /* page number 0 means "none" in many places */
}

void guest_ram_fini(struct guest_ram *r)
{
    munmap(r->host, r->bytes);
    close(r->fd);
}

void guest_ram_add(struct guest_ram *r, struct gmem *g, bool with_fd)
{
    MUST(!gmem_add_ram(g, r->gpa, r->bytes, r->host, with_fd ? r->fd : -1, 0, PVG_RAM_SHARED));
}

uint32_t guest_page(struct guest_ram *r)
{
    uint64_t pfn = r->next++;

    MUST(((pfn + 1) << r->shift) <= r->gpa + r->bytes);
    memset(guest_page_at(r, (uint32_t)pfn), 0, 1ull << r->shift);
    return (uint32_t)pfn;
}

void *guest_at(struct guest_ram *r, uint64_t gpa)
{
    MUST(gpa >= r->gpa && gpa - r->gpa < r->bytes);
    return r->host + (gpa - r->gpa);
}

uint32_t guest_directory(struct guest_ram *r, uint32_t depth)
{
    uint32_t directory = guest_page(r), *word = guest_page_at(r, directory);

    word[0] = guest_page(r);
    word[1] = depth;
    return directory;
}

uint32_t *guest_entry(struct guest_ram *r, uint32_t directory, uint64_t gva, uint32_t level)
{
    uint32_t *dir = guest_page_at(r, directory), *node = guest_page_at(r, dir[0] & 0x7fffffff);
    uint32_t bits = r->shift == 12 ? 10 : 12;

    for (uint32_t l = 0;; l++) {
        uint64_t index = ((gva >> r->shift) >> ((dir[1] - 1 - l) * bits)) & ((1u << bits) - 1);

        if (l == level)
            return node + index;
        if (!node[index])
            node[index] = guest_page(r);
        node = guest_page_at(r, node[index] & 0x7fffffff);
    }
}

void guest_map(struct guest_ram *r, uint32_t directory, uint64_t gva, uint32_t pfn)
{
    uint32_t *dir = guest_page_at(r, directory);

    *guest_entry(r, directory, gva, dir[1] - 1) = pfn;
}

void guest_map_fresh(struct guest_ram *r, uint32_t directory, uint64_t gva, uint64_t length)
{
    uint32_t *dir = guest_page_at(r, directory);

    for (uint64_t page = 1ull << r->shift, at = gva & ~(page - 1); at < gva + length; at += page) {
        uint32_t *entry = guest_entry(r, directory, at, dir[1] - 1); /* nodes first: data pages stay neighbours */

        *entry = guest_page(r);
    }
}

void guest_poke(struct guest_ram *r, uint32_t directory, uint64_t gva, const void *src, size_t length)
{
    uint32_t *dir = guest_page_at(r, directory);

    for (size_t i = 0; i < length; i++, gva++) {
        uint32_t pfn = *guest_entry(r, directory, gva, dir[1] - 1) & 0x7fffffff;
        uint8_t *page;

        MUST(pfn);
        page = guest_page_at(r, pfn);
        page[gva & ((1ull << r->shift) - 1)] = ((const uint8_t *)src)[i];
    }
}

struct pvg_task {
    uint8_t *base;
    uint64_t bytes;
};

static void in_callback(struct fake_vmm *v)
{
    if (v->hook)
        v->hook(v->hook_ctx);
}

static bool refused(_Atomic int *left)
{
    if (atomic_load(left) <= 0)
        return false;
    atomic_fetch_sub(left, 1);
    return true;
}

static pvg_task *create_task(void *opaque, uint64_t length_bytes, void **base)
{
    struct fake_vmm *v = opaque;
    pvg_task *t = calloc(1, sizeof(*t));

    v->creates++;
    in_callback(v);
    if (refused(&v->refuse_create)) {
        free(t);
        return NULL;
    }
    t->bytes = length_bytes;
    t->base = mmap(NULL, length_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MUST(t->base != MAP_FAILED);
    *base = t->base;
    return t;
}

static void destroy_task(void *opaque, pvg_task *t)
{
    struct fake_vmm *v = opaque;

    v->destroys++;
    in_callback(v);
    munmap(t->base, t->bytes);
    free(t);
}

static bool map_memory(void *opaque, pvg_task *t, uint32_t n, uint64_t offset_bytes, bool readonly,
                       const struct pvg_range *ranges)
{
    struct fake_vmm *v = opaque;

    v->maps++;
    v->last_ranges = n;
    v->last_readonly = readonly;
    in_callback(v);
    if (refused(&v->refuse_map))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (ranges[i].gpa < v->ram->gpa || ranges[i].gpa - v->ram->gpa >= v->ram->bytes ||
            ranges[i].length_bytes > v->ram->bytes - (ranges[i].gpa - v->ram->gpa))
            return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        MUST(offset_bytes + ranges[i].length_bytes <= t->bytes);
        MUST(mmap(t->base + offset_bytes, ranges[i].length_bytes, PROT_READ | (readonly ? 0 : PROT_WRITE),
                  MAP_SHARED | MAP_FIXED, v->ram->fd, (off_t)(ranges[i].gpa - v->ram->gpa)) != MAP_FAILED);
        offset_bytes += ranges[i].length_bytes;
    }
    return true;
}

static bool unmap_memory(void *opaque, pvg_task *t, uint64_t offset_bytes, uint64_t length_bytes)
{
    struct fake_vmm *v = opaque;

    v->unmaps++;
    in_callback(v);
    if (refused(&v->refuse_unmap))
        return false;
    MUST(offset_bytes + length_bytes <= t->bytes);
    MUST(mmap(t->base + offset_bytes, length_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
              -1, 0) != MAP_FAILED);
    return true;
}

static bool read_memory(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst)
{
    struct fake_vmm *v = opaque;

    v->reads++;
    in_callback(v);
    if (refused(&v->refuse_read) || gpa < v->ram->gpa || gpa - v->ram->gpa >= v->ram->bytes ||
        length_bytes > v->ram->bytes - (gpa - v->ram->gpa))
        return false;
    memcpy(dst, v->ram->host + (gpa - v->ram->gpa), length_bytes);
    return true;
}

void fake_vmm_init(struct fake_vmm *v, struct guest_ram *r)
{
    memset(v, 0, sizeof(*v));
    v->ram = r;
    v->ops = (struct pvg_host_ops){.size = sizeof(v->ops),
                                   .create_task = create_task,
                                   .destroy_task = destroy_task,
                                   .map_memory = map_memory,
                                   .unmap_memory = unmap_memory,
                                   .read_memory = read_memory};
    log_init(&v->log, NULL, NULL);
}

struct gmem *fake_vmm_gmem(struct fake_vmm *v)
{
    struct gmem_config config = {
        .page_shift = v->ram->shift, .tasks = PVG_TASKS_CALLBACKS, .ops = &v->ops, .opaque = v, .log = &v->log};
    struct gmem *g;

    MUST(!gmem_new(&config, &g));
    return g;
}

void fake_vmm_fini(struct fake_vmm *v)
{
    log_fini(&v->log);
}

struct gmem *guest_ram_gmem(struct guest_ram *r, struct log *log)
{
    struct gmem_config config = {.page_shift = r->shift, .tasks = PVG_TASKS_TABLE, .log = log};
    struct gmem *g;

    log_init(log, NULL, NULL);
    MUST(!gmem_new(&config, &g));
    guest_ram_add(r, g, true);
    return g;
}
