/* SPDX-License-Identifier: MIT */
/*
 * Internal API of the shader compiler: one AIR bitcode module in, Vulkan 1.3 SPIR-V and a reflection record out.
 *
 * air_compile() runs LLVM on bytes that a guest chose, and LLVM's reader is not hardened (air 0, fact 9): it may abort,
 * loop or exhaust memory. It is called only inside the jailed worker (pvg-airc), the tool pvg-air and tests; never in a
 * process that holds a VM. Every call uses a context of its own, so calls on different threads do not meet. The
 * container (metallib) is read by container.h before this API is reached; bindings and push constants are in air_abi.h;
 * the bytes of the reflection record are described, checked and read by air_reflect.h, which needs no LLVM.
 */
#ifndef PVG_AIR_H
#define PVG_AIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metallib_function; /* container.h */

#define AIR_COMPILER_VERSION 6 /* part of every cache key; raised when the same input may give other output */

#define AIR_MAX_ATTRIBUTES  31
#define AIR_MAX_ATTACHMENTS 8
#define AIR_MAX_TEXTURES    128
#define AIR_MAX_CONSTANTS   64

/* Why a module was not compiled. Stable numbers: they cross the worker protocol. Append only. */
enum air_refuse {
    AIR_REFUSE_NONE = 0,
    AIR_REFUSE_OPTIONS,         /* air_options out of range */
    AIR_REFUSE_BITCODE,         /* not bitcode, or LLVM's reader refuses it */
    AIR_REFUSE_VERIFY,          /* module fails LLVM's verifier */
    AIR_REFUSE_NO_ENTRY,        /* no entry point of that name in the entry-point metadata */
    AIR_REFUSE_METADATA,        /* entry-point metadata malformed or not matching the function */
    AIR_REFUSE_STAGE,           /* stage not compiled: visible, intersection, extern functions */
    AIR_REFUSE_ARGUMENT_KIND,   /* argument kind of air 2.7 that is refused (ray tracing, ICB, tensors, imageblocks) */
    AIR_REFUSE_ARGUMENT_BUFFER, /* argument buffer holding something whose encoding is UNKNOWN (decision 16) */
    AIR_REFUSE_BUILTIN,         /* builtin input or output without a lowering */
    AIR_REFUSE_INTRINSIC,       /* unknown air.* or llvm.* function */
    AIR_REFUSE_RAY_TRACING,     /* air 3.13 */
    AIR_REFUSE_COMMAND_BUFFER,  /* air 3.13: GPU-encoded commands */
    AIR_REFUSE_TENSOR,          /* air 3.13 */
    AIR_REFUSE_ASYNC_COPY,      /* air 3.13 */
    AIR_REFUSE_IMAGEBLOCK,      /* air 3.13 */
    AIR_REFUSE_RATE_MAP,        /* air 3.13 */
    AIR_REFUSE_MATRIX_SHAPE,    /* air 3.10: only 8x8 */
    AIR_REFUSE_INSTRUCTION,     /* LLVM instruction without a lowering */
    AIR_REFUSE_TYPE,            /* LLVM type without a lowering (double, odd integers) */
    AIR_REFUSE_POINTER,         /* pointer whose root is not known and which has no physical fallback */
    AIR_REFUSE_RECURSION,       /* call that cannot be inlined */
    AIR_REFUSE_STATIC_INIT,     /* function-constant initialiser that cannot be evaluated */
    AIR_REFUSE_SIMD_DIVERGENT,  /* decision 26: SIMD-group operation where threads may have parted for good */
    AIR_REFUSE_STORAGE_FORMAT,  /* read_write texture: format neither given nor unneeded on this device */
    AIR_REFUSE_DEVICE_FEATURE,  /* the device lacks a feature that has no fallback */
    AIR_REFUSE_LIMIT,           /* a named limit of this compiler (see error text) */
    AIR_REFUSE_CONTROL_FLOW,    /* neither structured nor dispatcher form validates */
    AIR_REFUSE_VALIDATION,      /* result fails SPIR-V validation: our bug, never handed out */
    AIR_REFUSE_NO_MEMORY,
    /* given by the worker protocol, not by air_compile() */
    AIR_REFUSE_WORKER_CRASH,
    AIR_REFUSE_WORKER_TIMEOUT,
    AIR_REFUSE_CONTAINER, /* the library is malformed, or does not agree with its module */
    AIR_REFUSE_COUNT
};

