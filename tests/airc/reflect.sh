#!/bin/sh
# SPDX-License-Identifier: MIT
# Reflection of one function of each stage: as JSON it is what is kept in the folder reflect, and what the binary form that
# pvg-air writes beside it reads as. usage: reflect.sh PVG-AIR TEST-REFLECT FOLDER [--keep: write the kept files anew]
# shellcheck source=tests/airc/head.sh
. "$(dirname "$0")/head.sh"
air=$1 reader=$2 kept=$3 keep=${4:-}
"$air" --assemble "$kept/all.ll" -o "$tmp/all.metallib" || exit 1
for f in k_all v_all f_all t_all; do
    "$air" "$tmp/all.metallib" --entry $f --constant 3=0.5 --simd-width 32 --reflect "$tmp/$f.json" --record "$tmp/$f.rec" ||
        { fail "$f does not compile"; continue; }
    if [ "$keep" = --keep ]; then
        cp "$tmp/$f.json" "$tmp/$f.rec" "$kept/"
        continue
    fi
    diff "$kept/$f.json" "$tmp/$f.json" || fail "$f: other facts than are kept"
    "$reader" --json "$tmp/$f.rec" | diff "$tmp/$f.json" - || fail "$f: the binary form reads otherwise"
    python3 -c "import json, sys; assert json.load(open(sys.argv[1]))['version'] == 2" "$tmp/$f.json" || fail "$f: no JSON"
done
finish reflect
