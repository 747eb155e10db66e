/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures and internal interfaces of the driver. Nothing here knows the bus: a front (pvg_pci.c,
 * pvg_platform.c) maps registers, delivers interrupts and calls the pvg_device_* functions.
 *
 * Locks, outermost first:
 *   drm modeset locks -> pvg_device.state_lock -> pvg_pipe.present_lock -> pvg_task.lock ->
 *   drm_device.event_lock -> pvg_fifo.lock; pvg_pipe.vbl_lock, pvg_device.garbage_lock and
 *   pvg_crc.lock are leaves, and so is pvg_iosfc.lock, which comes after pvg_device.state_lock.
 */
#ifndef PVG_DRV_H
#define PVG_DRV_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/iosys-map.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_connector.h>
#include <drm/drm_crtc.h>
#include <drm/drm_device.h>
#include <drm/drm_encoder.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_mm.h>
#include <drm/drm_plane.h>
#include <drm/drm_rect.h>
#include <drm/drm_vblank.h>

#include "pvg_edid.h"
#include "pvg_wire.h"

#ifdef __BIG_ENDIAN
#error "the shared page is updated with native atomics: little-endian only"
#endif

#define PVG_MAX_CHANNELS	16
#define PVG_PACKET_MAX_WORDS	64
#define PVG_MAX_PENDING		4	/* a black present or a DIRTYFB may join the two flips */
#define PVG_FENCE_UNTIL_STOP	0xff
#define PVG_SUBMIT_TIMEOUT	msecs_to_jiffies(5000)
#define PVG_SETUP_TIMEOUT	msecs_to_jiffies(10000)

struct pvg_device;
struct pvg_pipe;

/**
 * struct pvg_fence - one moment on one channel: the completion of a packet
 * @stamp: completion stamp of the packet, of which the wire has the lower half: a fence may be
 *	looked at after any number of others; an all-zero fence is always reached
 * @generation: &pvg_device.generation at submission; a later generation means the device was
 *	stopped since, and a stopped device holds nothing
 * @channel: channel id, 0 for the root FIFO, PVG_FENCE_UNTIL_STOP for a moment that only a stop
 *	brings
 */
struct pvg_fence {
	u64 stamp;
	u32 generation;
	u8 channel;
};

/**
 * struct pvg_packet - a packet under construction
 * @words: number of words in @w
 * @barriers: number of stamp waits, which come before the payload
 * @generation: of the stamps waited for, when there are any
 * @w: header, stamp waits, payload
 */
struct pvg_packet {
	u32 words;
	u16 barriers;
	u32 generation;
	__le32 w[PVG_PACKET_MAX_WORDS];
};

/**
 * struct pvg_fifo - producer side of the root FIFO or of one child channel
 * @pvg: the device
 * @lock: protects everything below but @done; taken in interrupt context
 * @open: packets may be submitted
 * @id: channel id, 0 for the root FIFO
 * @size: bytes of ring data
 * @written: free-running producer counter
 * @stamp: last completion stamp handed out
 * @done: last one that the device was seen to have reached; not protected
 * @memory: page list and ring (child), stamp page and ring (root); NULL while not allocated
 * @memory_pages: wire pages of @memory
 * @ring: first byte of ring data
 * @record: the channel's record in the root page, NULL for the root FIFO
 * @wait: woken when the channel's stamp may have moved
 */
struct pvg_fifo {
	struct pvg_device *pvg;
	spinlock_t lock; /* of all below */
	bool open;
	u8 id;
	u32 size;
	u32 written;
	u64 stamp;
	atomic64_t done;
	void *memory;
	unsigned int memory_pages;
	u8 *ring;
	u8 *record;
	wait_queue_head_t wait;
};

/**
 * struct pvg_range - a mapped range of a task's address space
 * @node: the range, in wire pages
 * @mapped: fence of the map command that announced it
 */
struct pvg_range {
	struct drm_mm_node node;
	struct pvg_fence mapped;
};

