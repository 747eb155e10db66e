# SPDX-License-Identifier: MIT
#
# What the door's tests share: a build folder of their own, fake programs before the real ones, assertions. Sourced.
set -euo pipefail

PVG_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$WORK/bin" "$WORK/build"
export PVG_ROOT PVG_BUILD=$WORK/build
unset PVG_RESULTS PVG_LC_ALL PVG_PRIVATE PVG_VERBOSE PVG_QEMU_DATA # of the ./pvg test that may be running this

fail() { printf 'FAILED: %s\n' "$*"; exit 1; }

# fake NAME: a program before all others in PATH, its text on stdin.
fake() {
    { echo '#!/bin/bash'; cat; } >"$WORK/bin/$1"
    chmod +x "$WORK/bin/$1"
}

# expect STATUS PATTERN COMMAND...: the command ends with this status and says something that matches.
expect() {
    local status=$1 pattern=$2 rc=0 out
    shift 2
    out=$("$@" 2>&1 </dev/null) || rc=$?
    [ "$rc" = "$status" ] || fail "status $rc instead of $status: $*: $out"
    grep -qE -- "$pattern" <<<"$out" || fail "no /$pattern/ in what \"$*\" said: $out"
}

# fake_build: every package is there, QEMU's headers are made, meson and ninja say that they ran.
fake_build() {
    fake dpkg-query <<'FAKE'
echo installed
FAKE
    fake meson <<'FAKE'
case $1 in setup) touch "$PVG_BUILD/build.ninja" ;; esac
FAKE
    fake ninja <<'FAKE'
exit 0
FAKE
    mkdir -p "$PVG_BUILD/qemu-headers-0"
    echo installed >"$PVG_BUILD/qemu-headers-0/package"
    export PATH=$WORK/bin:$PATH
}

# interrupt FILE COMMAND...: Ctrl-C when FILE is there; what was said goes to $WORK/out. The command must end by it, with
# everything that it started.
interrupt() {
    "$PVG_ROOT/tests/door/interrupt.py" "$@" >"$WORK/out" 2>&1
    grep -qE '^status (-2|130), left 0$' "$WORK/out" || fail "$2 $3, interrupted: $(cat "$WORK/out")"
}
