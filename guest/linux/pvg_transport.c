// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transport: wire pages, packets, the root FIFO, child channels, stamps and the interrupt
 * (transport 4 to 10).
 *
 * Knows framing and order, not the meaning of a command beyond opening and closing channels.
 * Submission works from any context; the functions without "try" in their name may sleep.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include <drm/drm_print.h>

#include "pvg_drv.h"

#define PVG_WAIT_SLICE	msecs_to_jiffies(100)	/* a lost interrupt costs this much */

/**
 * pvg_wire_alloc() - allocate zeroed, physically contiguous wire pages
 * @pvg: the device
 * @pages: number of wire pages
 *
 * Returns: kernel address, or NULL; memory the device cannot name (page number above 31 bits)
 * counts as none.
 */
void *pvg_wire_alloc(struct pvg_device *pvg, unsigned int pages)
{
	size_t bytes = (size_t)pages << pvg->front.page_shift;
	void *memory = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO);

	if (!memory)
		return NULL;
	if ((virt_to_phys(memory) + bytes - 1) >> pvg->front.page_shift > PVG_PTE_PAGE_MASK) {
		free_pages_exact(memory, bytes);
		return NULL;
	}
	return memory;
}

/**
 * pvg_wire_free() - free memory of pvg_wire_alloc()
 * @pvg: the device
 * @memory: what it returned, or NULL
 * @pages: number of wire pages
 */
void pvg_wire_free(struct pvg_device *pvg, void *memory, unsigned int pages)
{
	if (memory)
		free_pages_exact(memory, (size_t)pages << pvg->front.page_shift);
}

/**
 * pvg_wire_pfn() - page number on the wire
 * @pvg: the device
 * @memory: memory of pvg_wire_alloc(), or an address inside it
 *
 * Returns: guest-physical address divided by the wire page size.
 */
u32 pvg_wire_pfn(struct pvg_device *pvg, const void *memory)
{
	return virt_to_phys((void *)memory) >> pvg->front.page_shift;
}

/**
 * pvg_packet_begin() - start a packet
 * @pkt: packet to build
 * @opcode: command
 *
 * Stamp waits come next, then the payload.
 */
void pvg_packet_begin(struct pvg_packet *pkt, u16 opcode)
{
	pkt->words = PVG_PACKET_HEADER_SIZE / 4;
	pkt->barriers = 0;
	pkt->w[0] = cpu_to_le32(opcode);
}

/**
 * pvg_packet_u32() - append one word of payload
 * @pkt: the packet
 * @value: the word
 */
void pvg_packet_u32(struct pvg_packet *pkt, u32 value)
{
	if (WARN_ON(pkt->words >= PVG_PACKET_MAX_WORDS))
		return;
	pkt->w[pkt->words++] = cpu_to_le32(value);
}

/**
 * pvg_packet_u64() - append 64 bits of payload, low word first
 * @pkt: the packet
 * @value: the value
 */
void pvg_packet_u64(struct pvg_packet *pkt, u64 value)
{
	pvg_packet_u32(pkt, lower_32_bits(value));
	pvg_packet_u32(pkt, upper_32_bits(value));
}

/**
 * pvg_packet_wait() - let the packet wait for another channel
 * @pvg: the device
 * @pkt: the packet, without payload so far
 * @fence: what to wait for; already reached fences add nothing
 */
void pvg_packet_wait(struct pvg_device *pvg, struct pvg_packet *pkt, const struct pvg_fence *fence)
{
	if (pvg_fence_reached(pvg, fence))
		return;
	pkt->generation = fence->generation;
	pvg_packet_u32(pkt, fence->channel);
	pvg_packet_u32(pkt, lower_32_bits(fence->stamp));
	pkt->barriers++;
}

static u32 fifo_read_counter(struct pvg_fifo *fifo)
{
	if (!fifo->record)
		return pvg_read(fifo->pvg, PVG_REG_ROOT_CONSUMER);
	return le32_to_cpu(READ_ONCE(*(__le32 *)(fifo->record + PVG_RECORD_READ)));
}

