/* SPDX-License-Identifier: MIT */
/*
 * The guest: a driver of the device in the same process, on a thread of its own, written from the specification
 * (transport.md 4, 8.4; memory.md 13; display.md 15). It touches RAM, registers and the interrupt through machine.h
 * alone.
 *
 * guest.c: rings, stamps, interrupts, bring-up. guest_memory.c: pages, tasks, page tables. guest_display.c: monitors,
 * surfaces, presents, pointer, gamma. guest_mapper.c: surfaces by the mapper of the memory-mapped variant.
 */
#ifndef MINI_VMM_GUEST_H
#define MINI_VMM_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"

#define GUEST_PORTS    8
#define GUEST_MODES    16 /* of a monitor, that this guest remembers */
#define RING_PAGES     3  /* of the Immediate channel; a display's ring is one page */
#define RING_PAGES_MAX 16
#define GUEST_WAIT_MS  120000 /* of a hang: a busy machine gives a process no processor for a while */

/* Pages of guest RAM behind one object, in no order. */
struct pages {
    uint64_t *gpa; /* owned */
    uint32_t count;
};

struct task {
    uint32_t id;
    uint64_t directory, root; /* gpa; 0: none */
};

/* A FIFO. Root: one contiguous ring. Child: pages in a list. */
struct channel {
    uint32_t id; /* also its stamp index */
    bool defined;
    uint64_t base, list; /* gpa of the root ring; of the page list */
    uint64_t ring[RING_PAGES_MAX];
    uint32_t ring_bytes;
    uint32_t written; /* byte counter */
    uint32_t stamp;   /* of the last packet */
};

struct barrier {
    uint32_t index, value;
};

struct surface {
    uint32_t id; /* slot in the object list, or mapping; 0: none */
    uint32_t width, height, pitch;
    uint64_t va;   /* objects */
    uint64_t list; /* mappings: gpa of the page list */
    struct pages pages;
};

struct guest_mode {
    uint32_t width, height, refresh; /* refresh in Hz, 16.16 */
};

/* What the guest knows of a monitor. */
struct guest_monitor {
    struct channel channel;
    uint64_t shared; /* gpa of the shared page */
    uint32_t events; /* claimed and not looked at yet */
    uint32_t vblanks;
    bool online;
    uint32_t serial, width_mm, height_mm;
    char name[14];
    uint32_t mode_count;
    struct guest_mode modes[GUEST_MODES];
    struct surface surfaces[2];
    uint32_t next;     /* which of the two is drawn to next */
    uint32_t presents; /* sent */
};

struct guest;

/* A table of GAMMA_ENTRIES entries at the start of a page of the kernel task. */
struct gamma_table {
    uint64_t va;
    uint32_t sum;
};

/* How the device learns of a surface's pages, and is told to show it. False: g->error says why. */
struct surface_way {
    uint32_t display_channel; /* id of port 0's */
    bool (*boot)(struct guest *g);
    bool (*announce)(struct guest *g, struct surface *s); /* its id, extent and pages are set */
    bool (*withdraw)(struct guest *g, struct surface *s); /* the device has let go when it returns */
    bool (*move)(struct guest *g, struct surface *s);     /* its pages are others now; likewise */
    bool (*wrote)(struct guest *g, struct guest_monitor *m,
                  const struct surface *s); /* what the CPU did; before a present */
    /* Queue a present; @behind and @gamma may be NULL. The stamp, or 0. */
    uint32_t (*present)(struct guest *g, struct guest_monitor *m, const struct surface *s, const struct barrier *behind,
                        const struct gamma_table *gamma);
    void (*forget)(struct guest *g); /* the machine was reset */
};
extern const struct surface_way surfaces_by_object, surfaces_by_mapping;

/* The surface mapper's driver. */
struct mapper {
    pthread_mutex_t lock;
    pthread_cond_t next;
    uint64_t tickets, served; /* under the lock: in the order of tickets one has requests in the ring and waits for them, */
    uint64_t published;       /* and has these: requests made; */
    uint64_t ring, table;     /* gpa, 0: not running; */
    uint64_t live;            /* surfaces mapped */
};

/* Something the guest is asked to do, on its own thread. False: guest->error says what went wrong. */
typedef bool guest_job(struct guest *g, uint32_t arg);

struct guest {
    struct vmm *vmm;
    uint32_t shift;
    uint64_t page;
    bool polling; /* look at stamps instead of sleeping until the interrupt */
    char error[240];

    /* memory */
    uint32_t next_page; /* of the shuffled order */
    uint64_t *spare;    /* freed pages; owned */
    uint32_t spare_count, spare_capacity;
    struct task kernel, client;
    struct pages list, descriptors, gamma, glyph;

    /* transport */
    uint64_t fifo, root_page, info; /* gpa */
    struct channel root, immediate;

    /* surfaces */
    const struct surface_way *way;
    struct mapper mapper;

    /* displays */
    uint32_t ports;
    struct guest_monitor monitors[GUEST_PORTS];
    uint32_t next_surface; /* id and place in the address space: never used twice */

    /* the thread and its mailbox */
    pthread_t thread;
    pthread_mutex_t lock; /* protects job, arg, good, quit */
    pthread_cond_t changed;
    guest_job *job; /* NULL: idle */
    uint32_t arg;
    bool good, quit;
};

