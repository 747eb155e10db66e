#!/bin/sh
# SPDX-License-Identifier: MIT
# Function constants (air 2.12): of every type, derived by static initialisers, asked for, old and without a number of their
# own. A kernel with its constants given is, word by word, the kernel that has the values written in it.
# usage: constants.sh PVG-AIR
# shellcheck source=tests/airc/head.sh
. "$(dirname "$0")/head.sh"
air=$1
# One kernel that stores %v of type $2, which the lines of $3 make of constants, and one that stores the literal $4.
# $1: name; $5: further options of pvg-air.
pair() {
    cat >"$tmp/$1.ll" <<EOF
target triple = "air64-apple-macosx14.0.0"
@f.MTL_FC_INIT_1_float = internal addrspace(2) externally_initialized constant float undef, section "air.fc_initializer"
@h.MTL_FC_INIT_2_half = internal addrspace(2) externally_initialized constant half undef, section "air.fc_initializer"
@b.MTL_FC_INIT_3_bool = internal addrspace(2) externally_initialized constant i8 undef, section "air.fc_initializer"
@v.MTL_FC_INIT_4_int2 = internal addrspace(2) externally_initialized constant <2 x i32> undef, section "air.fc_initializer"
@c.MTL_FC_INIT_5_char = internal addrspace(2) externally_initialized constant i8 undef, section "air.fc_initializer"
@s.MTL_FC_INIT_6_ushort = internal addrspace(2) externally_initialized constant i16 undef, section "air.fc_initializer"
@q.MTL_FC_INIT_7_ulong = internal addrspace(2) externally_initialized constant i64 undef, section "air.fc_initializer"
@derived = internal addrspace(2) global float undef, align 4
@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 65535, ptr @init, ptr null }]
define internal void @init() section "air.static_init" {
  %x = load float, ptr addrspace(2) @f.MTL_FC_INIT_1_float, align 4
  %y = fmul float %x, 3.0
  %z = fadd float %y, 1.0
  store float %z, ptr addrspace(2) @derived, align 4
  ret void
}
declare i1 @air.is_function_constant_defined(i32)
declare i1 @air.function_constant_predicate(ptr addrspace(2))
define void @given(ptr addrspace(1) %o) {
$3
  store $2 %v, ptr addrspace(1) %o
  ret void
}
define void @literal(ptr addrspace(1) %o) {
  store $2 $4, ptr addrspace(1) %o
  ret void
}
!air.kernel = !{!0, !1}
!0 = !{ptr @given, !2, !3}
!1 = !{ptr @literal, !2, !3}
!2 = !{}
!3 = !{!4}
!4 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read_write"}
!air.function_constants = !{!11, !12, !13, !14, !15, !16, !17}
!11 = !{ptr addrspace(2) @f.MTL_FC_INIT_1_float, !"float", !"f", i32 1, i1 true}
!12 = !{ptr addrspace(2) @h.MTL_FC_INIT_2_half, !"half", !"h", i32 2, i1 true}
!13 = !{ptr addrspace(2) @b.MTL_FC_INIT_3_bool, !"bool", !"b", i32 3, i1 true}
!14 = !{ptr addrspace(2) @v.MTL_FC_INIT_4_int2, !"int2", !"v", i32 4, i1 true}
!15 = !{ptr addrspace(2) @c.MTL_FC_INIT_5_char, !"char", !"c", i32 5, i1 true}
!16 = !{ptr addrspace(2) @s.MTL_FC_INIT_6_ushort, !"ushort", !"s", i32 6, i1 true}
!17 = !{ptr addrspace(2) @q.MTL_FC_INIT_7_ulong, !"ulong", !"q", i32 7, i1 true}
EOF
    "$air" --assemble "$tmp/$1.ll" -o "$tmp/lib" || { fail "$1: not assembled"; return; }
    # shellcheck disable=SC2086 # a list of options
    "$air" "$tmp/lib" --entry given $5 -o "$tmp/given.spv" && "$air" "$tmp/lib" --entry literal $5 -o "$tmp/literal.spv" &&
        cmp -s "$tmp/given.spv" "$tmp/literal.spv" || fail "$1"
}
load() { # type, name
    echo "  %v = load $1, ptr addrspace(2) @$2"
}
pair float float "$(load float f.MTL_FC_INIT_1_float)" 2.5 "--constant 1=2.5"
pair half half "$(load half h.MTL_FC_INIT_2_half)" -0.5 "--constant 2=-0.5"
pair bool i8 "$(load i8 b.MTL_FC_INIT_3_bool)" 1 "--constant 3=true"
pair bool-false i8 "$(load i8 b.MTL_FC_INIT_3_bool)" 0 "--constant 3=false"
pair int2 '<2 x i32>' "$(load '<2 x i32>' v.MTL_FC_INIT_4_int2)" '<i32 -7, i32 -7>' "--constant 4=-7"
pair char i8 "$(load i8 c.MTL_FC_INIT_5_char)" -128 "--constant 5=-128"
pair ushort i16 "$(load i16 s.MTL_FC_INIT_6_ushort)" 65535 "--constant 6=65535"
pair ulong i64 "$(load i64 q.MTL_FC_INIT_7_ulong)" 9223372036854775808 "--constant 7=9223372036854775808"
pair ulong-most i64 "$(load i64 q.MTL_FC_INIT_7_ulong)" -1 "--constant 7=1e300"
pair not-a-number i64 "$(load i64 q.MTL_FC_INIT_7_ulong)" 0 "--constant 7=nan"
pair unset float "$(load float f.MTL_FC_INIT_1_float)" 0.0 "--constant 2=1"
pair derived float "$(load float derived)" 16.0 "--constant 1=5"
pair derived-unset float "$(load float derived)" 1.0 ""
pair defined i8 '  %d = call i1 @air.is_function_constant_defined(i32 6)
  %v = zext i1 %d to i8' 1 "--constant 6=0"