static void fifo_publish(struct pvg_fifo *fifo)
{
	if (!fifo->record) {
		wmb(); /* ring data before the counter */
		pvg_write(fifo->pvg, PVG_REG_ROOT_PRODUCER, fifo->written);
		return;
	}
	wmb(); /* ring data before the counter */
	WRITE_ONCE(*(__le32 *)(fifo->record + PVG_RECORD_WRITTEN), cpu_to_le32(fifo->written));
	mb(); /* the counter before the doorbell (transport 7.4) */
	pvg_write(fifo->pvg, PVG_REG_CHILD_DOORBELL, fifo->id);
}

/* Put a packet in the ring without telling the device. Caller holds the lock and has made room. */
static void fifo_put(struct pvg_fifo *fifo, struct pvg_packet *pkt)
{
	u32 bytes = pkt->words * 4;
	u32 opcode = le32_to_cpu(pkt->w[0]) & 0xffff;
	u32 start, first;

	WRITE_ONCE(fifo->stamp, fifo->stamp + 1);
	pkt->w[0] = cpu_to_le32(opcode | (u32)pkt->barriers << 16);
	pkt->w[1] = cpu_to_le32(bytes);
	pkt->w[2] = cpu_to_le32(lower_32_bits(fifo->stamp));

	start = fifo->written % fifo->size;
	first = min(bytes, fifo->size - start);
	memcpy(fifo->ring + start, pkt->w, first);
	memcpy(fifo->ring, (u8 *)pkt->w + first, bytes - first);
	fifo->written += bytes;
}

/* Does it wait for stamps of a device that was stopped since? They will never come. */
static bool packet_stale(struct pvg_device *pvg, const struct pvg_packet *pkt)
{
	return pkt->barriers && pkt->generation != READ_ONCE(pvg->generation);
}

/**
 * pvg_fifo_try_submit() - submit one or two packets without sleeping
 * @fifo: the channel
 * @before: a packet that goes before @pkt, or NULL; both with one doorbell, both or none
 * @pkt: the packet; header fields are filled in here
 * @fence: out: completion of @pkt; may be NULL
 *
 * Any context.
 *
 * Returns: 0, -EAGAIN when the ring is full, -ENODEV when the channel is not open, -ESTALE when
 * the device was started anew since a stamp wait was put in a packet: it has to be built again.
 */
int pvg_fifo_try_submit(struct pvg_fifo *fifo, struct pvg_packet *before, struct pvg_packet *pkt,
			struct pvg_fence *fence)
{
	u32 bytes = (pkt->words + (before ? before->words : 0)) * 4;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&fifo->lock, flags);
	if (!fifo->open) {
		ret = -ENODEV;
		goto unlock;
	}
	if (packet_stale(fifo->pvg, pkt) || (before && packet_stale(fifo->pvg, before))) {
		ret = -ESTALE;
		goto unlock;
	}
	if (fifo->size - (fifo->written - fifo_read_counter(fifo)) < bytes) {
		ret = -EAGAIN;
		goto unlock;
	}
	if (before)
		fifo_put(fifo, before);
	fifo_put(fifo, pkt);
	fifo_publish(fifo);

	if (fence) {
		fence->stamp = fifo->stamp;
		fence->generation = fifo->pvg->generation;
		fence->channel = fifo->id;
	}
unlock:
	spin_unlock_irqrestore(&fifo->lock, flags);
	return ret;
}

/**
 * pvg_fifo_submit() - submit a packet, waiting for room
 * @fifo: the channel
 * @pkt: the packet
 * @fence: out: completion of the packet; may be NULL
 *
 * Process context.
 *
 * Returns: 0, -ETIMEDOUT when the ring stays full, which is a fault of the device; -ENODEV and
 * -ESTALE as pvg_fifo_try_submit().
 */
