/* SPDX-License-Identifier: MIT */
/*
 * air_compile() and what surrounds it: memory of one compilation, the way out on failure, validation with SPIRV-Tools,
 * the second try in dispatcher form. See air.h for who may call this.
 */
#include "ctx.h"
#include "container.h"

#include <llvm-c/BitWriter.h>
#include <llvm-c/IRReader.h>
#include <spirv-tools/libspirv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const refuse_names[AIR_REFUSE_COUNT] = {
    [AIR_REFUSE_NONE] = "none",
    [AIR_REFUSE_OPTIONS] = "options",
    [AIR_REFUSE_BITCODE] = "bitcode",
    [AIR_REFUSE_VERIFY] = "verify",
    [AIR_REFUSE_NO_ENTRY] = "no_entry",
    [AIR_REFUSE_METADATA] = "metadata",
    [AIR_REFUSE_STAGE] = "stage",
    [AIR_REFUSE_ARGUMENT_KIND] = "argument_kind",
    [AIR_REFUSE_ARGUMENT_BUFFER] = "argument_buffer",
    [AIR_REFUSE_BUILTIN] = "builtin",
    [AIR_REFUSE_INTRINSIC] = "intrinsic",
    [AIR_REFUSE_RAY_TRACING] = "ray_tracing",
    [AIR_REFUSE_COMMAND_BUFFER] = "command_buffer",
    [AIR_REFUSE_TENSOR] = "tensor",
    [AIR_REFUSE_ASYNC_COPY] = "async_copy",
    [AIR_REFUSE_IMAGEBLOCK] = "imageblock",
    [AIR_REFUSE_RATE_MAP] = "rate_map",
    [AIR_REFUSE_MATRIX_SHAPE] = "matrix_shape",
    [AIR_REFUSE_INSTRUCTION] = "instruction",
    [AIR_REFUSE_TYPE] = "type",
    [AIR_REFUSE_POINTER] = "pointer",
    [AIR_REFUSE_RECURSION] = "recursion",
    [AIR_REFUSE_STATIC_INIT] = "static_init",
    [AIR_REFUSE_SIMD_DIVERGENT] = "simd_divergent",
    [AIR_REFUSE_STORAGE_FORMAT] = "storage_format",
    [AIR_REFUSE_DEVICE_FEATURE] = "device_feature",
    [AIR_REFUSE_LIMIT] = "limit",
    [AIR_REFUSE_CONTROL_FLOW] = "control_flow",
    [AIR_REFUSE_VALIDATION] = "validation",
    [AIR_REFUSE_NO_MEMORY] = "no_memory",
    [AIR_REFUSE_WORKER_CRASH] = "worker_crash",
    [AIR_REFUSE_WORKER_TIMEOUT] = "worker_timeout",
    [AIR_REFUSE_CONTAINER] = "container",
};

const char *air_refuse_name(enum air_refuse reason)
{
    return (unsigned)reason < AIR_REFUSE_COUNT && refuse_names[reason] ? refuse_names[reason] : "unknown";
}

_Noreturn void air_fail(struct ctx *c, enum air_refuse reason, const char *fmt, ...)
{
    va_list ap;
    size_t n = 0;

    c->res->reason = reason;
    if (c->entry_name)
        n = (size_t)snprintf(c->res->error, sizeof(c->res->error), "%.120s: ", c->entry_name);
    va_start(ap, fmt);
    vsnprintf(c->res->error + n, sizeof(c->res->error) - n, fmt, ap);
    va_end(ap);
    if (c->cur_inst) {
        char *text = LLVMPrintValueToString(c->cur_inst);

        n = strlen(c->res->error);
        snprintf(c->res->error + n, sizeof(c->res->error) - n, " [%.160s]", text + strspn(text, " "));
        LLVMDisposeMessage(text);
    }
    longjmp(c->fail, 1);
}