/**
 * struct pvg_task - one GPU address space with its object list
 * @pvg: the device
 * @id: task id; 0 is the kernel task, others are for clients
 * @lock: protects the allocator, the page table and the lists
 * @directory: directory page
 * @root: root node of the page table
 * @nodes: xarray of table nodes below the root, by level and position
 * @mm: allocator of the address space, in wire pages
 * @slots: ids of object slots
 * @list: virtual range reserved for the object list
 * @descriptors: virtual range reserved for descriptors, one cell per slot
 * @list_pages: backing of @list, by page index, filled in when a slot needs it
 * @descriptor_pages: backing of @descriptors, likewise
 * @mapped: fence of the last map command for @list or @descriptors
 */
struct pvg_task {
	struct pvg_device *pvg;
	u32 id;
	struct mutex lock; /* of all below */
	void *directory;
	void *root;
	struct xarray nodes;
	struct drm_mm mm;
	struct ida slots;
	struct drm_mm_node list;
	struct drm_mm_node descriptors;
	struct xarray list_pages;
	struct xarray descriptor_pages;
	struct pvg_fence mapped;
};

/**
 * struct pvg_buffer - memory of the driver that the device reads: cursor images and gamma tables
 * @range: where it lies in the kernel task
 * @vaddr: kernel address
 * @pages: wire pages, physically scattered
 * @count: number of wire pages
 * @used: last packet that names the buffer; no writing before it is reached
 */
struct pvg_buffer {
	struct pvg_range range;
	void *vaddr;
	struct page **pages;
	unsigned int count;
	struct pvg_fence used;
};

/**
 * struct pvg_gem - GEM object with its place in the kernel task
 * @base: the shmem object
 * @own_pages: memory in units of a wire page instead of shmem's, which gives kernel pages
 * @users: surfaces that use @range, protected by the kernel task's lock
 * @range: NULL while @users is 0
 */
struct pvg_gem {
	struct drm_gem_shmem_object base;
	bool own_pages;
	unsigned int users;
	struct pvg_range *range;
};

/**
 * struct pvg_garbage - something the device may still use
 * @link: in &pvg_device.garbage
 * @fence: when it may go
 * @release: frees it; process context, no locks held
 */
struct pvg_garbage {
	struct list_head link;
	struct pvg_fence fence;
	void (*release)(struct pvg_garbage *garbage);
};

/**
 * struct pvg_mapping - a surface as the mapper of the MMIO variant knows it
 * @id: mapping id
 * @list: page list, one wire page
 */
struct pvg_mapping {
	u32 id;
	void *list;
};

/**
 * struct pvg_surface - what a present names: a mapping of the mapper, or a type-4 object
 * @ref: held by framebuffers (cache) and plane states
 * @pvg: the device
 * @gem: memory, one reference; NULL for the black surface
 * @range: a range to unmap with the surface: that of the black surface, or the one taken along by
 *	the last surface of a GEM object; else NULL
 * @mapping: the mapping, or NULL
 * @slot: object slot, the surface id on the wire; 0 with @mapping
 * @offset: of the first pixel in the range, bytes
 * @pitch: bytes per row
 * @width: pixels
 * @height: pixels
 * @mapped: fence of the map command for the pixels
 * @listed: fence of the last map command for the object list at creation
 * @presented: last present of this surface
 * @garbage: used when the last reference is gone
 */
struct pvg_surface {
	struct kref ref;
	struct pvg_device *pvg;
	struct pvg_gem *gem;
	struct pvg_range *range;
	struct pvg_mapping *mapping;
	u32 slot;
	u32 offset;
	u32 pitch;
	u32 width;
	u32 height;
	struct pvg_fence mapped;
	struct pvg_fence listed;
	struct pvg_fence presented;
	struct pvg_garbage garbage;
};

/**
 * struct pvg_framebuffer - framebuffer with the surface last used on each pipe
 * @base: the framebuffer
 * @surfaces: cache by pipe, protected by @lock
 * @lock: protects @surfaces
 */
struct pvg_framebuffer {
	struct drm_framebuffer base;
	struct mutex lock; /* of surfaces */
	struct pvg_surface *surfaces[PVG_MAX_PIPES];
};

/**
 * struct pvg_plane_state - plane state with what a commit has prepared
 * @base: the state
 * @surface: primary plane: what to present
 * @map: cursor plane: the image, mapped for the CPU
 * @map_obj: the object behind @map, NULL when not mapped
 */
struct pvg_plane_state {
	struct drm_plane_state base;
	struct pvg_surface *surface;
	struct iosys_map map;
	struct drm_gem_object *map_obj;
};