int pvg_fifo_submit(struct pvg_fifo *fifo, struct pvg_packet *pkt, struct pvg_fence *fence)
{
	unsigned long deadline = jiffies + PVG_SUBMIT_TIMEOUT;
	int ret;

	for (;;) {
		ret = pvg_fifo_try_submit(fifo, NULL, pkt, fence);
		if (ret != -EAGAIN)
			return ret;
		if (time_after(jiffies, deadline)) {
			pvg_device_fault(fifo->pvg, "a channel takes no commands");
			return -ETIMEDOUT;
		}
		usleep_range(50, 200);
	}
}

static struct pvg_fifo *fence_fifo(struct pvg_device *pvg, const struct pvg_fence *fence)
{
	return fence->channel ? &pvg->channels[fence->channel] : &pvg->root;
}

/*
 * How far the device has come on a channel: its cell has 32 bits, which this continues. A cell that
 * goes back, or beyond what was handed out, tells nothing.
 */
static u64 fifo_done(struct pvg_fifo *fifo)
{
	s64 done = atomic64_read(&fifo->done);
	/* Before the stamp that was handed out: a cell is never ahead of it. */
	u32 cell = le32_to_cpu(smp_load_acquire(&fifo->pvg->cells[fifo->id]));
	s32 step;

	do {
		step = cell - lower_32_bits(done);
		if (step <= 0 || done + step > READ_ONCE(fifo->stamp))
			break;
	} while (!atomic64_try_cmpxchg(&fifo->done, &done, done + step));
	/* What the device wrote before the stamp is read after it. */
	return atomic64_read_acquire(&fifo->done);
}

/**
 * pvg_fence_reached() - has the device completed a packet?
 * @pvg: the device
 * @fence: the packet's fence
 *
 * Returns: true also when the device has been stopped since: it holds nothing then.
 */
bool pvg_fence_reached(struct pvg_device *pvg, const struct pvg_fence *fence)
{
	bool reached = true;

	rcu_read_lock(); /* pvg_transport_stop() frees the cells */
	if (fence->channel == PVG_FENCE_UNTIL_STOP)
		reached = fence->generation != READ_ONCE(pvg->generation);
	else if (fence->stamp && fence->generation == READ_ONCE(pvg->generation))
		reached = fifo_done(fence_fifo(pvg, fence)) >= fence->stamp;
	rcu_read_unlock();
	return reached;
}

/**
 * pvg_fence_until_stop() - a fence that only stopping the device reaches
 * @pvg: the device
 *
 * Returns: the fence, already reached when the device is stopped now.
 */
struct pvg_fence pvg_fence_until_stop(struct pvg_device *pvg)
{
	struct pvg_fence fence = {
		.generation = READ_ONCE(pvg->generation),
		.channel = PVG_FENCE_UNTIL_STOP,
	};

	smp_rmb(); /* pairs with pvg_transport_stop(), which sets them in the other order */
	if (READ_ONCE(pvg->stopped))
		fence = (struct pvg_fence){};
	return fence;
}

/**
 * pvg_fence_wait() - wait for a packet
 * @pvg: the device
 * @fence: the packet's fence
 * @timeout: jiffies
 *
 * Returns: 0 or -ETIMEDOUT.
 */
int pvg_fence_wait(struct pvg_device *pvg, const struct pvg_fence *fence, unsigned long timeout)
{
	unsigned long deadline = jiffies + timeout;
	struct pvg_fifo *fifo = fence_fifo(pvg, fence);

	while (!wait_event_timeout(fifo->wait, pvg_fence_reached(pvg, fence), PVG_WAIT_SLICE))
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
	return 0;
}

static void fifo_init(struct pvg_device *pvg, struct pvg_fifo *fifo, unsigned int id)
{
	fifo->pvg = pvg;
	fifo->id = id;
	spin_lock_init(&fifo->lock);
	init_waitqueue_head(&fifo->wait);
}

/**
 * pvg_transport_init() - initialise locks and queues
 * @pvg: the device
 */