void *air_alloc(struct ctx *c, size_t bytes)
{
    void *p;

    if (c->nmem == c->mem_cap) {
        size_t cap = c->mem_cap ? c->mem_cap * 2 : 256;
        void **m = realloc(c->mem, cap * sizeof(*m));

        if (!m)
            air_fail(c, AIR_REFUSE_NO_MEMORY, "out of memory");
        c->mem = m;
        c->mem_cap = cap;
    }
    if (bytes > AIR_LIMIT_MEMORY - c->mem_bytes)
        air_fail(c, AIR_REFUSE_LIMIT, "compilation needs more than %u MiB", AIR_LIMIT_MEMORY >> 20);
    p = calloc(1, bytes ? bytes : 1);
    if (!p)
        air_fail(c, AIR_REFUSE_NO_MEMORY, "out of memory");
    c->mem_bytes += bytes;
    c->mem[c->nmem++] = p;
    return p;
}

char *air_strndup(struct ctx *c, const char *s, size_t n)
{
    char *p = air_alloc(c, n + 1);

    memcpy(p, s, n);
    return p;
}

static size_t pmap_slot(const struct pmap *m, const void *k)
{
    size_t h = (size_t)(((uintptr_t)k >> 4) * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);

    while (m->e[h].k && m->e[h].k != k)
        h = (h + 1) & (m->cap - 1);
    return h;
}

void pmap_put(struct ctx *c, struct pmap *m, const void *k, int v)
{
    size_t h;

    if (m->n * 2 >= m->cap) {
        struct pmap old = *m;

        m->cap = old.cap ? old.cap * 2 : 256;
        m->e = air_alloc(c, m->cap * sizeof(*m->e));
        for (size_t i = 0; i < old.cap; i++) {
            if (old.e[i].k)
                m->e[pmap_slot(m, old.e[i].k)] = old.e[i];
        }
    }
    h = pmap_slot(m, k);
    m->n += !m->e[h].k;
    m->e[h].k = k;
    m->e[h].v = v;
}

bool pmap_get(const struct pmap *m, const void *k, int *v)
{
    size_t h;

    if (!m->cap)
        return false;
    h = pmap_slot(m, k);
    if (!m->e[h].k)
        return false;
    *v = m->e[h].v;
    return true;
}

static void scan_calls(struct ctx *c)
{
    bool groups = c->stage == AIR_STAGE_KERNEL || c->stage == AIR_STAGE_OBJECT || c->stage == AIR_STAGE_MESH;

    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(c->fn); b; b = LLVMGetNextBasicBlock(b)) {
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            LLVMValueRef f = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;
            const char *n = f && LLVMIsAFunction(f) ? LLVMGetValueName(f) : "";

            if (*n)
                signature_check(c, i);
            if (!strncmp(n, "air.wg.barrier", 14) || !strncmp(n, "air.simdgroup.barrier", 21))
                c->uses_barrier = true;
            if (!strncmp(n, "air.simd", 8) || !strncmp(n, "air.quad", 8))
                c->uses_simd = true;
        }
    }
    for (unsigned i = 0; i < c->narg; i++) {
        enum air_kind k = c->arg[i].kind;

        if (k == AIR_KIND_THREAD_INDEX_IN_SIMDGROUP || k == AIR_KIND_SIMDGROUP_INDEX_IN_THREADGROUP ||
            k == AIR_KIND_SIMDGROUPS_PER_THREADGROUP)
            c->uses_simd = true;
    }
    /* Fragment functions take the device's width as it is: see need_lanes() of intr_simd.c. */
    c->guest_width = c->opt->simd_width >= 32 || (c->opt->simd_width && groups) ? 32 : 0;
    c->emulate = c->opt->simd_width && c->opt->simd_width < 32 && groups; /* object and mesh: refused where used */
    c->distribute = c->guest_width == 32 && c->stage == AIR_STAGE_KERNEL;
    c->h.simd_width = c->uses_simd && c->opt->simd_width == 32 ? 32 : 0;
    if (c->uses_barrier)
        c->h.flags |= AIR_REFLECT_BARRIERS;
}