/*
 * What the Vulkan device can do; without a bit the compiler uses a fallback or refuses by name. Without the storage bits
 * bytes and 16-bit units of buffers are reached as parts of 32-bit words: buffers are then to be bound with lengths that
 * are multiples of 4, or their last bytes cannot be reached.
 */
enum air_cap {
    AIR_CAP_INT8 = 1u << 0,               /* shaderInt8 */
    AIR_CAP_INT16 = 1u << 1,              /* shaderInt16 */
    AIR_CAP_INT64 = 1u << 2,              /* shaderInt64 */
    AIR_CAP_FLOAT16 = 1u << 3,            /* shaderFloat16 */
    AIR_CAP_STORAGE8 = 1u << 4,           /* storageBuffer8BitAccess */
    AIR_CAP_STORAGE16 = 1u << 5,          /* storageBuffer16BitAccess */
    AIR_CAP_SUBGROUP_EXTENDED = 1u << 6,  /* shaderSubgroupExtendedTypes */
    AIR_CAP_MIN_LOD = 1u << 7,            /* shaderResourceMinLod */
    AIR_CAP_GATHER_EXTENDED = 1u << 8,    /* shaderImageGatherExtended */
    AIR_CAP_STORAGE_READ_ANY = 1u << 9,   /* shaderStorageImageReadWithoutFormat */
    AIR_CAP_STORAGE_WRITE_ANY = 1u << 10, /* shaderStorageImageWriteWithoutFormat */
    AIR_CAP_PHYSICAL = 1u << 11,          /* bufferDeviceAddress */
    AIR_CAP_ATOMIC_INT64 = 1u << 12,      /* shaderBufferInt64Atomics */
    AIR_CAP_ATOMIC_FLOAT_ADD = 1u << 13,  /* shaderBufferFloat32AtomicAdd */
    AIR_CAP_CUBE_ARRAY = 1u << 14,        /* imageCubeArray */
    AIR_CAP_MS_STORAGE = 1u << 15,        /* shaderStorageImageMultisample */
    AIR_CAP_CLIP_DISTANCE = 1u << 16,     /* shaderClipDistance */
    AIR_CAP_LAYER_OUTPUT = 1u << 17,      /* shaderOutputLayer and shaderOutputViewportIndex */
    AIR_CAP_MESH = 1u << 18,              /* VK_EXT_mesh_shader */
    AIR_CAP_BARYCENTRIC = 1u << 19,       /* VK_KHR_fragment_shader_barycentric */
    AIR_CAP_DEMOTE = 1u << 20,            /* shaderDemoteToHelperInvocation (core in 1.3) */
    AIR_CAP_SAMPLE_RATE = 1u << 21,       /* sampleRateShading */
    AIR_CAP_TESSELLATION = 1u << 22,      /* tessellationShader */
    AIR_CAP_GEOMETRY = 1u << 23,          /* geometryShader: PrimitiveId in a fragment function */
    AIR_CAP_QUAD = 1u << 24,              /* subgroup quad operations in this stage */
    /*
     * shader{SampledImage,StorageImage,UniformTexelBuffer,StorageTexelBuffer}ArrayNonUniformIndexing, all four. Without
     * it a descriptor that is chosen at run time is chosen by a switch.
     */
    AIR_CAP_NON_UNIFORM = 1u << 25,
    AIR_CAP_IMAGE_INT64 = 1u << 26, /* shaderImageInt64Atomics */
    AIR_CAP_INTERLOCK = 1u << 27,   /* fragmentShaderPixelInterlock: raster order groups */
};

