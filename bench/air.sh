#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The shader compiler over the kernels of the public corpus, and six of them beside GLSL: bench/air/bench_air; the time to a
# first dispatch through the service: bench/air/bench_first. Both need the corpus that tests/air/corpus fetches.
bench=$PVG_BUILD/bench/air/bench_air
library=${PVG_CORPUS:-$PVG_BUILD/corpus}/ggml-llama.metallib

if [ ! -x "$bench" ]; then
    echo "air: bench_air was not built: LLVM 19, SPIRV-Tools, Vulkan headers and glslangValidator are needed"
    exit 77
fi
if [ ! -f "$library" ]; then
    echo "air: there is no $library: ./pvg test corpus fetches it"
    exit 77
fi
"$bench" "$library" "$PVG_BUILD/bench/air" || exit
if [ -x "$PVG_BUILD/bench/air/bench_first" ]; then
    exec "$PVG_BUILD/bench/air/bench_first" "$library" "$PVG_BUILD/tools/pvg-airc/pvg-airc"
fi