/* Switch the guest on: it sits there until it is asked to do something. NULL: out of memory. */
struct guest *guest_new(struct vmm *vmm);
void guest_free(struct guest *g);
/* Have @job done on the guest's thread, and wait for it. */
bool guest_do(struct guest *g, guest_job *job, uint32_t arg);

/* Jobs. */
bool guest_hello(struct guest *g, uint32_t arg);    /* handshake and one command, polling; leaves the device off */
bool guest_boot(struct guest *g, uint32_t arg);     /* everything up to the displays, by interrupt */
bool guest_online(struct guest *g, uint32_t port);  /* await the monitor, read what it is */
bool guest_offline(struct guest *g, uint32_t port); /* await its end */
bool guest_picture(struct guest *g, uint32_t salt); /* draw picture @salt + port on every monitor, preferred mode */
bool guest_storm(struct guest *g, uint32_t count);  /* present two surfaces in turn, never waiting */
bool guest_again(struct guest *g, uint32_t arg);    /* present surface 0 of monitor 0 as it is; wait for nothing */
/* Present surface 0, then 1, of monitor 0 while nobody takes them; the first was superseded when it returns. */
bool guest_supersede(struct guest *g, uint32_t pause_ms);
bool guest_superseded(struct guest *g, uint32_t arg); /* after that: await a vertical blank */
bool guest_vblanks(struct guest *g, uint32_t count);
bool guest_pointer(struct guest *g, uint32_t at);         /* image, visible, at x | y << 16 of monitor 0 */
bool guest_gamma(struct guest *g, uint32_t on);           /* present again with a table: the test one, or a plain one */
bool guest_move_pages(struct guest *g, uint32_t salt);    /* other pages below the surface that is shown */
bool guest_mapper_first(struct guest *g, uint32_t arg);   /* map and unmap while the rest of the device is off */
bool guest_churn(struct guest *g, uint32_t count);        /* as guest_storm, while another thread maps and unmaps */
bool guest_mapper_restart(struct guest *g, uint32_t arg); /* the mapper was reset, nothing else: map all anew */
bool guest_shutdown(struct guest *g, uint32_t arg);
bool guest_forget(struct guest *g, uint32_t arg); /* the machine was reset: nothing of the above is there any more */

/* ---- between the guest's files ---- */

bool guest_fail(struct guest *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* guest.c. Queue a command; the answer is its stamp, 0 when it could not be queued. */
uint32_t submit(struct guest *g, struct channel *c, uint32_t op, const uint32_t *payload, uint32_t words,
                const struct barrier *barriers, uint32_t barrier_count);
bool wait_stamp(struct guest *g, struct channel *c, uint32_t stamp);
bool submit_wait(struct guest *g, struct channel *c, uint32_t op, const uint32_t *payload, uint32_t words);
/* Sleep until an interrupt, and handle it. */
bool wait_interrupt(struct guest *g, const char *what);
bool channel_define(struct guest *g, struct channel *c, uint32_t id, uint32_t ring_pages);
static inline struct barrier after(const struct channel *c)
{
    return (struct barrier){c->id, c->stamp};
}

/* guest_memory.c */
void memory_reset(struct guest *g);
uint64_t page_alloc(struct guest *g); /* zeroed */
void page_free(struct guest *g, uint64_t gpa);
bool pages_alloc(struct guest *g, struct pages *pages, uint64_t bytes);
void pages_free(struct guest *g, struct pages *pages);
/* Byte @offset of the pages; valid to the end of its page. */
uint8_t *pages_at(struct guest *g, const struct pages *pages, uint64_t offset);
bool task_define(struct guest *g, struct task *t, uint32_t id, uint32_t raw);
/* Fill the page table, and tell the device on the Immediate channel. Does not wait. */
bool task_map(struct guest *g, struct task *t, uint64_t va, const struct pages *pages);
bool task_unmap(struct guest *g, struct task *t, uint64_t va, const struct pages *pages);
uint32_t *task_leaf(struct guest *g, struct task *t, uint64_t va); /* entry of the page table; NULL: no memory */

/* guest_display.c */
bool displays_boot(struct guest *g);
void displays_interrupt(struct guest *g, uint32_t ports);
void displays_forget(struct guest *g);
/* Present surface @s as it is, or await all that was presented. */
bool show(struct guest *g, struct guest_monitor *m, const struct surface *s);
bool wait_presents(struct guest *g);
void want_vblanks(struct guest *g, struct guest_monitor *m, bool want);
/* Pages and an id; then it is announced. And the other way round. */
bool surface_new(struct guest *g, struct surface *s, uint32_t width, uint32_t height);
bool surface_free(struct guest *g, struct surface *s);
bool surfaces_free(struct guest *g); /* of all monitors */

/* Guest RAM. */
static inline uint32_t load32(struct guest *g, uint64_t gpa)
{
    return __atomic_load_n((uint32_t *)machine_ram(g->vmm, gpa), __ATOMIC_ACQUIRE);
}

static inline void store32(struct guest *g, uint64_t gpa, uint32_t value)
{
    __atomic_store_n((uint32_t *)machine_ram(g->vmm, gpa), value, __ATOMIC_RELEASE);
}

static inline uint32_t low(uint64_t value)
{
    return (uint32_t)value;
}

static inline uint32_t high(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

#endif
