/* SPDX-License-Identifier: MIT */
/*
 * Shader containers: finds the AIR bitcode of one function in what a guest hands over (air 1).
 *
 * Reads metallibs of every known version, fat Mach-O files around them, and loose bitcode with or without the wrapper;
 * writes minimal metallibs for tests and guests of our own. Knows the container only: what the bitcode means is left to
 * air.h. Reading allocates nothing and keeps no state: every pointer handed out points into the caller's buffer, which
 * must stay unchanged and alive. All functions may be called from any thread.
 *
 * Input is hostile. Every failure is one of enum metallib_error; a bad function fails alone, the library stays usable.
 */
#ifndef PVG_AIR_CONTAINER_H
#define PVG_AIR_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Functions in one library. The largest public libraries hold a few hundred; the limit bounds walks over the list. */
#define METALLIB_MAX_FUNCTIONS 16384u
/* Slices of a fat file: there is one per GPU family of one vendor, a handful at most. */
#define METALLIB_MAX_SLICES 64u

/* Why a container, or one function of it, is refused. Values are stable: they are stored in caches. */
enum metallib_error {
    METALLIB_OK = 0,
    METALLIB_ERR_TOO_SHORT = 1,       /* ends inside its header */
    METALLIB_ERR_MAGIC = 2,           /* none of the four outer forms */
    METALLIB_ERR_FAT_SLICES = 3,      /* fat file with more than METALLIB_MAX_SLICES slices, or cut inside the table */
    METALLIB_ERR_FAT_NO_AIR = 4,      /* fat file without a slice of CPU type AIR64 */
    METALLIB_ERR_FAT_RANGE = 5,       /* the slice lies outside the file */
    METALLIB_ERR_FAT_NESTED = 6,      /* the slice is a fat file again */
    METALLIB_ERR_VERSION = 7,         /* container major is not 1 */
    METALLIB_ERR_FILE_SIZE = 8,       /* header says the file is longer than it is, or shorter than its header */
    METALLIB_ERR_SECTION_RANGE = 9,   /* one of the four sections lies outside the file */
    METALLIB_ERR_FUNCTION_COUNT = 10, /* more than METALLIB_MAX_FUNCTIONS, or more than fit into the list */
    METALLIB_ERR_GROUP_RANGE = 11,    /* a function's group is shorter than 8 bytes or leaves the list */
    METALLIB_ERR_TAG_RANGE = 12,      /* a tag leaves its group, or the group has no ENDT */
    METALLIB_ERR_TAG_SIZE = 13,       /* a known tag has another payload size than the format says */
    METALLIB_ERR_TAG_TWICE = 14,      /* a known tag occurs twice in one group */
    METALLIB_ERR_NAME = 15,           /* no name, an empty one, or one without its NUL */
    METALLIB_ERR_NO_OFFSETS = 16,     /* no OFFT tag */
    METALLIB_ERR_MODULE_RANGE = 17,   /* the module lies outside the bitcode section, or is empty */
    METALLIB_ERR_WRAPPER = 18,        /* neither a bitcode wrapper nor raw bitcode at the module's place */
    METALLIB_ERR_WRAPPER_RANGE = 19,  /* the wrapper points outside its module */
    METALLIB_ERR_INDEX = 20,          /* the caller asked for a function past the last one */
    METALLIB_ERR_NOT_FOUND = 21,      /* no function of that name or type */
    METALLIB_ERR_AMBIGUOUS = 22,      /* no name given and several functions fit */
    METALLIB_ERR_METADATA = 23,       /* the function's public metadata is malformed */
    METALLIB_ERR_NOMEM = 24,          /* writer: out of memory */
    METALLIB_ERR_ARGUMENT = 25, /* writer: no entry, a name of 0 or more than 65534 bytes, a type above 255, ... */
    METALLIB_ERR_COUNT
};

/* Type of a function, TYPE tag (air 1.5). Other values occur and are handed out as they are. */
enum metallib_type {
    METALLIB_VERTEX = 0,
    METALLIB_FRAGMENT = 1,
    METALLIB_KERNEL = 2,
    METALLIB_UNQUALIFIED = 3,
    METALLIB_VISIBLE = 4,
    METALLIB_EXTERN = 5,
    METALLIB_INTERSECTION = 6,
    METALLIB_MESH = 7,
    METALLIB_OBJECT = 8,
    METALLIB_TYPE_NONE = 0x100, /* no TYPE tag, or loose bitcode; as an argument: any type */
};

enum metallib_form {
    METALLIB_FORM_MTLB,    /* a container, fat wrapping removed */
    METALLIB_FORM_BITCODE, /* one loose module: one function without a name; it may hold several entry points */
};

/* A checked library. Treat as opaque but for the fields with a comment. Plain data: copy freely. */
struct metallib {
    enum metallib_form form;
    uint32_t count; /* functions */

