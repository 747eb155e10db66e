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
check "compile without names" "$air" "$tmp/g.metallib" --entry fs_tex -o "$tmp/plain.spv"
check json python3 -c "import json,sys; j = json.load(open('$tmp/o.json')); assert j['stage'] == 'fragment' and len(j['args']) == 2"
check constant "$air" "$tmp/g.metallib" --entry fs_constant --constant 3=0.5 -o "$tmp/c.spv" --reflect "$tmp/c.json"
check "constant supplied" grep -q '"index": 3, "flags": 3' "$tmp/c.json"
check width "$air" "$tmp/g.metallib" --entry vs_full --simd-width native -o "$tmp/v.spv"
# A loop that threads leave at different turns: with the option what is read behind it is chosen anew in each turn.
cat >"$tmp/loop.ll" <<'EOF'
target triple = "air64-apple-macosx14.0.0"
define void @k(ptr addrspace(1) %o, i32 %id) {
entry:
  %p = getelementptr i32, ptr addrspace(1) %o, i32 %id
  br label %loop
loop:
  %n = phi i32 [ 0, %entry ], [ %next, %loop ]
  %v = load volatile i32, ptr addrspace(1) %p, align 4
  %next = add i32 %n, 1
  %more = icmp ult i32 %next, %v
  br i1 %more, label %loop, label %end
end:
  store i32 %v, ptr addrspace(1) %p, align 4
  ret void
}
!air.kernel = !{!0}
!0 = !{ptr @k, !1, !2}
!1 = !{}
!2 = !{!3, !4}
!3 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read_write"}
!4 = !{i32 1, !"air.thread_position_in_grid"}
EOF
check "assemble a loop" "$air" --assemble "$tmp/loop.ll" -o "$tmp/loop.metallib"
check "loop" "$air" "$tmp/loop.metallib" -o "$tmp/loop.spv"
check "loop, values kept" "$air" "$tmp/loop.metallib" --keep-loop-values -o "$tmp/kept.spv"
check "values are kept" python3 - "$tmp/loop.spv" "$tmp/kept.spv" <<'EOF'
import struct, sys
def selects(path):
    word = [w[0] for w in struct.iter_unpack('<I', open(path, 'rb').read())]
    at, n = 5, 0
    while at < len(word):
        n += word[at] & 0xffff == 169 # OpSelect
        at += word[at] >> 16
    return n
plain, kept = map(selects, sys.argv[1:])
assert kept > plain, (plain, kept)
EOF
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
# container, function, reason, instruction
refused 1 "^pvg-air: $tmp/r.metallib: refused (ray_tracing): ray_tracing__call: air.intersect.* \\[call void @air.intersect" \
    "$air" "$tmp/r.metallib" --entry ray_tracing__call
refused 1 'pvg-air: ' "$air" "$src/graphics.ll"
refused 2 'expected 8, 32 or native' "$air" "$tmp/g.metallib" --simd-width 5
refused 2 'expected NUMBER=VALUE' "$air" "$tmp/g.metallib" --constant 3
refused 2 'No such file' "$air" "$tmp/missing"
refused 2 'expected NUMBER=VALUE' "$air" "$tmp/g.metallib" --constant -1=2
refused 2 'expected NUMBER=VALUE' "$air" "$tmp/g.metallib" --constant 70000=2
refused 2 'expected a number of 32 bits' "$air" "$tmp/g.metallib" --caps everything
refused 2 'expected a number of 32 bits' "$air" "$tmp/g.metallib" --caps 0x100000000
refused 2 'expected TEXTURE=' "$air" "$tmp/g.metallib" --format 3=4x
refused 2 'exclude each other' "$air" "$tmp/g.metallib" --list --entry fs_tex
refused 2 'are for one function' "$air" "$tmp/g.metallib" --all -o "$tmp/x.spv"
refused 2 '--out-dir needs --all' "$air" "$tmp/g.metallib" --out-dir "$tmp"
refused 2 '--assemble takes no library' "$air" "$tmp/g.metallib" --assemble "$src/mesh.ll" -o "$tmp/x"
refused 2 'directory' "$air" "$tmp"
refused 2 'a library is needed' "$air"

# A module with more entry points than any list of ours: none is left out. Its versions are those of the library.
python3 - >"$tmp/many.ll" <<'EOF'
n = 150
print('target triple = "air64-apple-macosx14.0.0"')
for i in range(n):
    print(f'define void @k{i}(i32 %0) {{ ret void }}\n!{i + 10} = !{{ptr @k{i}, !1, !2}}')