/**
 * struct pvg_pending - a present whose stamp is open
 * @fence: its completion
 * @event: event to deliver, or NULL
 * @async: deliver as soon as no older present is open, not at a vertical blank
 * @vblank_ref: a vblank reference comes with @event
 * @submitted: time of submission
 */
struct pvg_pending {
	struct pvg_fence fence;
	struct drm_pending_vblank_event *event;
	bool async;
	bool vblank_ref;
	ktime_t submitted;
};

/**
 * struct pvg_crc - state of the checksum source of a pipe
 * @lock: protects the fields up to @gamma
 * @active: checksums are wanted
 * @shown: what was presented last, one reference, only while @active
 * @src_x: first column of it that is shown
 * @src_y: first row
 * @latched: what was shown at the vertical blank that @work deals with
 * @latched_x: first column
 * @latched_y: first row
 * @frame: number of that vertical blank
 * @gamma: red, green and blue by 8-bit input, 10 bits each in their places in a word
 * @width: pixels checked
 * @height: rows checked
 * @work: computes one checksum
 */
struct pvg_crc {
	spinlock_t lock; /* of all but the last three */
	bool active;
	struct drm_framebuffer *shown;
	u32 src_x;
	u32 src_y;
	struct drm_framebuffer *latched;
	u32 latched_x;
	u32 latched_y;
	u32 frame;
	u32 gamma[3][256];
	u32 width;
	u32 height;
	struct work_struct work;
};

/**
 * struct pvg_cursor - the pipe's cursor as the device knows it
 * @images: two images used in turn
 * @current_image: index of the one last sent, -1 for none
 * @width: of the current image, pixels
 * @height: of the current image, pixels
 * @hot_x: hot spot last sent
 * @hot_y: hot spot last sent
 * @x: pointer position
 * @y: pointer position
 * @visible: shown
 * @sent_visible: what the last 0x05 said
 */
struct pvg_cursor {
	struct pvg_buffer images[2];
	int current_image;
	u32 width;
	u32 height;
	u32 hot_x;
	u32 hot_y;
	u32 x;
	u32 y;
	bool visible;
	bool sent_visible;
};

/**
 * struct pvg_pipe - one display pipe: connector, encoder, CRTC, planes, channel and shared page
 * @pvg: the device
 * @index: pipe number on the wire
 * @crtc: the CRTC
 * @primary: primary plane
 * @cursor_plane: cursor plane, registered only when the device has a cursor
 * @encoder: the encoder
 * @connector: the connector
 * @fifo: the pipe's channel
 * @page: shared page
 * @claimed: event bits taken from the page, waiting for @event_work
 * @event_work: handles online and offline
 * @info_lock: protects @info and @connected
 * @info: what the host says the monitor is
 * @connected: online has been signalled and not withdrawn
 * @gamma_entries: entries per channel this driver sends, 0 for none; like the next two never
 *	more than at the first start, for which memory was allocated
 * @cursor_max_width: largest cursor, pixels
 * @cursor_max_height: largest cursor, pixels
 * @cursor_features: PVG_CURSOR_FEATURE_*
 * @present_lock: serialises presents and cursor commands of the pipe
 * @pending: presents with an open stamp, oldest first, protected by the device's event_lock
 * @pending_count: number of entries of @pending
 * @present_wait: woken when @pending shrinks
 * @stall_warned: the one-second warning for the oldest present was given
 * @gamma: two tables used in turn
 * @gamma_next: table to fill next
 * @gamma_used: the table in @gamma that the next present has to name, NULL for none
 * @gamma_sum: checksum of that table
 * @cursor: cursor state, protected by @present_lock
 * @black: surface shown when the pipe is off, protected by @present_lock
 * @vbl_lock: protects the vbl fields
 * @vbl_period_ns: refresh period
 * @vbl_time: last vertical blank on the grid
 * @vbl_seen: time of the last vertical blank event of the device
 * @vbl_count: number of that vertical blank
 * @vbl_rest: time that @vbl_count does not account for, nanoseconds
 * @vbl_late: consecutive ticks that came late
 * @vbl_resync: the next event starts a new grid
 * @vbl_enabled: events are wanted
 * @vbl_soft: the device does not deliver events, the timer does
 * @vbl_timer: watches the events and stands in for them
 * @crc: checksum source
 * @stats: counters for debugfs
 */
