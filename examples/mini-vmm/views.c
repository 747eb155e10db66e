/* SPDX-License-Identifier: MIT */
/*
 * The task callbacks: Apple's contract as written (docs/spec/host-api.md 1.5). A task is a reservation of host-virtual
 * space; mapping lays pieces of the RAM file into it, so that what is scattered in guest RAM is contiguous for the
 * library. Called from several threads of the library; mmap() is all the state there is, so no lock is needed.
 *
 * With the RAM table (PVG_TASKS_TABLE) none of this file but ram_at() is needed.
 */
#include "vmm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct pvg_task {
    uint8_t *base;
    uint64_t length_bytes;
};

/* Host address of guest RAM that is one piece, or NULL; *@fd_offset (may be NULL): where it is in the RAM file. */
uint8_t *ram_at(struct vmm *vmm, uint64_t gpa, uint64_t length_bytes, uint64_t *fd_offset)
{
    for (uint64_t i = 0; i < RAM_BLOCKS; i++) {
        uint64_t offset = gpa - RAM_BLOCK_GPA(i);

        if (gpa < RAM_BLOCK_GPA(i) || offset >= RAM_BLOCK_BYTES || length_bytes > RAM_BLOCK_BYTES - offset)
            continue;
        if (fd_offset)
            *fd_offset = i * RAM_BLOCK_BYTES + offset;
        return vmm->ram[i] + offset;
    }
    return NULL;
}

pvg_task *views_create(void *opaque, uint64_t length_bytes, void **base)
{
    struct vmm *vmm = opaque;
    pvg_task *task = malloc(sizeof(*task));

    if (!task)
        return NULL;
    task->length_bytes = length_bytes;
    task->base = mmap(NULL, length_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (task->base == MAP_FAILED) {
        free(task);
        return NULL;
    }
    atomic_fetch_add(&vmm->live_tasks, 1);
    *base = task->base;
    return task;
}

void views_destroy(void *opaque, pvg_task *task)
{
    struct vmm *vmm = opaque;

    munmap(task->base, task->length_bytes);
    free(task);
    atomic_fetch_sub(&vmm->live_tasks, 1);
}

/* The interval becomes empty again, and stays reserved. */
static bool unmap(pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes)
{
    return mmap(task->base + offset_bytes, length_bytes, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static bool inside(const pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return length_bytes && (offset_bytes | length_bytes) % page == 0 && offset_bytes <= task->length_bytes &&
           length_bytes <= task->length_bytes - offset_bytes;
}

/* Everything is checked before anything is mapped: all or nothing. */
bool views_map(void *opaque, pvg_task *task, uint32_t n, uint64_t offset_bytes, bool readonly,
               const struct pvg_range *ranges)
{
    struct vmm *vmm = opaque;
    uint64_t total = 0, at = offset_bytes;

    for (uint32_t i = 0; i < n; i++) {
        if (!ram_at(vmm, ranges[i].gpa, ranges[i].length_bytes, NULL) ||
            !inside(task, offset_bytes + total, ranges[i].length_bytes))
            return false;
        total += ranges[i].length_bytes;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t fd_offset = 0;

        ram_at(vmm, ranges[i].gpa, ranges[i].length_bytes, &fd_offset);
        if (mmap(task->base + at, ranges[i].length_bytes, PROT_READ | (readonly ? 0 : PROT_WRITE),
                 MAP_SHARED | MAP_FIXED, vmm->ram_fd, (off_t)fd_offset) == MAP_FAILED) {
            /* The kernel refused, of mappings or memory there are too many: then none of these pages is mapped. */
            unmap(task, offset_bytes, total);
            return false;
        }
        at += ranges[i].length_bytes;
    }
    return true;
}

bool views_unmap(void *opaque, pvg_task *task, uint64_t offset_bytes, uint64_t length_bytes)
{
    return inside(task, offset_bytes, length_bytes) && unmap(task, offset_bytes, length_bytes);
}

/*
 * The guest writes meanwhile, to page tables for one: a word is read whole, and what it says is the library's to judge. That
 * race is the guest's own and no business of ThreadSanitizer's.
 */
__attribute__((no_sanitize("thread"))) bool views_read(void *opaque, uint64_t gpa, uint64_t length_bytes, void *dst)
{
    const volatile uint8_t *src = ram_at(opaque, gpa, length_bytes, NULL);
    uint8_t *to = dst;

    if (!src)
        return false;
    for (; length_bytes >= 4 && gpa % 4 == 0; src += 4, to += 4, length_bytes -= 4) {
        uint32_t word = *(const volatile uint32_t *)(const volatile void *)src;

        memcpy(to, &word, sizeof(word));
    }
    for (; length_bytes; length_bytes--)
        *to++ = *src++;
    return true;
}