/* What Mesa's llvmpipe 22.3 and every desktop GPU of interest have. */
#define AIR_CAPS_DEFAULT                                                                                               \
    (AIR_CAP_INT8 | AIR_CAP_INT16 | AIR_CAP_INT64 | AIR_CAP_FLOAT16 | AIR_CAP_STORAGE8 | AIR_CAP_STORAGE16 |           \
     AIR_CAP_SUBGROUP_EXTENDED | AIR_CAP_GATHER_EXTENDED | AIR_CAP_STORAGE_WRITE_ANY | AIR_CAP_PHYSICAL |              \
     AIR_CAP_ATOMIC_INT64 | AIR_CAP_CUBE_ARRAY | AIR_CAP_CLIP_DISTANCE | AIR_CAP_LAYER_OUTPUT | AIR_CAP_DEMOTE |       \
     AIR_CAP_SAMPLE_RATE | AIR_CAP_TESSELLATION | AIR_CAP_GEOMETRY)

/* Base type of a vertex attribute's or attachment's format as the shader sees it. */
enum air_format_class {
    AIR_FORMAT_DEFAULT = 0, /* whatever the shader declares */
    AIR_FORMAT_FLOAT,       /* float, half and every normalised format */
    AIR_FORMAT_SINT,
    AIR_FORMAT_UINT,
};

/* One function constant's value. */
struct air_constant {
    uint32_t index;  /* function-constant index */
    uint32_t bytes;  /* 0: take @number and convert it to the declared type; else size of @raw in bytes, 1..16 */
    uint8_t raw[16]; /* little-endian value of exactly the declared type */
    double number;   /* for the tool's --constant N=V */
};

/*
 * Compile options (decision 15): everything outside the module that changes the code. All zero is valid and means: no
 * capability beyond core, subgroup width taken as it is. Plain data without pointers and without implicit padding, so
 * that its bytes can be a cache key; unused entries must be zero.
 */
struct air_options {
    uint32_t size; /* sizeof(struct air_options) of the caller */
    uint32_t caps; /* AIR_CAP_* of the device */
    /*
     * Subgroup width of the device in lanes, or 0: "native", the module uses whatever width it finds and tells it to
     * the kernel. With 32 the module must run with a required subgroup size of 32. With less, SIMD-group operations are
     * emulated 32 wide through workgroup memory (decision 26).
     */
    uint32_t simd_width;
    uint32_t sample_count;                    /* rasterisation samples, 0 = unknown (read from the push constants) */
    uint32_t flags;                           /* AIR_OPT_* */
    uint8_t attribute_class[32];              /* enum air_format_class by attribute index */
    uint8_t attachment_class[8];              /* enum air_format_class by colour attachment */
    uint8_t storage_format[AIR_MAX_TEXTURES]; /* SPIR-V ImageFormat by texture index; 0 = unknown */
    uint32_t constant_count;                  /* 0..AIR_MAX_CONSTANTS */
    uint32_t reserved;                        /* 0 */
    struct air_constant constant[AIR_MAX_CONSTANTS];
};

