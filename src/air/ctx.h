/* SPDX-License-Identifier: MIT */
/*
 * State of one compilation and what the compiler's files offer each other. A failure leaves through air_fail() (longjmp
 * to air_compile()); everything allocated with air_alloc() is freed there, so no file unwinds by hand.
 *
 * Order of work: front.c (read, specialise, optimise) -> meta.c (metadata to arguments) -> signature.c (what intrinsics
 * are called with) -> roots.c (where pointers point) -> cfg.c, uniform.c (blocks and structure) -> flow.c (the function)
 * -> iface*.c (entry interface), mem*.c (memory), emit.c, intr_*.c (instructions) -> lower*.c (types that the device
 * lacks).
 */
#ifndef PVG_AIR_CTX_H
#define PVG_AIR_CTX_H

#include "air.h"
#include "air_abi.h"
#include "air_reflect.h"
#include "spv.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <setjmp.h>

/* Limits, each to bound time or memory on hostile modules; the largest real value seen is in parentheses. */
#define AIR_LIMIT_BITCODE_BYTES (16u << 20)  /* (270 KiB) */
#define AIR_LIMIT_BLOCKS        20000u       /* (1.9 k) */
#define AIR_LIMIT_INSTRUCTIONS  400000u      /* (30 k) after inlining and unrolling */
#define AIR_LIMIT_INLINED       400000u      /* (4.4 k) of all functions, each with what it calls */
#define AIR_LIMIT_PARAMS        512u         /* (60) */
#define AIR_LIMIT_MEMORY        (256u << 20) /* bytes of air_alloc() */
#define AIR_LIMIT_ROOTS         4096u        /* (20) what pointers point to */
#define AIR_LIMIT_LOCAL_BYTES   (256u << 10) /* (2 KiB) private arrays: software devices have them on a stack, by lane */
#define AIR_LIMIT_SHARED_BYTES  (1u << 20)   /* (1 KiB) threadgroup variables; devices have far less */
#define AIR_LIMIT_TABLE_BYTES   (1u << 20)   /* constant tables of a module (24 KiB) */
#define AIR_LIMIT_PARTS         4096u        /* (64) scalars of one value; structs of structs double with each line */
#define AIR_LIMIT_WORDS         (8u << 20)   /* SPIR-V words (210 k) */
#define AIR_LIMIT_DEPTH         256u         /* nesting of types and constant expressions */
#define AIR_MAX_PATCH_POINTS    32u          /* control points of a patch: Vulkan guarantees as many, Metal has 32 */
#define AIR_LIMIT_COPY_UNITS    64u          /* memcpy/memset units unrolled before a loop is used */

enum root_kind {
    ROOT_NONE,    /* null or undef: any root will do */
    ROOT_BUFFER,  /* storage buffer of argument .arg */
    ROOT_SHARED,  /* threadgroup global or dynamic threadgroup argument */
    ROOT_CONST,   /* AS 2 global */
    ROOT_LOCAL,   /* alloca */
    ROOT_PAYLOAD, /* object/mesh payload */
    ROOT_HANDLE,  /* texture, sampler, mesh, grid properties, interpolant: argument .arg; -1 the null handle */
    ROOT_SAMPLER, /* constexpr sampler number .arg */
    ROOT_PHYS,    /* 64-bit address */
};

/* One allocation that pointers may point into. Merged roots (union-find) share one variable at different offsets. */
struct root {
    enum root_kind kind;
    int parent;     /* self when representative */
    uint32_t base;  /* byte offset in the representative's variable */
    uint32_t bytes; /* size; of the whole variable for a representative; 0 = unbounded or spec constant */
    uint32_t align;
    int arg;            /* index into ctx.arg, or sampler number */
    LLVMValueRef value; /* global or alloca */
    unsigned unit;      /* smallest access unit in bytes seen (1, 2, 4); element size of shared and local arrays */
    bool unit_known;
    bool written, atomic, read, coherent;
    bool as_table;    /* ROOT_CONST: lives in the constant-data buffer */
    int content;      /* of a representative: root of the pointers stored in this memory, -1 unknown */
    uint32_t var[5];  /* variable by log2 of the unit in bytes; [0] only for arrays that have one view */
    uint32_t f32_var; /* float view for float atomics */
    uint32_t u64_var; /* view for 64-bit atomics */
    uint32_t last;    /* index of the last element, of what is one array */
};

