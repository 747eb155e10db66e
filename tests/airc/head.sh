# SPDX-License-Identifier: MIT
# Sourced by the tests of pvg-air in this folder: a folder of their own, what failed, and the end.
# shellcheck shell=sh
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
fail() {
    echo "FAILED: $*"
    bad=1
}
finish() { # name
    [ $bad -eq 0 ] && echo "$1: all right"
    exit $bad
}