static void free_emission(struct ctx *c)
{
    spv_fini(&c->s);
    free(c->iface.v);
    free(c->functions.v);
    free(c->old_types.v);
    free(c->old_body.v);
}

/* What one SPIR-V module is made of; between two attempts it is forgotten, the LLVM module stays. */
static void reset_emission(struct ctx *c)
{
    free_emission(c);
    memset(&c->iface, 0, sizeof(c->iface));
    memset(&c->functions, 0, sizeof(c->functions));
    memset(&c->old_types, 0, sizeof(c->old_types));
    memset(&c->old_body, 0, sizeof(c->old_body));
    memset(&c->roots, 0, sizeof(c->roots));
    memset(&c->blocks, 0, sizeof(c->blocks));
    memset(&c->divergent, 0, sizeof(c->divergent));
    memset(&c->incoming, 0, sizeof(c->incoming));
    memset(&c->demoted, 0, sizeof(c->demoted));
    memset(&c->kept, 0, sizeof(c->kept));
    c->keep = 0;
    c->vals = NULL;
    c->vals_cap = c->vals_n = 0;
    c->nroot = c->root_cap = 0;
    c->nnode = 0;
    c->nbuiltin = 0;
    c->matrix_scratch = 0;
    c->h.scratch_per_thread = 0;
    c->predicated = false;
    c->push_var = c->patch_ids = c->active = c->base_active = c->state_var = 0;
    c->scratch_var[0] = c->scratch_var[1] = 0;
    c->votes_var = c->vote_no = 0;
    memset(&c->mesh, 0, sizeof(c->mesh));
    memset(&c->walk, 0, sizeof(c->walk));
    c->nhelper = 0;
    c->nsampler = 0;
    memset(c->sampler_var, 0, sizeof(c->sampler_var));
    memset(c->table_var, 0, sizeof(c->table_var));
    c->table_bytes = 0;
    c->h.threadgroup_bytes = 0;
    c->cur_inst = NULL;
    c->cur_bb = NULL;
    for (unsigned i = 0; i < c->narg; i++) {
        struct arg *a = &c->arg[i];

        a->image_var = a->array_var = a->query_var = a->spv_var = 0;
        a->r.flags = a->r.levels = 0;
    }
    for (unsigned i = 0; i < c->nout; i++)
        c->outp[i].var = 0;
    for (unsigned i = 0; i < c->nmesh_out; i++)
        c->mesh_out[i].var = 0;
    for (unsigned i = 0; i < c->ncp; i++)
        c->cp[i].var = 0;
}

static void attempt(struct ctx *c, bool dispatcher)
{
    reset_emission(c);
    spv_init(&c->s);
    c->dispatcher = dispatcher;
    roots_build(c);
    cfg_build(c);
    emit_function(c);
    c->cur_inst = NULL;
    lower_module(c);
    free(c->res->spirv);
    c->res->spirv = spv_finish(&c->s, &c->res->words);
    if (!c->res->spirv)
        air_fail(c, AIR_REFUSE_NO_MEMORY, "SPIR-V module");
    if (c->res->words > AIR_LIMIT_WORDS)
        air_fail(c, AIR_REFUSE_LIMIT, "%zu words of SPIR-V", c->res->words);
}

bool air_validate(const uint32_t *words, size_t n, char *msg, size_t max)
{
    spv_context sc = spvContextCreate(SPV_ENV_VULKAN_1_3);
    spv_validator_options o = spvValidatorOptionsCreate();
    struct spv_const_binary_t bin = {words, n};
    spv_diagnostic d = NULL;
    spv_result_t r;

    spvValidatorOptionsSetScalarBlockLayout(o, true);
    spvValidatorOptionsSetFriendlyNames(o, false); /* making names up for every id would be two fifths of the time */
    r = spvValidateWithOptions(sc, o, &bin, &d);
    snprintf(msg, max, "%s", d && d->error ? d->error : "");
    spvDiagnosticDestroy(d);
    spvValidatorOptionsDestroy(o);
    spvContextDestroy(sc);
    return r == SPV_SUCCESS;
}

