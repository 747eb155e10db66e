// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything at once against the driver: flips of both kinds, framebuffers removed while they are in flight, damage,
 * cursor images and moves, gamma, mode sets, DPMS, vertical blank waits, from several threads of one client. Meant for a
 * kernel with its own checks (KASAN, lock proving); finds nothing wrong by itself but calls that fail in a way they must
 * not, and a client that stops making progress.
 *
 * usage: kms-stress CARD SECONDS [SEED]      runs on until everything has happened
 * cc -pthread kms-stress.c $(pkg-config --cflags --libs libdrm)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

static int fd;
static uint32_t crtc, connector;
static drmModeConnector *conn;
static atomic_bool stop;
static atomic_ulong flips, busy, events, modes, cursors, dirties, removed, vblanks, gammas;
static pthread_mutex_t mode_lock = PTHREAD_MUTEX_INITIALIZER; /* current mode and framebuffers for it */
static int mode_index;
static _Thread_local unsigned seed;

struct fb {
	uint32_t handle, id, width, height, pitch;
	uint64_t size;
};

static void fail(const char *what, int err)
{
	fprintf(stderr, "FAILED: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static unsigned rnd(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static bool fb_new(struct fb *fb, uint32_t width, uint32_t height, uint32_t depth)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { 0 }, offsets[4] = { 0 };
	uint64_t at;
	uint8_t *p;

	if (drmModeCreateDumbBuffer(fd, width, height, 32, 0, &fb->handle, &fb->pitch, &fb->size))
		return false;
	handles[0] = fb->handle;
	pitches[0] = fb->pitch;
	fb->width = width;
	fb->height = height;
	if (drmModeAddFB2(fd, width, height, depth == 32 ? 0x34325241 : 0x34325258, handles, pitches, offsets, &fb->id, 0))
		fail("AddFB2", errno);
	if (drmModeMapDumbBuffer(fd, fb->handle, &at))
		fail("MapDumb", errno);
	p = mmap(NULL, fb->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
	if (p == MAP_FAILED)
		fail("mmap", errno);
	for (uint64_t i = 0; i < fb->size; i += 4096)
		memset(p + i, (int)rnd(256), 64);
	munmap(p, fb->size);
	return true;
}

static void fb_free(struct fb *fb)
{
	if (fb->id)
		drmModeRmFB(fd, fb->id);
	if (fb->handle)
		drmModeDestroyDumbBuffer(fd, fb->handle);
	memset(fb, 0, sizeof(*fb));
}

static void *flipper(void *arg)
{
	seed = (unsigned)(uintptr_t)arg;
	while (!stop) {
		struct fb set[3] = { { 0 } };
		unsigned i, n = 20 + rnd(200);
		int mode;

		pthread_mutex_lock(&mode_lock);
		mode = mode_index;
		for (i = 0; i < 3; i++)
			fb_new(&set[i], conn->modes[mode].hdisplay, conn->modes[mode].vdisplay, 24);
		pthread_mutex_unlock(&mode_lock);
		for (i = 0; i < n && !stop; i++) {
			uint32_t flags = rnd(8) ? DRM_MODE_PAGE_FLIP_ASYNC : 0;
			int err;

			if (rnd(2))
				flags |= DRM_MODE_PAGE_FLIP_EVENT;
			pthread_mutex_lock(&mode_lock);
			err = mode == mode_index ? drmModePageFlip(fd, crtc, set[i % 3].id, flags, NULL) : -ENOSPC;
			pthread_mutex_unlock(&mode_lock);
			if (err == -EBUSY || err == -EINTR) {
				busy++;
				usleep(500);
			} else if (err == -EINVAL || err == -ENOSPC || err == -ENOMEM) {
				break; /* off, or another mode; or too many events nobody has read yet */
			} else if (err) {
				fail("flip", err);
			} else {
				flips++;
			}
		}
		for (i = 0; i < 3; i++) {
			if (set[i].id && rnd(2))
				drmModeDirtyFB(fd, set[i].id, NULL, 0);
			pthread_mutex_lock(&mode_lock);
			fb_free(&set[i]); /* perhaps in flight, perhaps on the screen */
			pthread_mutex_unlock(&mode_lock);
			removed++;
		}
	}
	return NULL;
}

static void *setter(void *arg)
{
	struct fb fb[2] = { { 0 } };
	unsigned turn = 0;

	seed = (unsigned)(uintptr_t)arg;
	while (!stop) {
		int err;

		turn ^= 1;
		pthread_mutex_lock(&mode_lock);
		mode_index = (int)rnd((unsigned)conn->count_modes);
		fb_free(&fb[turn]);
		fb_new(&fb[turn], conn->modes[mode_index].hdisplay + rnd(2) * 64, conn->modes[mode_index].vdisplay + 32, 24);
		err = drmModeSetCrtc(fd, crtc, fb[turn].id, rnd(2) * 32, rnd(2) * 16, &connector, 1, &conn->modes[mode_index]);
		if (err == -ENOSPC)
			err = drmModeSetCrtc(fd, crtc, fb[turn].id, 0, 0, &connector, 1, &conn->modes[mode_index]);
		pthread_mutex_unlock(&mode_lock);
		if (err && err != -EINTR)
			fail("mode", err);
		modes++;
		for (unsigned i = 0; i < 10 && !stop; i++) {
			drmModeDirtyFB(fd, fb[turn].id, NULL, 0);
			dirties++;
			usleep(rnd(40000));
		}
		if (!rnd(6)) {
			pthread_mutex_lock(&mode_lock);
			drmModeSetCrtc(fd, crtc, 0, 0, 0, NULL, 0, NULL);
			pthread_mutex_unlock(&mode_lock);
			usleep(rnd(100000));
		}
	}
	return NULL;
}

static void *cursor(void *arg)
{
	struct fb image[3] = { { 0 } };

	seed = (unsigned)(uintptr_t)arg;
	for (unsigned i = 0; i < 3; i++)
		fb_new(&image[i], 64u << i, 64u << i, 32);
	while (!stop) {
		unsigned i = rnd(3);

		switch (rnd(10)) {
		case 0:
			drmModeSetCursor2(fd, crtc, image[i].handle, image[i].width, image[i].height, (int)rnd(64), (int)rnd(64));
			break;
		case 1:
			drmModeSetCursor(fd, crtc, 0, 0, 0);
			break;
		default:
			drmModeMoveCursor(fd, crtc, (int)rnd(2100) - 100, (int)rnd(1300) - 100);
			break;
		}
		cursors++;
		usleep(rnd(3000));
	}
	return NULL;
}

static void *gamma_and_vblank(void *arg)
{
	uint16_t table[256];

	seed = (unsigned)(uintptr_t)arg;
	while (!stop) {
		drmVBlank v = { .request = { .type = DRM_VBLANK_RELATIVE, .sequence = 1 } };

		for (unsigned i = 0; i < 256; i++)
			table[i] = (uint16_t)rnd(65536);
		drmModeCrtcSetGamma(fd, crtc, 256, table, table, table);
		gammas++;
		for (unsigned i = 0; i < 3; i++)
			vblanks += !drmWaitVBlank(fd, &v);
	}
	return NULL;
}

static void *reader(void *arg)
{

	(void)arg;
	while (!stop) {
		char buffer[4096];
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n > 0)
			events += (unsigned long)n / 32;
		else if (n < 0 && errno == EAGAIN)
			usleep(500);
	}
	return NULL;
}

/* Leave the pipe as the next client expects it: no cursor, colours as they are. */
static void tidy(void)
{
	uint16_t table[256];

	for (unsigned i = 0; i < 256; i++)
		table[i] = (uint16_t)(i * 257);
	if (drmModeCrtcSetGamma(fd, crtc, 256, table, table, table))
		fail("gamma", errno);
	drmModeSetCursor(fd, crtc, 0, 0, 0);
}

/* On a busy machine it takes a while until everything has happened. */
static bool everything(void)
{
	return flips && modes && cursors && dirties && removed && vblanks && gammas;
}

int main(int argc, char **argv)
{
	static void *(*const work[])(void *) = { flipper, setter, cursor, gamma_and_vblank, reader, flipper };
	pthread_t thread[sizeof(work) / sizeof(work[0])];
	unsigned base = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	drmModeRes *res;
	unsigned long last = 0;
	int seconds;

	if (argc < 3) {
		fprintf(stderr, "usage: kms-stress CARD SECONDS [SEED]\n");
		return 2;
	}
	seconds = atoi(argv[2]);
	fd = open(argv[1], O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fail(argv[1], errno);
	res = drmModeGetResources(fd);
	if (!res || !res->count_crtcs || !res->count_connectors)
		fail("resources", errno);
	crtc = res->crtcs[0];
	connector = res->connectors[0];
	conn = drmModeGetConnector(fd, connector);
	if (!conn || !conn->count_modes)
		fail("modes", ENODEV);
	for (unsigned i = 0; i < sizeof(work) / sizeof(work[0]); i++)
		pthread_create(&thread[i], NULL, work[i], (void *)(uintptr_t)(base * 100 + i));
	for (int s = 0; s < seconds || !everything(); s++) {
		unsigned long now;

		sleep(1);
		now = flips + modes;
		if (s % 60 == 59) {
			if (now == last)
				fail("no progress", ETIMEDOUT);
			last = now;
		}
	}
	stop = true;
	for (unsigned i = 0; i < sizeof(work) / sizeof(work[0]); i++)
		pthread_join(thread[i], NULL);
	tidy();
	printf("flips=%lu busy=%lu events=%lu modes=%lu cursors=%lu dirties=%lu removed=%lu vblanks=%lu gammas=%lu\n", flips,
	       busy, events, modes, cursors, dirties, removed, vblanks, gammas);
	close(fd);
	return 0;
}
