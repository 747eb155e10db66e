#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds and runs the driver's user-space test; every EDID it can make must pass edid-decode -c.
# Usage: run.sh [BUILD-FOLDER]. Exit status 0 passed, 1 failed, 77 skipped: edid-decode is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$(mktemp -d)}
mkdir -p "$out"
"${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -o "$out/test_edid" "$here/test_edid.c" -lm
"$out/test_edid"
if ! command -v edid-decode >/dev/null; then
    echo "skipped: edid-decode is not installed" >&2
    exit 77
fi
failed=0
"$out/test_edid" --list >"$out/cases"
while read -r name; do
    "$out/test_edid" "$name" >"$out/edid.bin"
    if ! edid-decode -c "$out/edid.bin" >"$out/edid.txt" 2>&1; then
        echo "edid-decode -c refuses case '$name':" >&2
        sed -n '/^Warnings/,$p;/^Failures/,$p' "$out/edid.txt" >&2
        failed=1
    fi
done <"$out/cases"
exit $failed