static void check_options(struct ctx *c)
{
    const struct air_options *o = c->opt;

    if (o->size != sizeof(*o) || o->constant_count > AIR_MAX_CONSTANTS || o->flags & ~AIR_OPT_ALL || o->reserved ||
        (o->simd_width && o->simd_width != 1 && o->simd_width != 4 && o->simd_width != 8 && o->simd_width != 16 &&
         o->simd_width != 32))
        air_fail(c, AIR_REFUSE_OPTIONS, "options: size %u, %u constants, SIMD width %u, flags 0x%x", o->size,
                 o->constant_count, o->simd_width, o->flags);
    for (uint32_t i = 0; i < o->constant_count; i++) {
        if (o->constant[i].bytes > sizeof(o->constant[i].raw))
            air_fail(c, AIR_REFUSE_OPTIONS, "function constant of %u bytes", o->constant[i].bytes);
    }
}

/* Every capability in the module must be one the device has; what has a fallback has used it by now. */
static void check_capabilities(struct ctx *c)
{
    static const struct {
        SpvCapability cap;
        uint32_t need;
        const char *what;
    } t[] = {
        {SpvCapabilityInt8, AIR_CAP_INT8, "8-bit integers"},
        {SpvCapabilityInt16, AIR_CAP_INT16, "16-bit integers"},
        {SpvCapabilityInt64, AIR_CAP_INT64, "64-bit integers"},
        {SpvCapabilityFloat16, AIR_CAP_FLOAT16, "16-bit floats"},
        {SpvCapabilityStorageBuffer8BitAccess, AIR_CAP_STORAGE8, "8-bit storage"},
        {SpvCapabilityUniformAndStorageBuffer8BitAccess, AIR_CAP_STORAGE8, "8-bit storage"},
        {SpvCapabilityStorageBuffer16BitAccess, AIR_CAP_STORAGE16, "16-bit storage"},
        {SpvCapabilityImageGatherExtended, AIR_CAP_GATHER_EXTENDED, "gather with dynamic offsets"},
        {SpvCapabilityPhysicalStorageBufferAddresses, AIR_CAP_PHYSICAL, "buffer addresses"},
        {SpvCapabilityClipDistance, AIR_CAP_CLIP_DISTANCE, "clip distances"},
        {SpvCapabilityMeshShadingEXT, AIR_CAP_MESH, "mesh shaders"},
        {SpvCapabilityDemoteToHelperInvocation, AIR_CAP_DEMOTE, "demote to helper"},
        {SpvCapabilitySampleRateShading, AIR_CAP_SAMPLE_RATE, "sample-rate shading"},
        {SpvCapabilityFragmentShaderPixelInterlockEXT, AIR_CAP_INTERLOCK, "raster order groups"},
        {SpvCapabilityTessellation, AIR_CAP_TESSELLATION, "tessellation"},
    };

    for (size_t i = 0; i + 1 < c->s.caps.n; i += 2) {
        for (size_t k = 0; k < ARRAY_LEN(t); k++) {
            if (c->s.caps.v[i + 1] == (uint32_t)t[k].cap && !(c->opt->caps & t[k].need))
                air_fail(c, AIR_REFUSE_DEVICE_FEATURE, "the device has no %s", t[k].what);
        }
    }
}