void pvg_transport_init(struct pvg_device *pvg)
{
	unsigned int i;

	pvg->generation = 1;
	pvg->stopped = true;
	fifo_init(pvg, &pvg->root, 0);
	for (i = 0; i < PVG_MAX_CHANNELS; i++)
		fifo_init(pvg, &pvg->channels[i], i);
}

static void fifo_open(struct pvg_fifo *fifo, u32 written)
{
	spin_lock_irq(&fifo->lock);
	fifo->written = written;
	fifo->stamp = 0;
	atomic64_set(&fifo->done, 0);
	fifo->open = true;
	spin_unlock_irq(&fifo->lock);
}

static void fifo_close(struct pvg_fifo *fifo)
{
	unsigned long flags;

	spin_lock_irqsave(&fifo->lock, flags);
	fifo->open = false;
	spin_unlock_irqrestore(&fifo->lock, flags);
}

static int transport_handshake(struct pvg_device *pvg)
{
	u32 granted;

	pvg_write(pvg, PVG_REG_VERSION, PVG_VERSION_PROPOSED);
	granted = pvg_read(pvg, PVG_REG_VERSION);
	if (!granted || granted & PVG_VERSION_REFUSED || granted > PVG_VERSION_PROPOSED) {
		drm_err(&pvg->drm, "protocol version %u proposed, 0x%x granted: not usable\n",
			PVG_VERSION_PROPOSED, granted);
		return -EPROTO;
	}
	pvg->version = granted;
	return 0;
}

/* The first command proves FIFO, stamps, DMA and interrupt; its answer is for renderers. */
static int transport_prove(struct pvg_device *pvg)
{
	void *reply = pvg_wire_alloc(pvg, 1);
	struct pvg_packet pkt;
	struct pvg_fence fence;
	int ret;

	if (!reply)
		return -ENOMEM;
	pvg_packet_begin(&pkt, PVG_CMD_GET_DEVICE_INFO);
	pvg_packet_u32(&pkt, PVG_DEVICE_INFO_KEY_LIMIT);
	pvg_packet_u32(&pkt, pvg_page_size(pvg) / 8);
	pvg_packet_u32(&pkt, pvg_wire_pfn(pvg, reply));
	ret = pvg_fifo_submit(&pvg->root, &pkt, &fence);
	if (!ret)
		ret = pvg_fence_wait(pvg, &fence, PVG_SETUP_TIMEOUT);
	if (ret) {
		drm_err(&pvg->drm, "the device does not execute commands (%d)\n", ret);
		pvg_transport_stop(pvg); /* the page may go only then */
	}
	pvg_wire_free(pvg, reply, 1);
	return ret;
}

/**
 * pvg_transport_start() - bring the root FIFO up
 * @pvg: the device
 *
 * Follows display 15.3 to 15.5. The interrupt must be requested before.
 *
 * Returns: 0 or a negative error; after an error nothing is left behind.
 */
int pvg_transport_start(struct pvg_device *pvg)
{
	unsigned int pages = PVG_ROOT_FIFO_LENGTH >> pvg->front.page_shift;
	struct pvg_fifo *root = &pvg->root;
	int ret;

	pvg_write(pvg, PVG_REG_FIFO_CONTROL, 0);
	pvg_read(pvg, PVG_REG_FIFO_CONTROL);
	pvg_read(pvg, PVG_REG_DISPLAY_EVENTS);
	pvg_read(pvg, PVG_REG_STAMP_EVENTS);
	pvg_read(pvg, PVG_REG_INTR_FAULT);

	ret = transport_handshake(pvg);
	if (ret)
		return ret;

	root->memory_pages = pages;
	root->memory = pvg_wire_alloc(pvg, pages);
	pvg->root_page = pvg_wire_alloc(pvg, 1);
	if (!root->memory || !pvg->root_page) {
		pvg_transport_stop(pvg);
		return -ENOMEM;
	}
	pvg->cells = root->memory;
	root->ring = (u8 *)root->memory + pvg_page_size(pvg);
	root->size = PVG_ROOT_FIFO_LENGTH - pvg_page_size(pvg);

	WRITE_ONCE(pvg->stopped, false);
	pvg_write(pvg, PVG_REG_ROOT_PAGE, pvg_wire_pfn(pvg, pvg->root_page));
	pvg_write(pvg, PVG_REG_ROOT_FIFO_PAGE, pvg_wire_pfn(pvg, root->memory));
	pvg_write(pvg, PVG_REG_ROOT_FIFO_LENGTH, PVG_ROOT_FIFO_LENGTH);
	pvg_write(pvg, PVG_REG_ROOT_FIFO_START, pvg_page_size(pvg));
	pvg_write(pvg, PVG_REG_FIFO_CONTROL, 1);
	/* Some hosts reset the counters only with the device: start where the host stands. */
	fifo_open(root, pvg_read(pvg, PVG_REG_ROOT_CONSUMER));

	WRITE_ONCE(pvg->running, true);
	return transport_prove(pvg);
}