#define AIR_OPT_POINT_TOPOLOGY   (1u << 0) /* vertex: points are drawn; size 1.0 when the function writes none */
#define AIR_OPT_DEBUG_NAMES      (1u << 1) /* keep names of arguments and values (OpName) */
#define AIR_OPT_NO_VALIDATE      (1u << 2) /* skip SPIRV-Tools; for measurements only, the worker never sets it */
#define AIR_OPT_FORCE_DISPATCHER (1u << 3) /* use the dispatcher form of control flow (tests) */
#define AIR_OPT_FORCE_PHYSICAL   (1u << 4) /* use physical pointers for every buffer (tests) */
#define AIR_OPT_WHOLE_GROUPS     (1u << 5) /* kernel: grids are multiples of the threadgroup: keep no thread from effects */
/*
 * Of the device, as @caps are, and like them found by whoever owns the VkDevice and makes the request: neither compiler nor
 * airc sees Vulkan. To be set where VkPhysicalDeviceDriverProperties says VK_DRIVER_ID_MESA_LLVMPIPE and driverVersion is
 * below VK_MAKE_VERSION(25, 0, 0), as tests/air/vkrun.c does: 22.3 loses a value that a thread has computed in a loop, if
 * others stay in the loop and it is used after it; 25.0 is right, those between are not known. Each such value is then
 * chosen between the new one and the last (air 4.2): right on every device, but slower.
 */
#define AIR_OPT_KEEP_LOOP_VALUES (1u << 6)
#define AIR_OPT_ALL              ((1u << 7) - 1)

struct air_result {
    uint32_t *spirv; /* owned, words in host order; NULL on refusal */
    size_t words;
    uint8_t *reflection; /* owned, see air_reflect.h; NULL on refusal */
    size_t reflection_bytes;
    enum air_refuse reason; /* AIR_REFUSE_NONE on success */
    char error[512];        /* one line for people: function, instruction, reason; empty on success */
};

/*
 * Compile one entry point.
 *
 * @bitcode, @len: raw bitcode ("BC" 0xC0DE) or the wrapped form, borrowed. @entry: name of the entry point, or NULL for
 * the only one of the module. @opt: options, borrowed. @res: written in full, to be passed to air_result_fini() always.
 *
 * Returns 0 on success, -1 on refusal with @res->reason and @res->error set. May crash on hostile bitcode: see above.
 */
int air_compile(const uint8_t *bitcode, size_t len, const char *entry, const struct air_options *opt,
                struct air_result *res);

/*
 * The same for a function of a library: @fn as container.h found it, its name for @entry NULL. What the library says of
 * it must agree with the module (air 1.10): the type of its TYPE tag. The numbers of function constants that old AIR
 * keeps outside of the module come from its CNST tag (air 2.12).
 */
int air_compile_function(const struct metallib_function *fn, const char *entry, const struct air_options *opt,
                         struct air_result *res);

/*
 * Validate a module for Vulkan 1.3 with scalar block layout, as air_compile() does with its results. @msg: what is wrong.
 */
bool air_validate(const uint32_t *words, size_t n, char *msg, size_t max);

/* Free what @res holds and zero it. NULL and an all-zero object are accepted. */
void air_result_fini(struct air_result *res);

/* Stable lower-case name of a refusal ("no_entry"); "unknown" for a number out of range. Static string. */
const char *air_refuse_name(enum air_refuse reason);

/*
 * Assemble LLVM text (.ll) into wrapped bitcode (air 1.9), for tests and `pvg-air --assemble`.
 *
 * @text: NUL-terminated. @out, @out_len: malloc'ed result, owned by the caller. Returns 0, or -1 with a message in
 * @error.
 */
int air_assemble(const char *text, uint8_t **out, size_t *out_len, char *error, size_t error_bytes);

/*
 * Names and stages of the entry points in a module, for --list on loose bitcode.
 * Calls @fn for each; stage numbers are those of the TYPE tag (air 1.5). Returns 0 or -1 with a message in @error.
 */
int air_list_entries(const uint8_t *bitcode, size_t len, void (*fn)(void *opaque, const char *name, unsigned stage),
                     void *opaque, char *error, size_t error_bytes);

/* AIR and language version that a module states (air 2.4): major and minor of each, 0 where it states none. 0 or -1. */
int air_module_version(const uint8_t *bitcode, size_t len, uint16_t air[2], uint16_t language[2], char *error,
                       size_t error_bytes);

/* Load and warm up LLVM's passes and SPIRV-Tools once, before a server forks its workers. */
void air_warm_up(void);

#endif