struct pvg_pipe {
	struct pvg_device *pvg;
	unsigned int index;
	struct drm_crtc crtc;
	struct drm_plane primary;
	struct drm_plane cursor_plane;
	struct drm_encoder encoder;
	struct drm_connector connector;

	struct pvg_fifo *fifo;
	u8 *page;
	atomic_t claimed;
	struct work_struct event_work;

	struct mutex info_lock; /* of info and connected */
	struct pvg_monitor info;
	bool connected;
	u32 gamma_entries;
	u32 cursor_max_width;
	u32 cursor_max_height;
	u32 cursor_features;

	struct mutex present_lock; /* of what is sent on the channel */
	struct pvg_pending pending[PVG_MAX_PENDING];
	unsigned int pending_count;
	wait_queue_head_t present_wait;
	bool stall_warned;
	struct pvg_buffer gamma[2];
	unsigned int gamma_next;
	struct pvg_buffer *gamma_used;
	u32 gamma_sum;
	struct pvg_cursor cursor;
	struct pvg_surface *black;

	spinlock_t vbl_lock; /* of the vbl fields */
	u64 vbl_period_ns;
	ktime_t vbl_time;
	ktime_t vbl_seen;
	u32 vbl_count;
	s64 vbl_rest;
	unsigned int vbl_late;
	bool vbl_resync;
	bool vbl_enabled;
	bool vbl_soft;
	struct hrtimer vbl_timer;

	struct pvg_crc crc;

	struct {
		u64 presents;
		u64 async_flips;
		u64 waits;
		u64 vblanks;
		u64 soft_vblanks;
	} stats;
};

/**
 * struct pvg_iosfc - the surface mapper of the MMIO variant
 * @lock: protects all below and keeps requests apart
 * @wanted: surfaces go through the mapper; cleared for good when it does not answer
 * @up: its registers are set
 * @ring: ring of requests, one wire page
 * @table: descriptor table, one wire page
 * @record_pages: pages of descriptor records, by index in the table
 * @mappings: &struct pvg_mapping by id
 * @producer: index of the next entry of the ring
 * @wait: woken by the mapper's interrupt
 * @interrupts: counter for debugfs
 * @requests: counter for debugfs
 */
struct pvg_iosfc {
	struct mutex lock; /* of requests */
	bool wanted;
	bool up;
	__le32 *ring;
	__le32 *table;
	struct xarray record_pages;
	struct xarray mappings;
	u32 producer;
	wait_queue_head_t wait;
	u64 interrupts;
	u64 requests;
};

/**
 * struct pvg_front - what a bus front provides
 * @name: bus name for messages
 * @regs: registers, offset 0x1000 included
 * @iosfc_regs: registers of the surface mapper, NULL where there is none
 * @page_shift: wire page size
 * @display_channel: channel id of pipe 0
 */
struct pvg_front {
	const char *name;
	void __iomem *regs;
	void __iomem *iosfc_regs;
	unsigned int page_shift;
	unsigned int display_channel;
};

/**
 * struct pvg_device - the device
 * @drm: the DRM device
 * @front: the bus front's part
 * @state_lock: serialises start, stop and restart
 * @running: FIFOs are up; changed under @state_lock, read anywhere
 * @stopped: the device touches no memory of ours
 * @unplugged: the front is going away, never start again
 * @version: granted protocol version
 * @generation: counts stops; see &struct pvg_fence
 * @root_page: root page with the channel records
 * @cells: stamp cells, first page of the root FIFO buffer
 * @root: the root FIFO
 * @channels: child channels by id
 * @memory: channel for mappings and objects
 * @kernel_task: task 0
 * @iosfc: the surface mapper
 * @black_page: one zeroed wire page, the memory of all black surfaces
 * @pipe_count: number of pipes
 * @pipes: the pipes
 * @wq: ordered queue for events and garbage
 * @garbage_lock: protects @garbage
 * @garbage: things waiting for a fence
 * @garbage_work: frees what is free
 * @watchdog: looks for lost interrupts and stalled presents
 * @restart_work: tears the transport down and brings it up again
 * @repaint_work: shows everything again after that; a work of its own, because it waits for locks
 *	and presents that only another restart may free
 * @restarts: number of restarts
 * @restart_time: jiffies of the last one
 * @online_wait: woken when a pipe comes online
 * @interrupts: counter for debugfs
 */
