#!/bin/sh
# SPDX-License-Identifier: MIT
# Every intrinsic that is compiled is run by value by some test: asks each program for the names in its kernels (it runs
# none of them then), adds those of the .ll texts whose functions are drawn, and has them compared with intr_names.c.
# usage: families.sh FAMILIES FILE.ll|PROGRAM...
set -u
families=$1
shift
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export PVG_TEST_NAMES="$dir/names"
: >"$PVG_TEST_NAMES"
for f; do
    case $f in
    *.ll)
        sed -n 's/^declare [^@]*\(@[a-z0-9_.]*\).*/\1/p' "$f" >>"$PVG_TEST_NAMES"
        ;;
    *)
        "$f" >/dev/null
        [ $? -ne 77 ] || { echo "SKIP: no Vulkan device"; exit 77; }
        ;;
    esac
done
"$families" <"$PVG_TEST_NAMES"
