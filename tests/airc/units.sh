#!/bin/sh
# SPDX-License-Identifier: MIT
# pvg-airc as a service: by systemd's own activation, as a user's unit and as the machine's under a real service manager, and
# for a client that may not start programs, as QEMU under libvirt. Needs no booted systemd: a user's manager, run by root in
# a mount namespace, can do all that the machine's unit asks for but to make up a user (DynamicUser).
# usage: units.sh PVG-AIRC AIRC-ASK SOURCE-ROOT
set -u
airc=$1 ask=$2 src=$3
ll=$src/tests/airc/ll/kernel.ll
tmp=$(mktemp -d) || exit 1
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null; done; rm -rf "$tmp"' EXIT
unset PVG_AIRC PVG_AIRC_SOCKET XDG_RUNTIME_DIR
# LeakSanitizer works from a process of its own, which the sandbox does not let a client have.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
bad=0
fail() {
    echo "FAILED: $*"
    [ -f "$tmp/log" ] && head -n 20 "$tmp/log"
    bad=1
}
asks() { # text wanted, arguments of airc-ask...
    want=$1
    shift
    "$ask" "$@" "$ll" sums >"$tmp/log" 2>&1 && grep -q "$want" "$tmp/log" && return 0
    fail "airc-ask $*: '$want' wanted"
    return 1
}
refused() { # text wanted, arguments: the client must live and say so
    want=$1
    shift
    "$ask" "$@" "$ll" sums >"$tmp/log" 2>&1
    status=$?
    [ $status -eq 1 ] && grep -q "$want" "$tmp/log" || fail "airc-ask $*: status $status, '$want' wanted"
}
wait_for() { # file to come
    n=0
    while [ ! -S "$1" ]; do
        n=$((n + 1))
        [ $n -lt 600 ] || { fail "no $1"; return 1; }
        sleep 0.1
    done
}

# A client that may not start programs is not killed for want of a service, and served by one that runs.
refused 'not started, because a system call filter' --sandbox
refused 'not started' --sandbox --socket "$tmp/none"
if PVG_AIRC=$airc "$ask" --sandbox "$ll" sums >"$tmp/log" 2>&1; then
    fail "the filter of airc-ask lets it start programs"
fi
"$airc" --listen="$tmp/own.sock" &
own=$!
pids="$pids $own"
wait_for "$tmp/own.sock" && asks 'of somebody else' --sandbox --socket "$tmp/own.sock"
XDG_RUNTIME_DIR=$tmp/runtime
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"
ln "$tmp/own.sock" "$XDG_RUNTIME_DIR/pvg-airc.sock"
asks 'of somebody else' --sandbox
unset XDG_RUNTIME_DIR
kill $own

if command -v systemd-socket-activate >/dev/null; then
    systemd-socket-activate --seqpacket --listen="$tmp/act.sock" "$airc" --idle-exit=1 2>"$tmp/act.log" &
    act=$!
    pids="$pids $act"
    if wait_for "$tmp/act.sock"; then
        # without a client it would wait for one for ever
        if asks 'of somebody else' --sandbox --socket "$tmp/act.sock"; then
            wait $act || fail "systemd-socket-activate ended with $?"
        fi
    fi
else
    echo "SKIP: systemd-socket-activate is missing"
fi

# The machine's units: read by systemd without complaint, and as locked up as they were made. Nothing is started here.
if command -v systemd-analyze >/dev/null; then
    mkdir -p "$tmp/system"
    sed -e "s#@bindir@/pvg-airc#$airc#" -e '/^Documentation=/d' "$src/tools/systemd/pvg-airc.service.in" >"$tmp/system/pvg-airc.service"
    sed '/^Documentation=/d' "$src/tools/systemd/pvg-airc.socket" >"$tmp/system/pvg-airc.socket" # manuals may not be installed
    mkdir -p "$tmp/system/pvg-airc.socket.d"
    cp "$src/tools/systemd/pvg-airc-system.conf" "$tmp/system/pvg-airc.socket.d/"
    SYSTEMD_UNIT_PATH="$tmp/system:" systemd-analyze verify "$tmp/system/pvg-airc.service" "$tmp/system/pvg-airc.socket" \
        >"$tmp/log" 2>&1 && ! grep -q 'pvg-airc' "$tmp/log" || fail "the system units do not verify"
    # systemd's own measure of what a unit leaves open, 0 to 10: 1.5 in systemd 252
    if systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
        systemd-analyze security --no-pager --offline=yes --threshold=20 "$tmp/system/pvg-airc.service" >"$tmp/log" 2>&1 ||
            fail "the system unit leaves more open than it did"
    fi
else
    echo "SKIP: systemd-analyze is missing"
fi

