/* SPDX-License-Identifier: MIT */
/* Core's part of the report: registers, FIFOs, commands, refusals (docs/architecture.md 5). Any thread, atomics only. */
#include "core/core_priv.h"

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"idle", "busy", "waits for a barrier", "held", "full", "stopped"};

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static void report_registers(struct core *core, struct str *json)
{
    struct regs *r = &core->regs;

    str_add(json,
            "\"registers\":{\"fifo_control\":%u,\"version\":%u,\"root_fifo_page\":%u,\"root_fifo_length\":%u,"
            "\"root_page\":%u,\"root_producer\":%u,\"root_consumer\":%u,\"stamp_events\":%u,\"display_events\":%u,"
            "\"fault\":%u},\"interrupts\":%llu,\"device_info_key_limit\":%u,\"tasks\":%u,",
            atomic_load(&r->fifo_control), atomic_load(&r->version), atomic_load(&r->root_fifo_pfn),
            atomic_load(&r->root_fifo_length), atomic_load(&r->root_page_pfn), atomic_load(&r->root_producer),
            atomic_load(&r->root_consumer), atomic_load(&r->stamp_events), atomic_load(&r->display_events),
            atomic_load(&r->intr_fault), (unsigned long long)atomic_load(&core->interrupts),
            atomic_load(&core->key_limit), atomic_load(&core->task_count));
}

static void report_fifos(struct core *core, struct str *json)
{
    const char *comma = "";

    str_add(json, "\"fifos\":[");
    for (uint32_t i = 0; i < LIMIT_FIFOS; i++) {
        struct fifo *f = &core->fifos[i];

        if (!atomic_load(&f->packets) && !atomic_load(&f->refused))
            continue;
        str_add(json, "%s{\"channel\":%u,\"state\":\"%s\",\"packets\":%llu,\"stamps\":%llu,\"refused\":%llu}", comma, i,
                state_name(atomic_load(&f->shown_state)), (unsigned long long)atomic_load(&f->packets),
                (unsigned long long)atomic_load(&f->stamps), (unsigned long long)atomic_load(&f->refused));
        comma = ",";
    }
    str_add(json, "],");
}

static void report_commands(struct core *core, struct str *json)
{
    const char *comma = "";

    str_add(json, "\"commands\":{");
    for (uint32_t i = 0; i <= OPCODE_COUNT; i++) {
        uint64_t n = atomic_load(&core->opcode_count[i]);
        const struct opcode_info *info = opcode_info(i);

        if (!n)
            continue;
        str_add(json, "%s\"%s\":{\"count\":%llu%s}", comma, info->name, (unsigned long long)n,
                info->class == OPCODE_NOT_SERVED ? ",\"served\":false" : "");
        comma = ",";
    }
    str_add(json, "},\"refusals\":{");
    comma = "";
    for (uint32_t i = 1; i < REFUSE_COUNT; i++) {
        uint64_t n = atomic_load(&core->cfg.log->refused[i]);

        if (!n)
            continue;
        str_add(json, "%s\"%s\":{\"count\":%llu,\"text\":", comma, refuse_name(i), (unsigned long long)n);
        str_add_json(json, refuse_text(i));
        str_add(json, "}");
        comma = ",";
    }
    str_add(json, "}");
}

void core_report(struct core *core, struct str *json)
{
    report_registers(core, json);
    report_fifos(core, json);
    report_commands(core, json);
    for (unsigned i = 0; i < core->observer_count; i++)
        if (core->observers[i].report) {
            str_add(json, ",");
            core->observers[i].report(core->observers[i].ctx, json);
        }
}