pair not-defined i8 '  %d = call i1 @air.is_function_constant_defined(i32 6)
  %v = zext i1 %d to i8' 0 "--constant 5=0"
pair predicate i8 '  %d = call i1 @air.function_constant_predicate(ptr addrspace(2) @b.MTL_FC_INIT_3_bool)
  %v = zext i1 %d to i8' 1 "--constant 3=1"
pair predicate-unset i8 '  %d = call i1 @air.function_constant_predicate(ptr addrspace(2) @b.MTL_FC_INIT_3_bool)
  %v = zext i1 %d to i8' 0 ""

# An initialiser that cannot be called is refused by its name.
sed 's/^define internal void @init.*/declare void @init()\ndefine internal void @other() {/' "$tmp/unset.ll" >"$tmp/init.ll"
"$air" --assemble "$tmp/init.ll" -o "$tmp/lib" && "$air" "$tmp/lib" --entry given >"$tmp/log" 2>&1
grep -q 'refused (static_init): given: an initialiser' "$tmp/log" || { fail "an initialiser without a body"; cat "$tmp/log"; }

# AIR 1.11: no initialiser, no number; the library's CNST tag has it. Numbers and order differ here.
cat >"$tmp/old.ll" <<'EOF'
target triple = "air64-apple-macosx10.12.0"
@first = internal addrspace(2) global i32 undef, align 4
@second = internal addrspace(2) global i32 undef, align 4
define void @old(ptr addrspace(1) %o) {
  %a = load i32, ptr addrspace(2) @first, align 4
  %b = load i32, ptr addrspace(2) @second, align 4
  %c = sub i32 %a, %b
  store i32 %c, ptr addrspace(1) %o
  ret void
}
!air.kernel = !{!0}
!0 = !{ptr @old, !2, !3}
!2 = !{}
!3 = !{!4}
!4 = !{i32 0, !"air.buffer", !"air.location_index", i32 0, i32 1, !"air.read_write"}
!air.function_constants = !{!10, !11}
!10 = !{ptr addrspace(2) @first, !"int", !"first"}
!11 = !{ptr addrspace(2) @second, !"int", !"second"}
!air.version = !{!12}
!12 = !{i32 1, i32 11, i32 0}
EOF
"$air" --assemble "$tmp/old.ll" -o "$tmp/old.metallib" || fail "old constants: not assembled"
python3 - "$tmp/old.metallib" "$tmp/cnst.metallib" <<'EOF'
import struct, sys
lib = bytearray(open(sys.argv[1], 'rb').read())
public, size = struct.unpack_from('<QQ', lib, 0x28)
assert size == 8
record = lambda name, index: name + b'\0\x1d' + struct.pack('<HB', index, 1)
payload = struct.pack('<H', 2) + record(b'second', 0) + record(b'first', 30)
group = b'CNST' + struct.pack('<H', len(payload)) + payload + b'ENDT'
group = struct.pack('<I', len(group) + 4) + group
lib[public:public + 8] = group
more = len(group) - 8
struct.pack_into('<Q', lib, 0x30, len(group))
for at in 0x38, 0x48: # the sections behind move
    struct.pack_into('<Q', lib, at, struct.unpack_from('<Q', lib, at)[0] + more)
struct.pack_into('<Q', lib, 0x10, len(lib))
open(sys.argv[2], 'wb').write(lib)
EOF
"$air" "$tmp/cnst.metallib" --constant 30=50 --constant 0=8 --reflect "$tmp/old.json" -o "$tmp/old.spv" || fail "old constants"
python3 - "$tmp/old.json" "$tmp/old.spv" <<'EOF' || fail "numbers of old constants"
import json, struct, sys
got = [(k['index'], k['flags'], k['name']) for k in json.load(open(sys.argv[1]))['constants']]
assert got == [(30, 2, 'first'), (0, 2, 'second')], got
words = struct.unpack('<%dI' % (len(data := open(sys.argv[2], 'rb').read()) // 4), data)
assert 42 in [words[i + 3] for i in range(5, len(words) - 3) if words[i] == 4 << 16 | 43], 'no constant 42' # OpConstant
EOF
finish constants