# The user's units as they are installed, but for the program's place and an end after a second.
manager=/lib/systemd/systemd
if [ ! -x $manager ] || [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
    echo "SKIP: no service manager in a namespace of our own (systemd, root and unshare are needed)"
    exit $bad
fi
mkdir -p "$tmp/config/systemd/user"
cp "$src/tools/systemd/pvg-airc.socket" "$tmp/config/systemd/user/"
sed -e "s#@bindir@/pvg-airc#$airc#" -e 's/--idle-exit=[0-9]*/--idle-exit=1/' "$src/tools/systemd/pvg-airc-user.service.in" \
    >"$tmp/config/systemd/user/pvg-airc.service"
sed -e 's#@bindir@#/run#' -e 's/--idle-exit=[0-9]*/--idle-exit=2/' -e 's/^DynamicUser=yes/User=daemon/' \
    -e 's/pvg-airc.socket/machine.socket/' "$src/tools/systemd/pvg-airc.service.in" >"$tmp/machine.service"
sed 's#%t/#/run/#' "$src/tools/systemd/pvg-airc.socket" >"$tmp/machine.socket"
if getent group kvm >/dev/null; then
    mkdir "$tmp/machine.socket.d"
    cp "$src/tools/systemd/pvg-airc-system.conf" "$tmp/machine.socket.d/"
fi
cp "$airc" "$ask" "$ll" "$tmp/"
cat >"$tmp/inside" <<'EOF'
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && mkdir -p -m 700 /run/user/0 || exit 77
export XDG_RUNTIME_DIR=/run/user/0 XDG_CONFIG_HOME=$1/config
$2 --user --unit=basic.target >"$1/manager.log" 2>&1 &
manager=$!
n=0
until systemctl --user is-active basic.target >/dev/null 2>&1; do
    n=$((n + 1))
    if [ $n -ge 300 ] || ! kill -0 $manager 2>/dev/null; then kill $manager 2>/dev/null; exit 77; fi
    sleep 0.1
done
status=0
say() { echo "FAILED: $*"; status=1; }
systemctl --user start pvg-airc.socket || say "the socket unit does not start"
[ "$(stat -c %a /run/user/0/pvg-airc.sock)" = 600 ] || say "the socket is not for its user alone"
for round in 1 2; do # it ends when idle and is started again
    "$3" --sandbox "$4" sums || say "round $round"
    n=0
    while :; do
        state=$(systemctl --user show -p ActiveState --value pvg-airc.service)
        case $state in inactive | failed) break ;; esac
        n=$((n + 1))
        if [ $n -ge 600 ]; then say "the service does not end when idle"; break; fi
        sleep 0.1
    done
    [ "$state" = inactive ] || { say "the service is $state"; tail -n 20 "$1/manager.log"; }
done
systemctl --user stop pvg-airc.socket

# The machine's service sees neither /tmp nor homes, and finds in /run what the machine's manager leaves there.
units=$XDG_RUNTIME_DIR/systemd/user
mkdir -p "$units" /run/systemd/inaccessible/dir
: >/run/systemd/inaccessible/reg
cp -r "$1"/machine.* "$units/"
cp "$1/pvg-airc" "$1/airc-ask" "$1/kernel.ll" /run/
mount -t tmpfs -o mode=1777 tmpfs /tmp && mount -t tmpfs -o mode=1777 tmpfs /var/tmp || say "no folder for temporary files"
systemctl --user daemon-reload
systemctl --user start machine.socket || say "the machine's socket unit does not start"
if [ -d "$units/machine.socket.d" ]; then
    [ "$(stat -c '%a %U %G' /run/pvg-airc.sock)" = '660 root kvm' ] || say "the machine's socket is not for root and group kvm"
fi
if env -u XDG_RUNTIME_DIR /run/airc-ask --sandbox /run/kernel.ll sums >/run/log 2>&1; then
    pid=$(systemctl --user show -p MainPID --value machine.service)
    for line in "Uid:.$(id -u daemon)\>" 'CapBnd:.0*$' 'CapEff:.0*$' 'NoNewPrivs:.1' 'Seccomp:.2'; do
        grep -q "^$line" "/proc/$pid/status" || say "the machine's service: no $line: $(cat "/proc/$pid/status")"
    done
    [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] || say "the machine's service has a network"
    # systemd's filter leaves pvg-airc the walls that it makes by itself
    if setpriv --reuid daemon --regid daemon --clear-groups unshare -Umn true 2>/dev/null; then
        grep -q 'jail 0xf' /run/log || say "the machine's service: $(cat /run/log)"
    fi
elif [ "$(systemctl --user show -p ExecMainStatus --value machine.service)" = 226 ]; then
    echo "SKIP: the kernel does not let a service manager make namespaces here: the machine's unit"
else
    say "the machine's service: $(cat /run/log; systemctl --user status machine.service)"
fi
systemctl --user stop machine.socket machine.service
kill $manager
exit $status
EOF
# One manager at a time: another copy's would see to the same control groups, and end what is in them.
flock /tmp/pvg-airc-units.lock unshare -m sh "$tmp/inside" "$tmp" $manager "$ask" "$ll" >"$tmp/log" 2>&1
case $? in
0) grep -q 'of somebody else' "$tmp/log" || fail "units"
   grep '^SKIP' "$tmp/log" ;;
77) echo "SKIP: a user's service manager does not run here" ;;
*) fail "units under a service manager" ;;
esac
[ $bad -eq 0 ] && echo "units: all right"
exit $bad
