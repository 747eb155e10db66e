/* SPDX-License-Identifier: MIT */
/*
 * Sealed memfds and descriptor passing over SOCK_SEQPACKET. Used by client, service and workers alike; the calls a
 * jailed worker makes (write, map, send, receive) stay within what its seccomp filter allows.
 */
#include "airc/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_SEALS  (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)
#define NEED_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)
#define MAX_FDS    2
#ifndef MFD_NOEXEC_SEAL /* Linux 6.3; where vm.memfd_noexec is 2, none is made without it */
#define MFD_NOEXEC_SEAL 8u
#endif

int sealed_new(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

int sealed_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0 ? -errno : 0;
}

/* Not fstat(): glibc makes that a call with a path, which a worker's filter cannot allow. */
int64_t sealed_length(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);

    return end < 0 ? -errno : end;
}

int64_t sealed_size(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0)
        return -errno;
    if ((seals & NEED_SEALS) != NEED_SEALS)
        return -EPERM;
    return sealed_length(fd);
}

int sealed_write(int fd, uint64_t at, const void *p, size_t n)
{
    const uint8_t *from = p;

    while (n) {
        ssize_t done = pwrite(fd, from, n, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        from += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}

const void *sealed_map(int fd, size_t n)
{
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0); /* before Linux 6.7 a sealed file cannot be shared */

    return p == MAP_FAILED ? NULL : p;
}

void sealed_unmap(const void *p, size_t n)
{
    if (p)
        (void)munmap((void *)(uintptr_t)p, n); /* cannot fail for what sealed_map() returned */
}

int sealed_send(int sock, const void *msg, size_t n, const int *fds, unsigned fd_count)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)msg, .iov_len = n};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t r;

    memset(&control, 0, sizeof(control));
    if (fd_count) {
        struct cmsghdr *c = &control.align;

        mh.msg_control = &control;
        mh.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    do
        r = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return (size_t)r == n ? 0 : -EMSGSIZE;
}

ssize_t sealed_recv(int sock, void *msg, size_t n, int *fds, unsigned fd_max)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = msg, .iov_len = n};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned got = 0;
    ssize_t r;

    for (unsigned i = 0; i < fd_max; i++)
        fds[i] = -1;
    if (fd_max) {
        mh.msg_control = &control;
        mh.msg_controllen = CMSG_LEN(fd_max * sizeof(int)); /* CMSG_SPACE() may have room for one more */
    }
    do
        r = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    for (struct cmsghdr *c = fd_max ? CMSG_FIRSTHDR(&mh) : NULL; c; c = CMSG_NXTHDR(&mh, c)) {
        size_t count;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (got < fd_max)
                fds[got++] = fd;
            else
                close(fd);
        }
    }
    /* An empty message looks like the end of the stream, whose descriptors nobody would look for. */
    if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || (r == 0 && got)) {
        for (unsigned i = 0; i < got; i++) {
            close(fds[i]);
            fds[i] = -1;
        }
        return -EBADMSG;
    }
    return r;
}