struct pvg_device {
	struct drm_device drm;
	struct pvg_front front;
	struct mutex state_lock; /* of start and stop */
	bool running;
	bool stopped;
	bool unplugged;
	u32 version;
	u32 generation;
	u8 *root_page;
	__le32 *cells;
	struct pvg_fifo root;
	struct pvg_fifo channels[PVG_MAX_CHANNELS];
	struct pvg_fifo *memory;
	struct pvg_task kernel_task;
	struct pvg_iosfc iosfc;
	void *black_page;
	unsigned int pipe_count;
	struct pvg_pipe pipes[PVG_MAX_PIPES];
	struct workqueue_struct *wq;
	spinlock_t garbage_lock; /* of garbage */
	struct list_head garbage;
	struct work_struct garbage_work;
	struct delayed_work watchdog;
	struct work_struct restart_work;
	struct work_struct repaint_work;
	unsigned int restarts;
	unsigned long restart_time;
	wait_queue_head_t online_wait;
	u64 interrupts;
};

#define to_pvg_device(d)	container_of(d, struct pvg_device, drm)
#define to_pvg_gem(o)		container_of(to_drm_gem_shmem_obj(o), struct pvg_gem, base)
#define to_pvg_framebuffer(f)	container_of(f, struct pvg_framebuffer, base)
#define to_pvg_plane_state(s)	container_of(s, struct pvg_plane_state, base)
#define crtc_to_pvg_pipe(c)	container_of(c, struct pvg_pipe, crtc)
#define connector_to_pvg_pipe(c) container_of(c, struct pvg_pipe, connector)

static inline u32 pvg_read(struct pvg_device *pvg, u32 reg)
{
	return readl(pvg->front.regs + reg);
}

static inline void pvg_write(struct pvg_device *pvg, u32 reg, u32 value)
{
	writel(value, pvg->front.regs + reg);
}

static inline unsigned long pvg_page_size(struct pvg_device *pvg)
{
	return 1UL << pvg->front.page_shift;
}

static inline unsigned long pvg_pages(struct pvg_device *pvg, u64 bytes)
{
	return (bytes + pvg_page_size(pvg) - 1) >> pvg->front.page_shift;
}

static inline u32 pvg_shared_read32(struct pvg_pipe *pipe, u32 offset)
{
	return le32_to_cpu(READ_ONCE(*(__le32 *)(pipe->page + offset)));
}

static inline u16 pvg_shared_read16(struct pvg_pipe *pipe, u32 offset)
{
	return le16_to_cpu(READ_ONCE(*(__le16 *)(pipe->page + offset)));
}

static inline void pvg_shared_write32(struct pvg_pipe *pipe, u32 offset, u32 value)
{
	WRITE_ONCE(*(__le32 *)(pipe->page + offset), cpu_to_le32(value));
}

/*
 * What a plane shows of its framebuffer: the source rectangle less what lies outside the CRTC.
 * Known when the state was checked; whole pixels, as nothing is scaled.
 */
static inline struct drm_rect pvg_shown(const struct drm_plane_state *state)
{
	struct drm_rect shown;

	drm_rect_fp_to_int(&shown, &state->src);
	return shown;
}

static inline atomic_t *pvg_shared_atomic(struct pvg_pipe *pipe, u32 offset)
{
	return (atomic_t *)(pipe->page + offset);
}

/* pvg_transport.c */
void *pvg_wire_alloc(struct pvg_device *pvg, unsigned int pages);
void pvg_wire_free(struct pvg_device *pvg, void *memory, unsigned int pages);
u32 pvg_wire_pfn(struct pvg_device *pvg, const void *memory);
void pvg_packet_begin(struct pvg_packet *pkt, u16 opcode);
void pvg_packet_wait(struct pvg_device *pvg, struct pvg_packet *pkt, const struct pvg_fence *fence);
void pvg_packet_u32(struct pvg_packet *pkt, u32 value);
void pvg_packet_u64(struct pvg_packet *pkt, u64 value);
int pvg_fifo_try_submit(struct pvg_fifo *fifo, struct pvg_packet *before, struct pvg_packet *pkt,
			struct pvg_fence *fence);