/* A pointer value: root plus byte offset (sum of id * scale, plus a constant), or a 64-bit address. */
struct ptr {
    int root;
    uint32_t off;
    unsigned n;
    struct {
        uint32_t id, scale;
    } t[4];
    uint32_t number, phys, limit; /* ROOT_PHYS: ids of the buffer's number, its u64 address and its u32 length */
    uint32_t handle; /* ROOT_HANDLE, ROOT_SAMPLER: id of the handle's number; 0: the first of the root's argument */
};

/* Handles as numbers, which variables and private memory hold: arg.first + element, or one of these. */
#define AIR_HANDLE_SAMPLER 0x10000u /* + number of the constexpr sampler */
#define AIR_HANDLE_NULL    0xffffffffu

struct val {
    LLVMValueRef key;
    uint32_t id;
    struct ptr *p;
};

/* An argument of the entry point. */
struct arg {
    struct air_reflect_arg r;
    enum air_kind kind;
    unsigned param;
    LLVMValueRef value;
    const char *name, *type_name;
    bool is_io; /* builtin or stage input instead of a resource */
    struct air_reflect_io io;
    const char *identity;
    bool absent;                    /* function-constant predicate false */
    LLVMValueRef cp_function;       /* patch_control_point_input */
    uint32_t image_type, image_var; /* texture */
    uint32_t array_var, array_type; /* cube as 2D array */
    uint32_t query_var, query_type; /* sampled view of a storage image, for queries */
    uint32_t first;                 /* number of the first handle */
    uint32_t levels;                /* mip levels that are written or read through storage descriptors */
    bool storage, compared, written, cube_fetch, sampled, fetched, atomic, used;
    uint32_t spv_var; /* sampler, input variable */
    int root;
};

struct output {
    struct air_reflect_io r;
    enum air_kind kind;
    const char *name, *identity, *type_name;
    unsigned qualifier; /* depth: 0 any, 1 greater, 2 less */
    uint32_t array;     /* clip distances */
    uint32_t var;
    uint32_t type;
};

/* Part of the control-flow graph that SPIR-V sees; .bb NULL for blocks that structure needs. */
struct node {
    LLVMBasicBlockRef bb;
    uint32_t label;
    int succ[2]; /* -1 none */
    int nsucc;
    int *many;                 /* dispatcher form: all successors of a switch */
    int loop_merge, loop_cont; /* this is a loop header */
    int sel_merge;             /* -1 none */
    int idom, ipdom;
    int order; /* reverse post-order number */
    bool reachable;
    bool endless; /* header of a loop without exit */
    bool divergent; /* cfg_uniform: executed under control flow not uniform over the workgroup */
    LLVMValueRef cond;
    /*
     * Linear branch (decision 26): its conditional part holds SIMD-group operations that are emulated with barriers, so
     * every thread walks through it and side effects are predicated.
     */
    bool linear, linear_false; /* the part runs where the condition is false */
    uint32_t pred;             /* predicate of the part, bool id */
    int pred_of;               /* innermost linear branch, or branch of a loop, whose part holds this node, -1 none */
    /*
     * Branch that ends a loop with such operations (decision 26): every thread stays until the last one leaves, and
     * the predicate says which are still in it.
     */
    bool turns;
    int outer;         /* pred_of of the loop as a whole */
    int heads;         /* header of such a loop: its branch, -1 none */
    uint32_t turn_var; /* bool variable: this thread is in the loop */
    bool merges_loop;  /* .bb NULL: loops are left to it */
    int region;                /* dispatcher form: branch at which the threads that run this node have parted, -1 none */
    bool parts;                /* dispatcher form: such a branch */
};

