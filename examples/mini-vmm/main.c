/* SPDX-License-Identifier: MIT */
/*
 * mini-vmm: a complete VMM with a guest in the same process; README.md says what is where. Here: the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

static const char help[] =
    "usage: mini-vmm [OPTION]...\n"
    "A small VMM on libpvg with a guest in the same process: brings the paravirtualized GPU up, shows test pictures,\n"
    "and compares every pixel. Exit status 0 when all of it was right.\n"
    "\n"
    "  --variant pci|mmio       the device of x86 guests (default) or of arm64 guests, which has a surface mapper\n"
    "  --tasks table|callbacks  how the library reaches guest memory (default: table)\n"
    "  --page-shift 12|14       guest pages of 4 KiB (default) or 16 KiB (always, for --variant mmio)\n"
    "  --displays N             1 to 8 monitors (default: 2)\n"
    "  --mode WxH               size of the first monitor's picture (default: 1920x1080)\n"
    "  --presents N             at least, in the storm of presents (default: 500)\n"
    "  --out FILE               save the test picture as the library showed it (PPM)\n"
    "  --record FILE            record what the device was told (pvg-record prints it)\n"
    "  --report                 print the device's state as JSON before the end\n"
    "  -v, --verbose            print the library's messages and task events\n"
    "  --version                print the library's version\n"
    "  -h, --help               this text\n";

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "mini-vmm: %s: \"%s\"; see mini-vmm --help\n", what, value);
    return 2;
}

static bool number(const char *text, unsigned long from, unsigned long to, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    *out = (uint32_t)value;
    return *text >= '0' && *text <= '9' && !*end && value >= from && value <= to;
}

static void print_report(struct vmm *vmm)
{
    char *json;

    if (pvg_device_report(vmm->device, &json))
        return;
    printf("%s\n", json);
    pvg_free(json);
}

int main(int argc, char **argv)
{
    enum { VARIANT = 256, TASKS, SHIFT, DISPLAYS, MODE, PRESENTS, OUT, RECORD, REPORT, VERSION };
    static const struct option options[] = {
        {"variant", required_argument, NULL, VARIANT},
        {"tasks", required_argument, NULL, TASKS},
        {"page-shift", required_argument, NULL, SHIFT},
        {"displays", required_argument, NULL, DISPLAYS},
        {"mode", required_argument, NULL, MODE},
        {"presents", required_argument, NULL, PRESENTS},
        {"out", required_argument, NULL, OUT},
        {"record", required_argument, NULL, RECORD},
        {"report", no_argument, NULL, REPORT},
        {"verbose", no_argument, NULL, 'v'},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct vmm_options vmm_options = {
        .variant = PVG_VARIANT_PCI, .tasks = PVG_TASKS_TABLE, .page_shift = 12, .monitors = 2};
    struct script script = {.width = 1920, .height = 1080, .storm = 500};
    const char *record = NULL;
    bool report = false, good = false;
    char tail;

    for (int c; (c = getopt_long(argc, argv, "vh", options, NULL)) != -1;) {
        switch (c) {
        case VARIANT:
            if (strcmp(optarg, "pci") && strcmp(optarg, "mmio"))
                return usage("--variant is pci or mmio", optarg);
            vmm_options.variant = *optarg == 'p' ? PVG_VARIANT_PCI : PVG_VARIANT_MMIO;
            break;
        case TASKS:
            if (strcmp(optarg, "table") && strcmp(optarg, "callbacks"))
                return usage("--tasks is table or callbacks", optarg);
            vmm_options.tasks = *optarg == 't' ? PVG_TASKS_TABLE : PVG_TASKS_CALLBACKS;
            break;
        case SHIFT:
            if (strcmp(optarg, "12") && strcmp(optarg, "14"))
                return usage("--page-shift is 12 or 14", optarg);
            vmm_options.page_shift = (uint32_t)atoi(optarg);
            break;
        case DISPLAYS:
            if (!number(optarg, 1, MAX_DISPLAYS, &vmm_options.monitors))
                return usage("--displays is a number from 1 to 8", optarg);
            break;
        case MODE:
            if (sscanf(optarg, "%4ux%4u%c", &script.width, &script.height, &tail) != 2 || script.width < 640 ||
                script.width > 1920 || script.height < 480 || script.height > 1200)
                return usage("--mode is WIDTHxHEIGHT from 640x480 to 1920x1200", optarg);
            break;
        case PRESENTS:
            if (!number(optarg, 1, 1000000, &script.storm))
                return usage("--presents is a number from 1 to 1000000", optarg);
            break;
        case OUT:
            script.out = optarg;
            break;
        case RECORD:
            record = optarg;
            break;
        case REPORT:
            report = true;
            break;
        case 'v':
            vmm_options.verbose = true;
            break;
        case VERSION:
            printf("mini-vmm, libpvg %s\n", pvg_version());
            return 0;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (optind < argc)
        return usage("no arguments are taken", argv[optind]);
    if (vmm_options.variant == PVG_VARIANT_MMIO)
        vmm_options.page_shift = 14; /* of a page list of 4 KiB pages one page is not enough for a picture */
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (vmm_init(&script.vmm, &vmm_options)) {
        int fd = record ? open(record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;

        if (record && (fd < 0 || pvg_device_record(script.vmm.device, fd)))
            fprintf(stderr, "mini-vmm: cannot record to %s: %s\n", record, strerror(errno));
        else if (!(script.guest = guest_new(&script.vmm)))
            fprintf(stderr, "mini-vmm: out of memory\n");
        else
            good = script_run(&script);
        if (report)
            print_report(&script.vmm);
    }
    guest_free(script.guest);
    vmm_fini(&script.vmm);
    if (good && (atomic_load(&script.vmm.live_tasks) || atomic_load(&script.vmm.live_ranges))) {
        fprintf(stderr, "mini-vmm: the library left %u tasks and %u mapped ranges behind\n",
                atomic_load(&script.vmm.live_tasks), atomic_load(&script.vmm.live_ranges));
        good = false;
    }
    if (good)
        printf("ok   every pixel was right; %u interrupts, %u task events\n", atomic_load(&script.vmm.interrupts),
               atomic_load(&script.vmm.task_events));
    return good ? 0 : 1;
}