int pvg_fifo_submit(struct pvg_fifo *fifo, struct pvg_packet *pkt, struct pvg_fence *fence);
struct pvg_fence pvg_fence_until_stop(struct pvg_device *pvg);
bool pvg_fence_reached(struct pvg_device *pvg, const struct pvg_fence *fence);
int pvg_fence_wait(struct pvg_device *pvg, const struct pvg_fence *fence, unsigned long timeout);
void pvg_transport_init(struct pvg_device *pvg);
int pvg_transport_start(struct pvg_device *pvg);
void pvg_transport_close(struct pvg_device *pvg);
void pvg_transport_stop(struct pvg_device *pvg);
int pvg_channel_open(struct pvg_device *pvg, unsigned int id, unsigned int ring_pages,
		     struct pvg_fifo **out);
int pvg_channel_delete(struct pvg_fifo *fifo);
void pvg_handle_irq(struct pvg_device *pvg);

/* pvg_mm.c */
int pvg_task_init(struct pvg_device *pvg, struct pvg_task *task, u32 id);
void pvg_task_fini(struct pvg_task *task);
int pvg_task_define(struct pvg_task *task);
int pvg_task_announce(struct pvg_task *task);
int pvg_task_map_pages(struct pvg_task *task, struct pvg_range *range, struct page **pages,
		       unsigned long count);
int pvg_task_map_sgt(struct pvg_task *task, struct pvg_range *range, struct sg_table *sgt,
		     u64 size);
int pvg_task_map_repeat(struct pvg_task *task, struct pvg_range *range, void *page,
			unsigned long pages);
void pvg_task_unmap(struct pvg_task *task, struct pvg_range *range);
u32 pvg_task_pfn(struct pvg_task *task, const struct pvg_range *range, u64 page);
int pvg_task_object_add(struct pvg_task *task, u8 type, const void *descriptor, u32 length,
			u32 *slot);
void pvg_task_object_remove(struct pvg_task *task, u32 slot);
u64 pvg_range_address(struct pvg_device *pvg, const struct pvg_range *range);
u64 pvg_range_length(struct pvg_device *pvg, const struct pvg_range *range);
int pvg_unit_pages_alloc(struct pvg_device *pvg, struct page **pages, unsigned long count,
			 gfp_t gfp);
void pvg_unit_pages_free(struct page **pages, unsigned long count);
int pvg_buffer_alloc(struct pvg_device *pvg, struct pvg_buffer *buffer, size_t bytes);
void pvg_buffer_free(struct pvg_device *pvg, struct pvg_buffer *buffer);
void pvg_garbage_add(struct pvg_device *pvg, struct pvg_garbage *garbage);
void pvg_garbage_collect(struct pvg_device *pvg);
void pvg_garbage_kick(struct pvg_device *pvg);

/* pvg_gem.c */
struct drm_gem_object *pvg_gem_create_object(struct drm_device *dev, size_t size);
struct drm_gem_object *pvg_gem_prime_import(struct drm_device *dev,
					    struct dma_buf_attachment *attach,
					    struct sg_table *sgt);
int pvg_dumb_create(struct drm_file *file, struct drm_device *dev,
		    struct drm_mode_create_dumb *args);
struct drm_framebuffer *pvg_fb_create(struct drm_device *dev, struct drm_file *file,
				      const struct drm_mode_fb_cmd2 *mode_cmd);
struct pvg_surface *pvg_surface_get(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
				    const struct drm_plane_state *state);
struct pvg_surface *pvg_surface_black(struct pvg_pipe *pipe, u32 width, u32 height);
void pvg_surface_put(struct pvg_surface *surface);

/* pvg_iosfc.c */
void pvg_iosfc_init(struct pvg_device *pvg);
int pvg_iosfc_prepare(struct pvg_device *pvg);
void pvg_iosfc_fini(struct pvg_device *pvg);
int pvg_iosfc_start(struct pvg_device *pvg);
void pvg_iosfc_stop(struct pvg_device *pvg);
bool pvg_iosfc_takes(struct pvg_device *pvg, const struct pvg_range *range);
int pvg_iosfc_map(struct pvg_surface *surface, const struct pvg_range *range);
void pvg_iosfc_unmap(struct pvg_device *pvg, struct pvg_mapping *mapping);
void pvg_iosfc_handle_irq(struct pvg_device *pvg);