    uint16_t container_patch; /* 2..9 seen; 0 for loose bitcode */
    bool macos;               /* platform bit of the header */
    uint8_t kind;             /* 0 executable, 1 CoreImage, 2 dynamic, 3 symbol companion */
    uint8_t platform;         /* as in the header, bit 7 = 64-bit; 0 before patch 6 */
    uint16_t os_major;
    uint8_t os_minor, os_patch;
    bool has_uuid;
    uint8_t uuid[16];

    const uint8_t *data; /* the MTLB or the module itself */
    uint64_t size;       /* bytes */
    uint64_t list_off, list_end;
    uint64_t public_off, public_size;
    uint64_t private_off, private_size;
    uint64_t bitcode_off, bitcode_size;
};

struct metallib_function {
    const char *name; /* NUL-terminated, inside the buffer; "" for loose bitcode */
    size_t name_len;  /* bytes, without the NUL */
    uint32_t type;    /* enum metallib_type or another value */

    const uint8_t *module;  /* as stored: wrapper, bitcode, padding. The HASH tag covers exactly this */
    size_t module_size;     /* bytes */
    const uint8_t *bitcode; /* raw LLVM bitcode inside the module: begins 42 43 C0 DE */
    size_t bitcode_size;    /* bytes */

    uint16_t air_major, air_minor;           /* 0.0 when there is no VERS tag */
    uint16_t language_major, language_minor; /* Metal language version */
    const uint8_t *hash;                     /* 32 bytes as the file claims, unchecked; NULL when absent */

    const uint8_t *public_tags; /* this function's public metadata group, or NULL; for the accessors below */
    size_t public_size;
};

/* One function constant, CNST tag (air 1.7). */
struct metallib_constant {
    const char *name;  /* NUL-terminated, inside the buffer */
    uint8_t data_type; /* MTLDataType code */
    uint16_t index;
    bool required;
};

/* One vertex attribute, VATT and VATY tags (air 1.7). */
struct metallib_attribute {
    const char *name; /* NUL-terminated, inside the buffer */
    uint8_t index;
    uint8_t usage; /* 0 per vertex, 2 per control point */
    bool active;
    uint8_t data_type; /* MTLDataType code; 0 when the file gives none */
};

/*
 * Check the outer form, the header, the four sections and the size of every group of the function list.
 *
 * @data, @len: borrowed for as long as @lib or anything taken from it is used.
 * Returns METALLIB_OK or another enum metallib_error; @lib is all zero on failure. Time is linear in @len.
 */
int metallib_open(const uint8_t *data, size_t len, struct metallib *lib);

/* Number of functions; 0..METALLIB_MAX_FUNCTIONS. */
uint32_t metallib_count(const struct metallib *lib);

/*
 * Take function @index, or walk all: *cursor starts at 0 and is moved on; returns METALLIB_ERR_INDEX after the last.
 * A function that is refused is skipped over by the next call. @out is all zero on failure, but for the name and the
 * type where those were readable (so that a listing can say which function is bad).
 */
int metallib_function(const struct metallib *lib, uint32_t index, struct metallib_function *out);
int metallib_next(const struct metallib *lib, uint64_t *cursor, struct metallib_function *out);

/*
 * Find one function: by @name when it is not NULL, else by @type, else the only one (air 1.10). @type narrows a search
 * by name too unless it is METALLIB_TYPE_NONE. Of several equal names the first counts. A loose module answers every
 * name: whether it holds that entry point is for the reader of the bitcode to say.
 */
int metallib_find_typed(const struct metallib *lib, const char *name, uint32_t type, struct metallib_function *out);
int metallib_find(const struct metallib *lib, const char *name, struct metallib_function *out);

/* Function constants and vertex attributes as the container lists them. METALLIB_ERR_INDEX past the last one. */
int metallib_constant(const struct metallib_function *fn, uint32_t index, struct metallib_constant *out);
int metallib_attribute(const struct metallib_function *fn, uint32_t index, struct metallib_attribute *out);

/* Does the HASH tag match the module? False when there is none. */
bool metallib_hash_ok(const struct metallib_function *fn);

/* Short stable name ("group-range") and a sentence for people. Any int is accepted. */
const char *metallib_error_name(int error);
const char *metallib_error_text(int error);
const char *metallib_type_name(uint32_t type);

/* One function for the writer. All pointers are borrowed for the call. */
struct metallib_write_entry {
    const char *name;       /* 1..65534 bytes */
    uint32_t type;          /* 0..255 */
    const uint8_t *bitcode; /* with or without wrapper; a missing wrapper is added, padding to 16 bytes always */
    size_t bitcode_size;    /* bytes, at least 4 */
    uint16_t air_major, air_minor, language_major, language_minor;
    const struct metallib_attribute *attributes; /* vertex stage-in attributes, for VATT and VATY */
    size_t attribute_count;
};

/*
 * Write a macOS executable library of patch 7 (air 1.11). @count 0 gives the empty library of 96 bytes.
 * *out is malloc'ed, the caller frees it. Returns METALLIB_OK, METALLIB_ERR_NOMEM or METALLIB_ERR_ARGUMENT.
 */
int metallib_write(const struct metallib_write_entry *entries, size_t count, uint8_t **out, size_t *len);

#endif