/* Map from LLVM pointers to small numbers. */
struct pmap {
    struct {
        const void *k;
        int v;
    } * e;
    size_t cap, n;
};

struct ctx {
    jmp_buf fail;
    struct air_result *res;
    const struct air_options *opt;
    const struct metallib_function *container; /* what the library says of the function; NULL: there is none */
    LLVMContextRef lc;
    LLVMModuleRef m;
    LLVMTargetDataRef dl;
    LLVMValueRef fn;
    LLVMValueRef ctor[16];
    unsigned nctor;
    const char *entry_name;
    enum air_stage stage;
    LLVMValueRef node_outputs, node_inputs;
    struct spv s;

    struct arg *arg;
    unsigned narg;
    struct output *outp;
    unsigned nout;
    struct air_reflect_constant *fc;
    const char **fc_name, **fc_type;
    unsigned nfc;
    struct air_reflect_sampler sampler[32];
    unsigned nsampler;
    uint32_t sampler_var[32];
    struct output *mesh_out; /* mesh vertex and primitive outputs */
    unsigned nmesh_out;
    struct output *cp; /* attributes of a patch's control points */
    unsigned ncp;
    struct air_reflect_header h;

    struct root *root;
    int nroot, root_cap;
    struct pmap roots;     /* pointer value -> root */
    struct pmap blocks;    /* basic block -> node */
    struct pmap parts;     /* struct or array type -> scalars in it */
    struct pmap divergent; /* value -> 1: differs between threads of a workgroup */
    struct pmap incoming;  /* phi -> variable id: what the blocks before it give it */
    struct pmap demoted;   /* in dispatcher form: value that crosses blocks -> variable id */
    struct pmap checked;   /* intrinsic: its signature is right */
    struct pmap kept; /* AIR_OPT_KEEP_LOOP_VALUES: value computed in a loop and used after it -> variable id, or 0 */
    uint32_t keep;    /* bool id: true, but no driver knows */

    struct val *vals;
    size_t vals_cap, vals_n;

    struct node *node;
    int nnode, node_cap;
    int *rpo;
    int nrpo;
    bool dispatcher;
    struct {
        int *list, *seen; /* nodes found; by node: the branch that it was last found from */
    } walk;               /* cfg_parts_to_store */
    uint32_t state_var;
    struct {
        uint32_t groups;                      /* object: workgroup variable, mesh threadgroups to start */
        uint32_t count, indices;              /* mesh: workgroup variables, primitives and their indices */
        uint32_t culled;                      /* likewise, which of them the guest culls; 0: its type does not say */
        uint32_t vertex_block, primitive_block; /* output arrays of builtins */
        int member[2][3];                     /* of the blocks: position, point size, clip distances; layer, viewport, culled */
        uint32_t clip;                        /* clip distances of a vertex */
    } mesh;
    LLVMBasicBlockRef cur_bb;
    LLVMValueRef cur_inst;

    struct words iface; /* interface ids of the entry point */
    uint32_t builtin_var[64];
    int builtin_code[64];
    unsigned nbuiltin;
    uint32_t push_var;
    uint32_t patch_ids; /* input array at AIR_TESS_LOCATION_IDS */
    uint32_t local_size_id[3];
    uint32_t active;      /* bool id: thread is inside the grid and the linear part; 0 when no guard is needed */
    uint32_t base_active; /* inside the grid */
    bool predicated;      /* the current block belongs to a linear part */
    uint32_t scratch_var[2]; /* SIMD emulation: u32 per thread of the workgroup; the second for upper halves */
    uint32_t votes_var, vote_no; /* SIMD emulation: words of three votes, number of this one in turn */
    bool emulate;         /* SIMD-group operations through workgroup memory */
    unsigned guest_width;
    bool distribute;         /* a 64-lane matrix value is spread over 32 threads: two elements each */
    uint32_t matrix_scratch; /* emulated products: four words per thread of the workgroup */
    bool fast_math;
    bool uses_barrier, uses_simd;
    bool raster_order; /* a buffer or texture in a raster order group */
    uint8_t *table; /* constant tables of the module */
    uint32_t table_bytes, table_cap;
    uint32_t table_var[5];
    uint32_t mat_fn[64];
    struct {
        uint32_t key, id;
    } helper[128];
    unsigned nhelper;
    struct words functions; /* helper functions after main */
    struct words old_types, old_body; /* lower.c: what it reads while it writes anew */

