/* SPDX-License-Identifier: MIT */
/*
 * Codebooks of the iq1, iq2 and iq3 block formats, read from the corpus itself: thousands of numbers that define the
 * formats and are part of every module that decodes them. LLVM's reader alone is between the module and the reference;
 * the compiler under test has no part in it.
 */
#include "corpus.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>

#include <stdio.h>

/* The one constant array of @entries integers in @m, into @book. */
static bool find_book(LLVMModuleRef m, uint64_t *book, size_t entries)
{
    for (LLVMValueRef g = LLVMGetFirstGlobal(m); g; g = LLVMGetNextGlobal(g)) {
        LLVMTypeRef type = LLVMGlobalGetValueType(g);
        LLVMValueRef init = LLVMGetInitializer(g);

        if (!init || LLVMGetTypeKind(type) != LLVMArrayTypeKind || LLVMGetArrayLength(type) != entries ||
            LLVMGetTypeKind(LLVMGetElementType(type)) != LLVMIntegerTypeKind ||
            LLVMGetIntTypeWidth(LLVMGetElementType(type)) < 32)
            continue;
        for (size_t i = 0; i < entries; i++)
            book[i] = LLVMConstIntGetZExtValue(LLVMGetAggregateElement(init, (unsigned)i));
        return true;
    }
    return false;
}

bool load_codebooks(const struct metallib *lib)
{
    static const char *const formats[] = {"iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s"};

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        LLVMContextRef ctx = LLVMContextCreate();
        struct metallib_function f;
        LLVMMemoryBufferRef buf;
        LLVMModuleRef m;
        char name[64];
        size_t entries;
        uint64_t *book = quant_codebook(formats[i], &entries);
        bool found = false;

        snprintf(name, sizeof(name), "kernel_get_rows_%s", formats[i]);
        if (!metallib_find(lib, name, &f)) {
            buf = LLVMCreateMemoryBufferWithMemoryRangeCopy((const char *)f.bitcode, f.bitcode_size, name);
            if (!LLVMParseBitcodeInContext2(ctx, buf, &m)) {
                found = find_book(m, book, entries);
                LLVMDisposeModule(m);
            }
            LLVMDisposeMemoryBuffer(buf);
        }
        LLVMContextDispose(ctx);
        if (!found) {
            fprintf(stderr, "no codebook of %s in this library\n", formats[i]);
            return false;
        }
    }
    return true;
}
