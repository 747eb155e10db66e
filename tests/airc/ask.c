/* SPDX-License-Identifier: MIT */
/*
 * A VMM in small, for tests of real services: compiles one function of a text and says how that went and who did it.
 *
 * usage: airc-ask [--sandbox] [--socket PATH] FILE.ll ENTRY. Without --socket the client finds its way as a VMM's would.
 * --sandbox: first forbid, on pain of death, what QEMU's "-sandbox on,spawn=deny" does: fork, exec and all processes.
 * Exit status 0 when the function compiled.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "air/air.h"
#include "airc/protocol.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool come, good; /* under @lock */

static void done(void *opaque, const struct airc_result *r)
{
    pthread_mutex_lock(&lock);
    printf("%s: %zu words of SPIR-V%s%s\n", airc_status_name(r->status), r->spirv_words, r->text[0] ? ": " : "", r->text);
    good = r->status == AIRC_OK;
    come = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void sandbox(void)
{
#define ALLOW      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DIE        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define ON(nr)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), DIE
    struct sock_filter code[] = {
        LOAD(nr),
#ifdef __NR_fork
        ON(__NR_fork),
#endif
#ifdef __NR_vfork
        ON(__NR_vfork),
#endif
        ON(__NR_execve),
        ON(__NR_execveat),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1), /* flags out of sight: the C library falls back to clone */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 1, 0),
        ALLOW,
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
        ALLOW,
        DIE,
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
        perror("airc-ask: no filter");
        exit(2);
    }
}

static void log_line(void *opaque, bool warning, const char *message)
{
    printf("%s\n", message);
}

int main(int argc, char **argv)
{
    struct airc_config cfg = {.size = sizeof(cfg), .cache_dir = "", .log = log_line};
    struct airc_request req = {.type = AIRC_TYPE_ANY};
    static char text[1 << 20], error[256];
    struct airc_stats stats;
    struct airc *c;
    uint8_t *module;
    size_t n = 0;
    FILE *f;
    int i = 1;

    for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
        if (!strcmp(argv[i], "--sandbox"))
            sandbox();
        else if (!strcmp(argv[i], "--socket") && i + 1 < argc)
            cfg.socket_path = argv[++i];
    }
    f = i + 2 == argc ? fopen(argv[i], "r") : NULL;
    if (f) {
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
    }
    if (!n) {
        fprintf(stderr, "usage: airc-ask [--sandbox] [--socket PATH] FILE.ll ENTRY\n");
        return 2;
    }
    if (air_assemble(text, &module, &req.module_bytes, error, sizeof(error))) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    req.module = module;
    req.entry = argv[i + 1];
    req.options.size = sizeof(req.options);
    req.options.caps = AIR_CAPS_DEFAULT;
    if (airc_new(&cfg, &c) || airc_compile(c, &req, done, NULL))
        return 2;
    pthread_mutex_lock(&lock);
    while (!come)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    airc_get_stats(c, &stats);
    printf("service %s, jail %#x\n", stats.spawned ? "started by us" : "of somebody else", stats.jail);
    airc_free(c);
    free(module);
    return good ? 0 : 1;
}
