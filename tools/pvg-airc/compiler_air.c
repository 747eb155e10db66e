/* SPDX-License-Identifier: MIT */
/*
 * The real compiler: finds the function in its container, then src/air. SPIR-V is validated by air_compile(), always.
 */
#include "compiler.h"

#include <dlfcn.h>
#include <llvm-c/Core.h>
#include <llvm-c/ErrorHandling.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "air/container.h"

void compiler_warm_up(void)
{
    air_warm_up();
}

void compiler_version(char *text, size_t bytes)
{
    unsigned major, minor, patch;

    LLVMGetVersion(&major, &minor, &patch);
    snprintf(text, bytes, "OpenPVG AIR compiler %d, LLVM %u.%u.%u", AIR_COMPILER_VERSION, major, minor, patch);
}

void compiler_identity(char *text, size_t bytes)
{
    struct stat st = {0};
    Dl_info info;

    /* A distribution may rebuild LLVM without changing its version. */
    if (dladdr((void *)LLVMGetVersion, &info) && info.dli_fname)
        (void)stat(info.dli_fname, &st);
    snprintf(text, bytes, "%lld %lld", (long long)st.st_size, (long long)st.st_mtime);
}

void compiler_on_fatal(void (*fn)(const char *text))
{
    LLVMInstallFatalErrorHandler(fn);
}

static void refuse(struct compiler_result *res, enum airc_status status, enum air_refuse reason, const char *name,
                   const char *text)
{
    res->status = status;
    res->reason = reason;
    snprintf(res->text, sizeof(res->text), "%s: %.450s", name, text);
}

void compiler_run(const struct airc_request *req, struct compiler_result *res)
{
    const char *entry = req->entry[0] ? req->entry : NULL;
    struct metallib_function fn;
    struct metallib lib;
    int err;

    memset(res, 0, sizeof(*res));
    err = metallib_open(req->module, req->module_bytes, &lib);
    if (!err)
        err = metallib_find_typed(&lib, entry, req->type, &fn);
    if (err) {
        refuse(res, AIRC_REFUSED, AIR_REFUSE_CONTAINER, metallib_error_name(err), metallib_error_text(err));
        return;
    }
    /* Nothing that was not validated leaves a worker. */
    if (req->options.flags & AIR_OPT_NO_VALIDATE) {
        refuse(res, AIRC_REFUSED, AIR_REFUSE_OPTIONS, "options", "the worker does not compile without validation");
        return;
    }
    if (air_compile_function(&fn, entry, &req->options, &res->air)) {
        refuse(res, res->air.reason == AIR_REFUSE_NO_MEMORY ? AIRC_MEMORY : AIRC_REFUSED, res->air.reason,
               air_refuse_name(res->air.reason), res->air.error);
        return;
    }
    res->status = AIRC_OK;
    res->spirv = res->air.spirv;
    res->spirv_bytes = res->air.words * 4;
    res->reflection = res->air.reflection;
    res->reflection_bytes = res->air.reflection_bytes;
}

void compiler_fini(struct compiler_result *res)
{
    air_result_fini(&res->air);
    memset(res, 0, sizeof(*res));
}
