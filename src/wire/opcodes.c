/* SPDX-License-Identifier: MIT */
/* The table of opcodes: see opcodes.h. */
#include "wire/opcodes.h"

static const struct opcode_info table[OPCODE_COUNT] = {
#define X(op, name, least, class) [op] = {#name, least, OPCODE_##class},
    OPCODE_LIST(X)
#undef X
};
static const struct opcode_info unknown = {"unknown", 0, OPCODE_UNKNOWN};

const struct opcode_info *opcode_info(uint32_t opcode)
{
    return opcode < OPCODE_COUNT && table[opcode].name ? &table[opcode] : &unknown;
}