/* pvg_present.c */
#define PVG_PRESENT_ASYNC		1 /* the event does not wait for a vertical blank */
#define PVG_PRESENT_INTERRUPTIBLE	2 /* a signal or a busy second end the wait */
int pvg_present(struct pvg_pipe *pipe, struct pvg_surface *surface,
		struct drm_pending_vblank_event *event, unsigned int flags);
void pvg_present_retire(struct pvg_pipe *pipe);
void pvg_present_abandon(struct pvg_pipe *pipe);
bool pvg_present_stalled(struct pvg_pipe *pipe);
int pvg_async_flip(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
		   struct drm_pending_vblank_event *event);
int pvg_crtc_page_flip(struct drm_crtc *crtc, struct drm_framebuffer *fb,
		       struct drm_pending_vblank_event *event, uint32_t flags,
		       struct drm_modeset_acquire_ctx *ctx);
int pvg_fb_dirty(struct drm_framebuffer *fb, struct drm_file *file, unsigned int flags,
		 unsigned int color, struct drm_clip_rect *clips, unsigned int num_clips);
void pvg_send_event_now(struct pvg_pipe *pipe, struct drm_pending_vblank_event *event);

/* pvg_vblank.c */
void pvg_vblank_init(struct pvg_pipe *pipe);
void pvg_vblank_set_period(struct pvg_pipe *pipe, u64 period_ns);
void pvg_vblank_event(struct pvg_pipe *pipe);
int pvg_vblank_enable(struct drm_crtc *crtc);
void pvg_vblank_disable(struct drm_crtc *crtc);
u32 pvg_vblank_counter(struct drm_crtc *crtc);
bool pvg_vblank_timestamp(struct drm_crtc *crtc, int *max_error, ktime_t *time, bool in_irq);

/* pvg_gamma.c */
int pvg_gamma_init(struct pvg_pipe *pipe);
void pvg_gamma_fini(struct pvg_pipe *pipe);
void pvg_gamma_update(struct pvg_pipe *pipe, const struct drm_color_lut *lut, unsigned int length);

/* pvg_kms.c */
int pvg_kms_init(struct pvg_device *pvg);
void pvg_kms_fini(struct pvg_device *pvg);
void pvg_kms_repaint(struct pvg_device *pvg);
extern const struct drm_plane_funcs pvg_plane_funcs;

/* pvg_cursor.c */
int pvg_cursor_init(struct pvg_pipe *pipe);
void pvg_cursor_fini(struct pvg_pipe *pipe);
void pvg_cursor_resend(struct pvg_pipe *pipe);
void pvg_cursor_hide(struct pvg_pipe *pipe);

/* pvg_connector.c */
int pvg_connector_init(struct pvg_pipe *pipe);
int pvg_pipe_start(struct pvg_pipe *pipe);
bool pvg_pipe_stop(struct pvg_pipe *pipe, bool polite);
void pvg_pipe_irq(struct pvg_pipe *pipe);
void pvg_pipe_event_work(struct work_struct *work);

/* pvg_crc.c */
void pvg_crc_init(struct pvg_pipe *pipe);
void pvg_crc_shown(struct pvg_pipe *pipe, struct drm_framebuffer *fb,
		   const struct drm_plane_state *state);
void pvg_crc_gamma(struct pvg_pipe *pipe, const struct drm_color_lut *lut, unsigned int length);
void pvg_crc_vblank(struct pvg_pipe *pipe);
int pvg_crc_set_source(struct drm_crtc *crtc, const char *source);
int pvg_crc_verify_source(struct drm_crtc *crtc, const char *source, size_t *count);
const char *const *pvg_crc_sources(struct drm_crtc *crtc, size_t *count);

/* pvg_drv.c */
struct pvg_device *pvg_device_create(struct device *parent, const struct pvg_front *front);
int pvg_device_register(struct pvg_device *pvg);
void pvg_device_unregister(struct pvg_device *pvg);
void pvg_device_shutdown(struct pvg_device *pvg);
int pvg_device_suspend(struct pvg_device *pvg);
int pvg_device_resume(struct pvg_device *pvg);
void pvg_device_fault(struct pvg_device *pvg, const char *why);

/* pvg_pci.c */
extern struct pci_driver pvg_pci_driver;

/* pvg_platform.c */
int pvg_platform_register(void);
void pvg_platform_unregister(void);

#endif
