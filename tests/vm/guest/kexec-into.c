/* SPDX-License-Identifier: MIT */
/*
 * Starts another kernel from this one, without firmware or a reset of the machine in between: every driver's shutdown hook
 * runs, nothing else stops the devices.
 *
 * usage: kexec-into KERNEL INITRD
 *
 * The new kernel gets this one's command line. Says "missing: WHAT" when this kernel cannot do that (status 0); does not
 * return else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
    printf("FAILED: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    char line[4096];
    int kernel, initrd, file;
    ssize_t n;

    if (argc != 3) {
        printf("usage: kexec-into KERNEL INITRD\n");
        return 2;
    }
    kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
    initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
    file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (kernel < 0 || initrd < 0 || file < 0)
        return fail("open");
    n = read(file, line, sizeof(line) - 1);
    if (n <= 0)
        return fail("/proc/cmdline");
    line[n - 1] = '\0'; /* its newline */
#ifdef SYS_kexec_file_load
    if (!syscall(SYS_kexec_file_load, kernel, initrd, (unsigned long)n, line, 0UL)) {
        printf("starting\n");
        fflush(stdout);
        syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
        return fail("reboot");
    }
#else
    errno = ENOSYS;
#endif
    if (errno != ENOSYS)
        return fail("kexec_file_load");
    printf("missing: kexec_file_load\n");
    return 0;
}
