# SPDX-License-Identifier: MIT
#
# Which kernel the guest gets. Sourced after apt.sh.

# choose_kernel ARCH [SERIES]: the kernel whose image and headers the archive both has: the release's default (or the newest
# of SERIES), else the newest older one of its series. A half-updated mirror, or an update whose headers are late, must not
# stop the build.
choose_kernel() {
    local arch=$1 series=${2:-} default prefix v seen=
    if [ -n "$series" ]; then
        default='' prefix=$series.
    else
        default=$(apt_p apt-cache depends "linux-image-$arch" 2>/dev/null |
                  awk '/Depends: linux-image-[0-9]/ { sub("linux-image-", "", $2); print $2; exit }')
        prefix=$(printf '%s' "$default" | sed 's/^\([0-9]*\.[0-9]*\.\).*/\1/')
    fi
    for v in $default $(apt_p apt-cache pkgnames linux-image- |
                        sed -n "s/^linux-image-\([0-9][0-9.+~a-z-]*-$arch\)\$/\1/p" | grep -vE -- '-(cloud|rt)-' | sort -rV); do
        case $v in "$prefix"*) ;; *) continue ;; esac
        # Newer than the default is not what a machine of this release runs.
        if [ -n "$default" ] && [ "$v" != "$default" ] &&
           [ "$(printf '%s\n%s\n' "$v" "$default" | sort -V | tail -n 1)" = "$v" ]; then
            continue
        fi
        [ "$v" != "$seen" ] || continue
        if apt_versions "linux-image-$v" "linux-headers-$v" >/dev/null; then
            printf '%s\n' "$v"
            return 0
        fi
        seen=$v
        echo "kernel $v has no headers in the archive, looking at an older one" >&2
    done
    die "the archive has no kernel ${series:+of series $series }with both image and headers packages"
}