/**
 * pvg_transport_close() - refuse further packets
 * @pvg: the device
 *
 * Wakes everybody who waits. Interrupt handling may still run.
 */
void pvg_transport_close(struct pvg_device *pvg)
{
	unsigned int i;

	WRITE_ONCE(pvg->running, false);
	fifo_close(&pvg->root);
	for (i = 0; i < PVG_MAX_CHANNELS; i++)
		fifo_close(&pvg->channels[i]);
}

/**
 * pvg_transport_stop() - stop the device and free everything it could touch
 * @pvg: the device
 *
 * When this returns the device neither reads nor writes memory of this driver, and every fence is
 * reached.
 */
void pvg_transport_stop(struct pvg_device *pvg)
{
	unsigned int i;

	pvg_transport_close(pvg);
	pvg_write(pvg, PVG_REG_FIFO_CONTROL, 0);
	/* Flushes the write, which has waited for the host (transport 2.1). */
	pvg_read(pvg, PVG_REG_FIFO_CONTROL);

	WRITE_ONCE(pvg->stopped, true);
	smp_wmb(); /* pairs with pvg_fence_until_stop() */
	WRITE_ONCE(pvg->generation, pvg->generation + 1);
	synchronize_rcu(); /* whoever looked at the old generation is through with the old cells */
	wake_up_all(&pvg->root.wait);
	for (i = 0; i < PVG_MAX_CHANNELS; i++) {
		struct pvg_fifo *fifo = &pvg->channels[i];

		wake_up_all(&fifo->wait);
		pvg_wire_free(pvg, fifo->memory, fifo->memory_pages);
		fifo->memory = NULL;
		fifo->record = NULL;
	}
	pvg_wire_free(pvg, pvg->root.memory, pvg->root.memory_pages);
	pvg->root.memory = NULL;
	pvg_wire_free(pvg, pvg->root_page, 1);
	pvg->root_page = NULL;
}

static void record_write32(u8 *record, u32 offset, u32 value)
{
	WRITE_ONCE(*(__le32 *)(record + offset), cpu_to_le32(value));
}

/**
 * pvg_channel_open() - create a child channel
 * @pvg: the device
 * @id: channel id, below PVG_MAX_CHANNELS; the stamp index is the same
 * @ring_pages: ring size in wire pages
 * @out: the channel
 *
 * Returns: 0 or a negative error.
 */
int pvg_channel_open(struct pvg_device *pvg, unsigned int id, unsigned int ring_pages,
		     struct pvg_fifo **out)
{
	struct pvg_fifo *fifo = &pvg->channels[id];
	struct pvg_packet pkt;
	struct pvg_fence fence;
	__le32 *list;
	unsigned int i;
	int ret;

	*out = fifo;
	fifo->memory_pages = ring_pages + 1;
	fifo->memory = pvg_wire_alloc(pvg, fifo->memory_pages);
	if (!fifo->memory)
		return -ENOMEM;
	fifo->ring = (u8 *)fifo->memory + pvg_page_size(pvg);
	fifo->size = ring_pages << pvg->front.page_shift;