print('!air.kernel = !{' + ', '.join(f'!{i + 10}' for i in range(n)) + '}')
print('!1 = !{}\n!2 = !{!3}\n!3 = !{i32 0, !"air.thread_position_in_grid"}')
print('!air.version = !{!4}\n!4 = !{i32 2, i32 7, i32 0}\n!air.language_version = !{!5}\n!5 = !{!"Metal", i32 3, i32 2, i32 0}')
EOF
check "assemble many" "$air" --assemble "$tmp/many.ll" -o "$tmp/many.metallib"
[ "$("$air" "$tmp/many.metallib" --list | grep -c '^k[0-9]* kernel air 2.7, ')" -eq 150 ] || { echo "FAILED: 150 entry points"; bad=1; }
check "versions" python3 -c "
lib = open('$tmp/many.metallib', 'rb').read()
at = lib.index(b'VERS')
assert lib[at + 6:at + 14] == bytes([2, 0, 7, 0, 3, 0, 2, 0]), lib[at:at + 14]"
# The same module on its own: listed and compiled function by function.
python3 - "$tmp/many.metallib" "$tmp/loose.bc" <<'EOF'
import struct, sys
lib = open(sys.argv[1], 'rb').read()
at = struct.unpack_from('<Q', lib, 0x48)[0]
open(sys.argv[2], 'wb').write(lib[at:at + 20 + struct.unpack_from('<I', lib, at + 12)[0]])
EOF
[ "$("$air" "$tmp/loose.bc" --list | grep -c '^k[0-9]* kernel$')" -eq 150 ] || { echo "FAILED: list of a loose module"; bad=1; }
check "loose module, one function" "$air" "$tmp/loose.bc" --entry k149 -o "$tmp/k149.spv"
refused 1 '150 entry points: name one' "$air" "$tmp/loose.bc"
sed 's/^!air.kernel.*//' "$tmp/many.ll" >"$tmp/none.ll"
refused 1 'no entry point' "$air" --assemble "$tmp/none.ll" -o "$tmp/none.metallib"
refused 1 'expected' "$air" --assemble "$src/tool.sh" -o "$tmp/x.metallib"

# Names are the library's: they neither leave the folder of --out-dir nor break the lines of a listing.
cat >"$tmp/names.ll" <<'EOF'
target triple = "air64-apple-macosx14.0.0"
define void @"../../evil"(i32 %0) { ret void }
define void @"two\0Alines \1B[31m"(i32 %0) { ret void }
!air.kernel = !{!0, !4}
!0 = !{ptr @"../../evil", !1, !2}
!4 = !{ptr @"two\0Alines \1B[31m", !1, !2}
!1 = !{}
!2 = !{!3}
!3 = !{i32 0, !"air.thread_position_in_grid"}
EOF
mkdir -p "$tmp/deep/er/out"
check "assemble names" "$air" --assemble "$tmp/names.ll" -o "$tmp/names.metallib"
check "compile names" "$air" "$tmp/names.metallib" --all --out-dir "$tmp/deep/er/out"
[ "$(cd "$tmp/deep" && find . -type f | sort | tr '\n' ' ')" = \
    "./er/out/..%2F..%2Fevil.json ./er/out/..%2F..%2Fevil.spv ./er/out/two%0Alines%20%1B[31m.json ./er/out/two%0Alines%20%1B[31m.spv " ] ||
    { echo "FAILED: files of --out-dir"; find "$tmp/deep" -type f; bad=1; }
[ "$("$air" "$tmp/names.metallib" --list | cut -d' ' -f1 | tr '\n' ' ')" = "../../evil two%0Alines%20%1B[31m " ] ||
    { echo "FAILED: names listed"; bad=1; }

# What the library says of a function has to agree with its module (air 1.10): here fs_tex is called a kernel.
python3 - "$tmp/g.metallib" "$tmp/wrong.metallib" <<'EOF'
import sys
lib = bytearray(open(sys.argv[1], 'rb').read())
at = lib.index(b'TYPE\x01\x00', lib.index(b'NAME\x07\x00fs_tex\x00'))
assert lib[at + 6] == 1
lib[at + 6] = 2
open(sys.argv[2], 'wb').write(lib)
EOF
refused 1 'refused (container): fs_tex: the library lists it as kernel, the module as fragment' "$air" "$tmp/wrong.metallib" --entry fs_tex
# The same in a fat file; a damaged function is named, the others are still there.
python3 - "$tmp/g.metallib" "$tmp/fat" "$tmp/bad.metallib" <<'EOF'
import struct, sys
lib = open(sys.argv[1], 'rb').read()
open(sys.argv[2], 'wb').write(struct.pack('>7I', 0xcafebabe, 1, 0x01000017, 0, 28, len(lib), 4) + lib)
bad = bytearray(lib)
at = bad.index(b'MDSZ', bad.index(b'fs_tex'))
struct.pack_into('<Q', bad, at + 6, 1 << 40)
open(sys.argv[3], 'wb').write(bad)
EOF
check "fat file" "$air" "$tmp/fat" --entry fs_tex -o "$tmp/fat.spv"
check "fat file compiles alike" cmp "$tmp/fat.spv" "$tmp/plain.spv"
refused 1 "function fs_tex: .*outside the bitcode section" "$air" "$tmp/bad.metallib" --entry fs_tex
[ "$("$air" "$tmp/bad.metallib" --list | grep -c '^fs_tex refused: module-range$')" -eq 1 ] &&
    [ "$("$air" "$tmp/bad.metallib" --list | wc -l)" -eq 20 ] || { echo "FAILED: list of a damaged library"; bad=1; }
[ $bad -eq 0 ] && echo "tool: all right"
exit $bad