    void **mem;
    size_t nmem, mem_cap, mem_bytes;
    char diag[256];
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

_Noreturn void air_fail(struct ctx *c, enum air_refuse reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void *air_alloc(struct ctx *c, size_t bytes); /* zeroed, lives until the end of the compilation */
char *air_strndup(struct ctx *c, const char *s, size_t n);
void pmap_put(struct ctx *c, struct pmap *m, const void *k, int v);
bool pmap_get(const struct pmap *m, const void *k, int *v);

/* front.c */
void front_load(struct ctx *c, const uint8_t *bitcode, size_t len);
void front_specialise(struct ctx *c);
void front_versions(struct ctx *c, uint16_t air[2], uint16_t language[2]);
void front_optimise(struct ctx *c);
bool front_constant_value(struct ctx *c, LLVMValueRef global, uint64_t *value);

/* front_loops.c: says in the module which loops not to unroll; false: none is to be. @pointers: only for arrays of them */
bool front_choose_loops(struct ctx *c, bool pointers);

/* meta.c */
void meta_find_entry(struct ctx *c, const char *entry);
void meta_parse(struct ctx *c);
void meta_each_entry(struct ctx *c, void (*fn)(void *opaque, const char *name, unsigned stage), void *opaque);
unsigned md_operands(struct ctx *c, LLVMValueRef node, LLVMValueRef **ops);
bool md_str(LLVMValueRef v, const char *want);
const char *md_string(struct ctx *c, LLVMValueRef v);
bool md_int(LLVMValueRef v, int64_t *out);

/* lower.c */
void lower_module(struct ctx *c); /* gives types that the device lacks another form */

/* reflect_write.c */
void reflect_write(struct ctx *c);

/* roots.c */
void roots_build(struct ctx *c);
int root_find(struct ctx *c, int r);
int root_phys(struct ctx *c); /* the one of kind ROOT_PHYS */
int root_of(struct ctx *c, LLVMValueRef v);
bool root_is_handle(struct ctx *c, int r); /* texture, sampler or another opaque object */
bool root_varies(struct ctx *c, int r);    /* handle that may be one of several */
bool is_pointer(LLVMValueRef v);
bool air_coherent(const char *name); /* air.load and air.store of coherent memory (air 3.8) */

/* cfg.c */
void cfg_build(struct ctx *c);
void cfg_post_dominators(struct ctx *c);

/* uniform.c */
void cfg_uniform(struct ctx *c);
void cfg_make_linear(struct ctx *c);
void cfg_regions(struct ctx *c); /* dispatcher form: threads that need each other meet, or refusal */
bool cfg_is_divergent(struct ctx *c, LLVMValueRef inst);
bool cfg_value_divergent(struct ctx *c, LLVMValueRef v);
bool cfg_parts_to_store(struct ctx *c, int b); /* a branch after which some lanes store where others have loaded */
int cfg_scope_above(struct ctx *c, int scope); /* of a pred_of: the next one around it, -1 none */

/* iface.c */
void iface_declare(struct ctx *c);
void iface_load_inputs(struct ctx *c);
void iface_store_outputs(struct ctx *c, LLVMValueRef value);
void iface_finish(struct ctx *c, uint32_t main_id);
uint32_t iface_builtin(struct ctx *c, SpvBuiltIn b, uint32_t type, SpvStorageClass sc);
uint32_t iface_load_builtin(struct ctx *c, SpvBuiltIn b, uint32_t type);
uint32_t iface_push(struct ctx *c, uint32_t offset, uint32_t type);
uint32_t iface_lane(struct ctx *c);                      /* u32: lane in the SIMD group that the guest sees */
uint32_t iface_local_index(struct ctx *c);               /* u32 */
uint32_t iface_local_size(struct ctx *c, unsigned axis); /* u32: workgroup size */
uint32_t iface_local_total(struct ctx *c);               /* u32 constant expression: threads per workgroup */
int iface_control_point(struct ctx *c, LLVMValueRef call);
uint32_t iface_control_point_type(struct ctx *c, struct output *cp, LLVMTypeRef t);
uint32_t iface_from_control_point(struct ctx *c, struct output *cp, uint32_t id, LLVMTypeRef t);

/* flow.c */
void emit_function(struct ctx *c);

/* emit.c and values.c */
void emit_inst(struct ctx *c, LLVMValueRef i);
uint32_t type_of(struct ctx *c, LLVMTypeRef t);
void type_bound(struct ctx *c, LLVMTypeRef t); /* refuses a value of too many parts */
uint32_t value(struct ctx *c, LLVMValueRef v);
struct ptr pointer(struct ctx *c, LLVMValueRef v);
void set_value(struct ctx *c, LLVMValueRef v, uint32_t id);
void set_pointer(struct ctx *c, LLVMValueRef v, struct ptr p);
unsigned int_bits(struct ctx *c, unsigned width);        /* width of the SPIR-V integer that holds an iN */
bool type_is_bf16(LLVMTypeRef t);                        /* bfloat scalar or vector */
unsigned param_align(LLVMValueRef call, unsigned param); /* align attribute, parameters from 1; 1 if none */
unsigned vec_len(LLVMTypeRef t);                         /* 1 for scalars */
LLVMTypeRef elem_type(LLVMTypeRef t);
unsigned scalar_bits(struct ctx *c, LLVMTypeRef t); /* of the element, i1 = 1 */
uint32_t splat(struct ctx *c, uint32_t id, uint32_t elem, unsigned n);
uint32_t extract(struct ctx *c, uint32_t id, uint32_t elem, unsigned n, unsigned i);
uint32_t construct(struct ctx *c, uint32_t type, const uint32_t *ids, unsigned n);
uint32_t to_u32(struct ctx *c, uint32_t id, LLVMTypeRef t, bool is_signed);
uint32_t if_begin(struct ctx *c, uint32_t cond); /* if (cond) { ... }: returns the merge label */
void if_end(struct ctx *c, uint32_t merge);
void guard_begin(struct ctx *c, uint32_t *merge); /* side effect of threads outside the grid (air 4.7) */
void guard_end(struct ctx *c, uint32_t merge);
struct loop {
    uint32_t var, head, body, cont, merge, i, end;
};
void loop_begin(struct ctx *c, struct loop *l, uint32_t count); /* for (l->i = 0; l->i < count; l->i++) */
void loop_end(struct ctx *c, struct loop *l);
uint32_t bf16_to_f32(struct ctx *c, uint32_t id, unsigned n);
uint32_t f32_to_bf16(struct ctx *c, uint32_t id, unsigned n);
uint32_t const_bytes(struct ctx *c, LLVMValueRef v, uint8_t *out, size_t max);
uint32_t pointer_var_type(struct ctx *c, LLVMValueRef v);
struct ptr pointer_from_var(struct ctx *c, LLVMValueRef v, uint32_t var);
void pointer_to_var(struct ctx *c, LLVMValueRef holder, LLVMValueRef v, uint32_t var);
struct ptr pointer_select(struct ctx *c, LLVMValueRef inst, uint32_t cond, LLVMValueRef a, LLVMValueRef b);
uint32_t pointer_compare_id(struct ctx *c, LLVMValueRef v, bool phys);
struct ptr pointer_gep(struct ctx *c, LLVMValueRef v);
uint32_t handle_number(struct ctx *c, struct ptr p);

/* mem.c */
uint32_t mem_load(struct ctx *c, struct ptr p, LLVMTypeRef t, unsigned align);
void mem_store(struct ctx *c, struct ptr p, LLVMTypeRef t, unsigned align, uint32_t id);
void mem_copy(struct ctx *c, struct ptr dst, unsigned dalign, struct ptr src, unsigned salign, uint64_t bytes);
void mem_set(struct ctx *c, struct ptr dst, unsigned dalign, uint32_t byte, uint64_t bytes);
struct ptr ptr_add(struct ctx *c, struct ptr p, uint32_t id, uint32_t scale);
uint32_t ptr_offset(struct ctx *c, struct ptr *p);                       /* u32 id of the byte offset */
uint32_t ptr_word(struct ctx *c, struct ptr p, unsigned bits, bool f32); /* OpAccessChain to an element for atomics */
void mem_declare(struct ctx *c);
uint32_t mem_inside(struct ctx *c, struct ptr p, uint32_t bytes); /* bool to ask before ptr_word(); 0: need not ask */

/* mem_phys.c */
struct ptr phys_form(struct ctx *c, struct ptr p); /* pointer into a buffer, or null, as one of ROOT_PHYS */
uint32_t phys_pack(struct ctx *c, struct ptr p);   /* uvec2: what variables hold of it */
struct ptr phys_unpack(struct ctx *c, int root, uint32_t id);
uint32_t phys_address(struct ctx *c, struct ptr p); /* u64, for comparisons only */

struct call;
/* intr_simd.c, for intr_matrix.c */
void simd_need_uniform(struct ctx *c, struct call *k);
void simd_scratch_barrier(struct ctx *c);
uint32_t simd_total_threads(struct ctx *c);
/* For flow.c: does it hold for any thread of the workgroup? In code that every thread reaches, as simd_votes_begin(). */
void simd_votes_begin(struct ctx *c);
uint32_t simd_any_thread(struct ctx *c, uint32_t cond);

/* intr_*.c: each returns false when the name is none of its own. */
struct call {
    LLVMValueRef inst;
    const char *name; /* after "air." */
    char op[96];      /* stem without type suffixes */
    char sign;        /* 's', 'u', 'f' or 0: first sign token */
    unsigned n;
    LLVMValueRef a[24];
    LLVMTypeRef ret;
};
void intr_call_of(struct ctx *c, LLVMValueRef inst, const char *name, struct call *k);
/* signature.c: refuses call @inst if it has operands or a result that its intrinsic does not have */
void signature_check(struct ctx *c, LLVMValueRef inst);
uint32_t arg_id(struct ctx *c, const struct call *k, unsigned i);
bool intr_math(struct ctx *c, struct call *k);
bool intr_int(struct ctx *c, struct call *k);
bool intr_convert(struct ctx *c, struct call *k);
bool intr_pack(struct ctx *c, struct call *k);
bool intr_texture(struct ctx *c, struct call *k);
bool intr_atomic(struct ctx *c, struct call *k);
bool intr_simd(struct ctx *c, struct call *k);
bool intr_matrix(struct ctx *c, struct call *k);
bool intr_stage(struct ctx *c, struct call *k);
bool intr_mesh(struct ctx *c, struct call *k);
/* mesh.c: what object and mesh functions need before and after the guest's code; both in code that every thread reaches. */
void mesh_begin(struct ctx *c);
void mesh_end(struct ctx *c);
bool intr_llvm(struct ctx *c, LLVMValueRef inst, const char *name);
void intr_call(struct ctx *c, LLVMValueRef inst);
void intr_split_name(struct call *k, const char *name);
extern const char *const intr_names[]; /* intr_names.c, to NULL */
bool intr_named(const char *op);
bool intr_type_token(const char *t, size_t n); /* part of a name that states a type */
uint32_t round_away(struct ctx *c, uint32_t x, uint32_t type, unsigned bits, unsigned n);
void texture_scan(struct ctx *c);
bool texture_call(LLVMValueRef inst);              /* takes a texture and a sampler */
int sampler_number(struct ctx *c, LLVMValueRef v); /* constexpr sampler behind v, or -1 */
enum air_refuse refused_family(const char *name);  /* air 3.13, or AIR_REFUSE_NONE */

#endif