static void compile(struct ctx *c, const uint8_t *bitcode, size_t len, const char *entry)
{
    char msg[300];
    bool dispatcher;

    check_options(c);
    front_load(c, bitcode, len);
    meta_find_entry(c, entry);
    if (c->container && c->container->type != METALLIB_TYPE_NONE && c->container->type != (uint32_t)c->stage)
        air_fail(c, AIR_REFUSE_CONTAINER, "the library lists it as %s, the module as %s",
                 metallib_type_name(c->container->type), air_stage_name(c->stage));
    front_specialise(c);
    meta_parse(c);
    front_optimise(c);
    scan_calls(c);
    attempt(c, c->opt->flags & AIR_OPT_FORCE_DISPATCHER);
    dispatcher = c->dispatcher;
    if (!(c->opt->flags & AIR_OPT_NO_VALIDATE) && !air_validate(c->res->spirv, c->res->words, msg, sizeof(msg))) {
        if (dispatcher)
            air_fail(c, AIR_REFUSE_VALIDATION, "%s", msg);
        /* Structure the validator does not accept: the dispatcher form has none to get wrong. */
        if (c->uses_barrier || c->uses_simd)
            air_fail(c, AIR_REFUSE_VALIDATION, "%s", msg);
        attempt(c, true);
        if (!air_validate(c->res->spirv, c->res->words, msg, sizeof(msg)))
            air_fail(c, AIR_REFUSE_VALIDATION, "%s", msg);
    }
    check_capabilities(c);
    reflect_write(c);
}

static int compile_in(const struct metallib_function *fn, const uint8_t *bitcode, size_t len, const char *entry,
                      const struct air_options *opt, struct air_result *res)
{
    struct ctx *c = calloc(1, sizeof(*c));

    memset(res, 0, sizeof(*res));
    if (!c) {
        res->reason = AIR_REFUSE_NO_MEMORY;
        return -1;
    }
    c->res = res;
    c->opt = opt;
    c->container = fn;
    c->lc = LLVMContextCreate();
    if (!setjmp(c->fail)) {
        compile(c, bitcode, len, entry);
    } else {
        free(res->spirv);
        free(res->reflection);
        res->spirv = NULL;
        res->reflection = NULL;
        res->words = res->reflection_bytes = 0;
    }
    free_emission(c);
    if (c->m)
        LLVMDisposeModule(c->m);
    LLVMContextDispose(c->lc);
    for (size_t i = 0; i < c->nmem; i++)
        free(c->mem[i]);
    free(c->mem);
    free(c);
    return res->reason ? -1 : 0;
}

int air_compile(const uint8_t *bitcode, size_t len, const char *entry, const struct air_options *opt,
                struct air_result *res)
{
    return compile_in(NULL, bitcode, len, entry, opt, res);
}

int air_compile_function(const struct metallib_function *fn, const char *entry, const struct air_options *opt,
                         struct air_result *res)
{
    return compile_in(fn, fn->bitcode, fn->bitcode_size, entry ? entry : fn->name_len ? fn->name : NULL, opt, res);
}

void air_result_fini(struct air_result *res)
{
    if (!res)
        return;
    free(res->spirv);
    free(res->reflection);
    memset(res, 0, sizeof(*res));
}

int air_assemble(const char *text, uint8_t **out, size_t *out_len, char *error, size_t error_bytes)
{
    LLVMContextRef lc = LLVMContextCreate();
    LLVMMemoryBufferRef buf = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "text"), bc;
    LLVMModuleRef m;
    char *msg = NULL;
    int err = -1;

    *out = NULL;
    *out_len = 0;
    if (LLVMParseIRInContext(lc, buf, &m, &msg)) { /* takes the buffer */
        snprintf(error, error_bytes, "%s", msg ? msg : "unreadable text");
        LLVMDisposeMessage(msg);
        LLVMContextDispose(lc);
        return -1;
    }
    bc = LLVMWriteBitcodeToMemoryBuffer(m);
    if (bc) {
        const uint8_t *raw = (const uint8_t *)LLVMGetBufferStart(bc);
        size_t n = LLVMGetBufferSize(bc), total;
        uint32_t w[4];

        /* For an Apple triple LLVM writes a wrapper of its own, with another CPU type: take what is inside. */
        if (n >= 20) {
            memcpy(w, raw, sizeof(w));
            if (w[0] == 0x0b17c0deu && w[2] <= n && w[3] <= n - w[2]) {
                raw += w[2];
                n = w[3];
            }
        }
        total = (20 + n + 15) & ~(size_t)15;
        const uint32_t head[5] = {0x0b17c0deu, 0, 20, (uint32_t)n, 0xffffffffu};

        *out = calloc(1, total);
        if (*out) {
            memcpy(*out, head, sizeof(head));
            memcpy(*out + 20, raw, n);
            *out_len = total;
            err = 0;
        } else {
            snprintf(error, error_bytes, "out of memory");
        }
        LLVMDisposeMemoryBuffer(bc);
    }
    LLVMDisposeModule(m);
    LLVMContextDispose(lc);
    return err;
}

