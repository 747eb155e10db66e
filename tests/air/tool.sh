#!/bin/sh
# SPDX-License-Identifier: MIT
# pvg-air as people use it: assemble, list, compile, reflect, refuse; what it writes is checked with other programs.
# usage: tool.sh PVG-AIR FOLDER-WITH-LL
set -u
air=$1 src=$2
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
check() { # description, command...
    what=$1
    shift
    "$@" >"$tmp/log" 2>&1 || { echo "FAILED: $what"; head -n 5 "$tmp/log"; bad=1; }
}
refused() { # exit status wanted, text wanted, command...
    want=$1 text=$2
    shift 2
    "$@" >"$tmp/log" 2>&1
    status=$?
    if [ $status -ne "$want" ] || ! grep -q -- "$text" "$tmp/log"; then
        echo "FAILED: $*: status $status, expected $want and '$text'"
        head -n 5 "$tmp/log"
        bad=1
    fi
}
check assemble "$air" --assemble "$src/graphics.ll" -o "$tmp/g.metallib"
check "assemble refusals" "$air" --assemble "$src/refused.ll" -o "$tmp/r.metallib"
"$air" "$tmp/g.metallib" --list >"$tmp/list"
[ "$(grep -c . "$tmp/list")" -eq 20 ] && grep -q '^vs_full vertex ' "$tmp/list" || { echo "FAILED: list"; cat "$tmp/list"; bad=1; }
check compile "$air" "$tmp/g.metallib" --entry fs_tex -o "$tmp/o.spv" --reflect "$tmp/o.json" --validate --names
if command -v spirv-val >/dev/null; then
    check spirv-val spirv-val --target-env vulkan1.3 --scalar-block-layout "$tmp/o.spv"
else
    echo "spirv-val is missing: its check left out"
fi
check json python3 -c "import json,sys; j = json.load(open('$tmp/o.json')); assert j['stage'] == 'fragment' and len(j['args']) == 2"
check constant "$air" "$tmp/g.metallib" --entry fs_constant --constant 3=0.5 -o "$tmp/c.spv" --reflect "$tmp/c.json"
check "constant supplied" grep -q '"index": 3, "flags": 3' "$tmp/c.json"
check width "$air" "$tmp/g.metallib" --entry vs_full --simd-width native -o "$tmp/v.spv"
# LLVM's writer wraps the bitcode of Apple triples by itself: the library must hold one wrapper whatever the triple is.
for triple in air64-apple-macosx14.0.0 air64-apple-ios18.2.0 air64_v26-apple-macosx26.0.0 ""; do
    sed "s/^target triple = .*/${triple:+target triple = \"$triple\"}/" "$src/mesh.ll" >"$tmp/t.ll"
    check "assemble for '$triple'" "$air" --assemble "$tmp/t.ll" -o "$tmp/t.metallib"
    check "one wrapper for '$triple'" python3 - "$tmp/t.metallib" <<'EOF'
import struct, sys
lib = open(sys.argv[1], 'rb').read()
at, size = struct.unpack_from('<QQ', lib, 0x48)
magic, version, offset, length, cpu = struct.unpack_from('<5I', lib, at)
assert (magic, version, offset, cpu) == (0x0b17c0de, 0, 20, 0xffffffff), (magic, version, offset, cpu)
assert lib[at + 20:at + 24] == b'BC\xc0\xde', lib[at + 20:at + 24]
module = (20 + length + 15) // 16 * 16 # one for each of the two entry points
assert size == 2 * module, (length, size)
assert lib.count(b'\xde\xc0\x17\x0b') == 2, lib.count(b'\xde\xc0\x17\x0b')
EOF
    [ -n "$("$air" "$tmp/t.metallib" --list)" ] || { echo "FAILED: list for '$triple'"; bad=1; }
done
refused 1 'no entry\|not found\|no function' "$air" "$tmp/g.metallib" --entry nothing -o "$tmp/x.spv"
refused 1 'refused (ray_tracing): ray_tracing__call: air.intersect' "$air" "$tmp/r.metallib" --entry ray_tracing__call
refused 1 'pvg-air: ' "$air" "$src/graphics.ll"
refused 2 'expected 8, 32 or native' "$air" "$tmp/g.metallib" --simd-width 5
refused 2 'expected NUMBER=VALUE' "$air" "$tmp/g.metallib" --constant 3
refused 2 'No such file' "$air" "$tmp/missing"
refused 2 'a library is needed' "$air"
[ $bad -eq 0 ] && echo "tool: all right"
exit $bad
