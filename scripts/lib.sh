# SPDX-License-Identifier: MIT
#
# What all scripts of the door share: where things are, how progress and errors are shown. Sourced by bash scripts
# (set -euo pipefail), never run. Does nothing but define functions and variables.

PVG_ROOT=${PVG_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
PVG_BUILD=${PVG_BUILD:-$PVG_ROOT/build}
case $PVG_BUILD in /*) ;; *) PVG_BUILD=$PWD/$PVG_BUILD ;; esac
PVG_JOBS=${PVG_JOBS:-$(nproc)}
PVG_PRIVATE=${PVG_PRIVATE:-0}         # 1: missing packages are unpacked below the build folder instead of installed
PVG_T0=${PVG_T0:-$(date +%s.%N)}      # when the verb began; inherited by the scripts that it calls
export PVG_ROOT PVG_BUILD PVG_JOBS PVG_PRIVATE PVG_T0
# Programs of the administrator (debootstrap) are not in the PATH that su leaves to root.
export PATH=$PATH:/usr/sbin:/sbin
# What programs say is read here (apt-cache: "Candidate:"); only the VM that a user sees speaks his language (user_locale).
PVG_LC_ALL=${PVG_LC_ALL-${LC_ALL-}}
export PVG_LC_ALL LC_ALL=C.UTF-8

# Exit status of a test or verb that this machine cannot run.
PVG_EXIT_SKIP=77

say() { printf '%s\n' "$*" >&2; }
warn() { printf 'pvg: note: %s\n' "$*" >&2; }
die() { PVG_SAID=1; printf 'pvg: %s\n' "$*" >&2; exit 1; }
for number in PVG_JOBS PVG_DEADLINE_S; do
    [[ ${!number:-1} =~ ^[1-9][0-9]*$ ]] || { printf 'pvg: %s=%s: a whole number is needed\n' "$number" "${!number}" >&2; exit 2; }
done
# misuse TEXT...: the command line of this verb is wrong.
misuse() { PVG_SAID=1; printf 'pvg: %s; ./pvg %s --help says more\n' "$*" "${0##*/verb-}" >&2; exit 2; }

# make_build_folder: it is the only place that is written to, so there is no going on without it.
make_build_folder() {
    local here there
    if ! mkdir -p "$PVG_BUILD" 2>/dev/null || [ ! -w "$PVG_BUILD" ]; then
        die "cannot write $PVG_BUILD; PVG_BUILD=FOLDER ./pvg ... builds in another folder"
    fi
    [ -z "$(ls -A "$PVG_BUILD")" ] || is_build_folder ||
        die "$PVG_BUILD is not empty and no build folder of ./pvg's: name another (PVG_BUILD=FOLDER)"
    # meson, QEMU's headers and unpacked packages name files by their whole paths.
    here=$(readlink -f "$PVG_ROOT"):$(readlink -f "$PVG_BUILD")
    there=$(cat "$PVG_BUILD/.where" 2>/dev/null) || there=$here
    [ "$there" = "$here" ] ||
        die "$PVG_BUILD was made as ${there#*:} for ${there%%:*}, and names files there: ./pvg clean --all, then again"
    disk_full && die "no space is left in $PVG_BUILD: free some, or PVG_BUILD=FOLDER ./pvg ... builds in another folder"
    [ -e "$PVG_BUILD/.where" ] || printf '%s\n' "$here" >"$PVG_BUILD/.where"
}

# is_build_folder: has ./pvg been at work here? What it makes lies between the user's files otherwise, and clean takes both.
is_build_folder() {
    local name
    for name in "$PVG_BUILD"/{.where,.lock,.accel,.qemu-headers,.configured,log,apt,guest,build.ninja,qemu-headers-*}; do
        [ ! -e "$name" ] || return 0
    done
    return 1
}

# one_at_a_time NAME DOING: waits while another ./pvg does it in this folder. The turn ends with the process, or with $turn closed.
one_at_a_time() {
    exec {turn}>"$PVG_BUILD/$1"
    flock -n "$turn" && return
    say "  another ./pvg is $2 in $PVG_BUILD: waiting for it"
    flock "$turn"
}

# check_guest_folder: Linux's makefiles, which build the guest's driver, cannot have every character in a path.
check_guest_folder() {
    case $PVG_BUILD in
    *[[:space:]]*|*[:,\#\$%\'\"\\]*)
        die "no guest can be made in $PVG_BUILD: Linux's makefiles take no spaces, colons, commas, quotes, nor # \$ % in a path; PVG_BUILD=FOLDER ./pvg ... builds in another folder" ;;
    esac
}

# disk_full: is less than a MiB left where everything is built?
disk_full() { [ "$(df --output=avail -k "$PVG_BUILD" 2>/dev/null | tail -n 1)" -lt 1024 ] 2>/dev/null; }

# user_locale: as it was before this file.
user_locale() { if [ -n "$PVG_LC_ALL" ]; then LC_ALL=$PVG_LC_ALL; else unset LC_ALL; fi; }

# has_value "$@": is there something behind the option in $1?
has_value() {
    [ $# -gt 1 ] && [ -n "$2" ] || misuse "$1 needs a value"
}

# Nothing ends without a sentence: what no message explained is said here.
PVG_SAID=
said_something() {
    local rc=$?
    case $rc in 0|2|$PVG_EXIT_SKIP) return ;; esac
    [ -n "$PVG_SAID" ] || say "pvg: ${0##*/} ended unexpectedly with status $rc; ./pvg --verbose shows more"
}
trap said_something EXIT

# Ctrl-C ends the verb, not only its step: programs that end in good order when they are interrupted (meson, ninja) make bash
# go on. The shell that called the verb sees an end by that signal, and ends its loops.
interrupted() {
    trap - INT
    PVG_SAID=1
    printf '\npvg: interrupted\n' >&2
    kill -INT $$
}
trap interrupted INT

# seconds_since T: seconds with one decimal.
seconds_since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }'; }

# step TEXT COMMAND...: runs COMMAND with its output in a log file; one line with the time it took. On failure the end of
# the log is shown and the script ends. The command runs in this shell, so it may set variables, and dies as it likes.
step() {
    local text=$1 t0 log rc
    shift
    mkdir -p "$PVG_BUILD/log"
    log=$PVG_BUILD/log/$(printf '%s' "$text" | tr -c 'A-Za-z0-9.\n' '-' | tr -s - | cut -c1-60).log
    t0=$(date +%s.%N)
    [ -t 2 ] && printf '  %-58s ...' "$text" >&2
    PVG_STEP_LOG=$log
    # Not "|| rc=$?": inside such a list bash ignores set -e, and a command whose first half failed would go on.
    set +e
    if [ -n "${PVG_VERBOSE:-}" ]; then
        ( set -e; "$@" ) >&2
    else
        ( set -e; "$@" ) >"$log" 2>&1 </dev/null
    fi
    rc=$?
    set -e
    [ -t 2 ] && printf '\r' >&2
    if [ $rc -eq 0 ]; then
        printf '  %-58s %6s s\n' "$text" "$(seconds_since "$t0")" >&2
        return 0
    fi
    printf '  %-58s FAILED after %s s\n' "$text" "$(seconds_since "$t0")" >&2
    if [ -z "${PVG_VERBOSE:-}" ]; then
        sed 's/^/    | /' <(tail -n 25 "$log") >&2
        say "pvg: the whole output is in $log"
    fi
    disk_full && say "pvg: no space is left in $PVG_BUILD: free some, or PVG_BUILD=FOLDER ./pvg ... builds in another folder"
    PVG_SAID=1
    exit $rc
}