/* Read a module and let @look at it. */
static int inspect(const uint8_t *bitcode, size_t len, void (*look)(struct ctx *, void *), void *opaque, char *error,
                   size_t error_bytes)
{
    struct air_options opt = {.size = sizeof(opt)};
    struct air_result res = {0};
    struct ctx *c = calloc(1, sizeof(*c));
    volatile int err = -1; /* set between setjmp and longjmp */

    if (!c) {
        snprintf(error, error_bytes, "out of memory");
        return -1;
    }
    c->res = &res;
    c->opt = &opt;
    c->lc = LLVMContextCreate();
    if (!setjmp(c->fail)) {
        front_load(c, bitcode, len);
        look(c, opaque);
        err = 0;
    } else {
        snprintf(error, error_bytes, "%s", res.error);
    }
    if (c->m)
        LLVMDisposeModule(c->m);
    LLVMContextDispose(c->lc);
    for (size_t i = 0; i < c->nmem; i++)
        free(c->mem[i]);
    free(c->mem);
    free(c);
    return err;
}

struct entry_lister {
    void (*fn)(void *opaque, const char *name, unsigned stage);
    void *opaque;
};

static void look_at_entries(struct ctx *c, void *opaque)
{
    struct entry_lister *l = opaque;

    meta_each_entry(c, l->fn, l->opaque);
}

int air_list_entries(const uint8_t *bitcode, size_t len, void (*fn)(void *opaque, const char *name, unsigned stage),
                     void *opaque, char *error, size_t error_bytes)
{
    struct entry_lister l = {fn, opaque};

    return inspect(bitcode, len, look_at_entries, &l, error, error_bytes);
}

static void look_at_versions(struct ctx *c, void *opaque)
{
    uint16_t **v = opaque;

    front_versions(c, v[0], v[1]);
}

int air_module_version(const uint8_t *bitcode, size_t len, uint16_t air[2], uint16_t language[2], char *error,
                       size_t error_bytes)
{
    uint16_t *v[2] = {air, language};

    return inspect(bitcode, len, look_at_versions, v, error, error_bytes);
}

/* The smallest kernel there is: running it once loads the passes and the validator's tables. */
static const char warm_text[] = "target triple = \"air64-apple-macosx14.0.0\"\n"
                                "define void @warm(i32 %0) { ret void }\n"
                                "!air.kernel = !{!0}\n!0 = !{ptr @warm, !1, !2}\n!1 = !{}\n!2 = !{!3}\n"
                                "!3 = !{i32 0, !\"air.thread_position_in_grid\"}\n";

void air_warm_up(void)
{
    struct air_options opt = {.size = sizeof(opt), .caps = AIR_CAPS_DEFAULT};
    struct air_result res;
    uint8_t *bc;
    size_t n;
    char err[256];

    if (air_assemble(warm_text, &bc, &n, err, sizeof(err)))
        return;
    (void)air_compile(bc, n, "warm", &opt, &res); /* its result is of no interest */
    air_result_fini(&res);
    free(bc);
}