	list = fifo->memory;
	for (i = 0; i < ring_pages; i++)
		list[i] = cpu_to_le32(pvg_wire_pfn(pvg, fifo->ring) + i);

	WRITE_ONCE(pvg->cells[id], 0);
	fifo->record = pvg->root_page + PVG_RECORD_BASE + (id - 1) * PVG_RECORD_SIZE;
	record_write32(fifo->record, PVG_RECORD_WRITTEN, 0);
	record_write32(fifo->record, PVG_RECORD_READ, 0);
	record_write32(fifo->record, PVG_RECORD_FAULT, 0);
	record_write32(fifo->record, PVG_RECORD_STAMP_INDEX, id);
	wmb(); /* the page list makes the record valid: last */
	record_write32(fifo->record, PVG_RECORD_PAGE_LIST, pvg_wire_pfn(pvg, list));

	pvg_packet_begin(&pkt, PVG_CMD_DEFINE_CHANNEL);
	pvg_packet_u32(&pkt, id);
	ret = pvg_fifo_submit(&pvg->root, &pkt, &fence);
	if (ret)
		return ret;
	fifo_open(fifo, 0);
	return pvg_fence_wait(pvg, &fence, PVG_SETUP_TIMEOUT);
}

/**
 * pvg_channel_delete() - tell the device that a channel is gone
 * @fifo: the channel
 *
 * The memory stays until pvg_transport_stop(): the device may be too sick to answer.
 *
 * Returns: 0 or a negative error.
 */
int pvg_channel_delete(struct pvg_fifo *fifo)
{
	struct pvg_device *pvg = fifo->pvg;
	struct pvg_packet pkt;
	struct pvg_fence fence;
	int ret;

	fifo_close(fifo);
	pvg_packet_begin(&pkt, PVG_CMD_DELETE_CHANNEL);
	pvg_packet_u32(&pkt, fifo->id);
	ret = pvg_fifo_submit(&pvg->root, &pkt, &fence);
	return ret ? ret : pvg_fence_wait(pvg, &fence, PVG_SUBMIT_TIMEOUT);
}

static void wake_fifo(struct pvg_fifo *fifo)
{
	if (wq_has_sleeper(&fifo->wait))
		wake_up_all(&fifo->wait);
}

/**
 * pvg_handle_irq() - what the device's interrupt means
 * @pvg: the device
 *
 * Called by the front for each interrupt, or periodically when there is none. Hard interrupt
 * context.
 */
void pvg_handle_irq(struct pvg_device *pvg)
{
	unsigned int base = pvg->front.display_channel;
	u32 stamps, displays, fault;
	unsigned int i;

	rcu_read_lock();
	if (!READ_ONCE(pvg->running))
		goto out;
	pvg->interrupts++;
	stamps = pvg_read(pvg, PVG_REG_STAMP_EVENTS);
	displays = pvg_read(pvg, PVG_REG_DISPLAY_EVENTS);
	fault = pvg_read(pvg, PVG_REG_INTR_FAULT);

	if (stamps & BIT(PVG_ROOT_STAMP_INDEX))
		wake_fifo(&pvg->root);
	if (stamps & BIT(PVG_CHANNEL_IMMEDIATE)) {
		wake_fifo(&pvg->channels[PVG_CHANNEL_IMMEDIATE]);
		pvg_garbage_kick(pvg);
	}
	for (i = 0; i < pvg->pipe_count; i++) {
		if (stamps & BIT(base + i)) {
			wake_fifo(&pvg->channels[base + i]);
			pvg_present_retire(&pvg->pipes[i]);
		}
		if (displays & BIT(i))
			pvg_pipe_irq(&pvg->pipes[i]);
	}
	if (fault)
		pvg_device_fault(pvg, "the device reports a fault");
out:
	rcu_read_unlock();
}
