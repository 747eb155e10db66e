# SPDX-License-Identifier: MIT
#
# Debian packages for the door: install what a verb needs, fetch packages and sources without root, on machines whose apt
# configuration is none of our business. Sourced after lib.sh.
#
# apt_need PACKAGE...          makes the packages available (root: installs; --private: unpacks; else says what to type)
# apt_private [SUITE [ARCH]]   a private apt configuration below the build folder, made of the machine's own entries; sets
#                              APT_CONF; every entry also has its source packages
# apt_p COMMAND ARGS...        runs apt-get, apt-cache or apt-config with that configuration
# apt_closure PACKAGE...       names of the packages and of everything they depend on, of APT_CONF's suite, one per line
# apt_fetch DIR PACKAGE...     downloads .deb files of APT_CONF's suite into DIR, those already there excepted

# Indices older than this are refreshed before something is fetched with them.
APT_INDEX_MAX_AGE_MIN=720

host_arch() { dpkg --print-architecture; }

# Codename of this machine's Debian: bookworm, trixie...
host_suite() {
    local VERSION_CODENAME='' ID=''
    . /etc/os-release
    [ -n "$VERSION_CODENAME" ] || VERSION_CODENAME=$(sed -n 's/^\([a-z]*\)\/sid$/\1/p' /etc/debian_version)
    [ -n "$VERSION_CODENAME" ] || die "this is not Debian (/etc/os-release names no codename): Debian 12 or 13 is needed"
    printf '%s\n' "$VERSION_CODENAME"
}

# Where apt keeps its lists, with a slash at the end.
apt_etc() {
    local dir=/etc/apt/
    eval "$(apt-config shell dir Dir::Etc/d)"
    printf '%s\n' "${dir%/}/"
}

# The machine's own Debian entries, one "URI SUITE COMPONENT OPTIONS" a line, third parties left out: an entry counts as
# Debian's when it has component main and a suite named after this release. apt itself reads both formats of its source
# lists; a list that apt cannot parse is left out by asking for each file alone. (Without --no-release-info apt prints nothing
# on a machine whose indices were never fetched.)
apt_own_entries() {
    local suite=$1 format='$(SOURCESENTRY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)' etc f list
    etc=$(apt_etc)
    list=$(apt-get indextargets --no-release-info --format "$format" 2>/dev/null) || {
        list=
        for f in "$etc"sources.list "$etc"sources.list.d/*.list "$etc"sources.list.d/*.sources; do
            [ -r "$f" ] || continue
            list+=$'\n'$(apt-get -o Dir::Etc::sourcelist="$f" -o Dir::Etc::sourceparts=/dev/null indextargets \
                         --no-release-info --format "$format" 2>/dev/null) || true
        done
    }
    printf '%s\n' "$list" | sort -u | while IFS='|' read -r entry uri release component created; do
        [ "$created" = Packages ] && [ "$component" = main ] || continue
        case $release in
        "$suite"|"$suite"-updates|"$suite"-security|"$suite"/updates|stable*|oldstable*|testing|sid|unstable) ;;
        *) continue ;;
        esac
        options=
        if grep -qiE 'trusted *[=:] *yes' "${entry%%:*}" 2>/dev/null; then options='[trusted=yes]'; fi
        printf '%s %s %s %s\n' "$uri" "$release" "$component" "$options"
    done
}

# apt_private [SUITE [ARCH]]: prepares the private configuration and refreshes its indices when they are old. SUITE other
# than the machine's: the machine's mirrors with the suite replaced. ARCH other than the machine's: that one only.
apt_private() {
    local own suite arch dir uri release component options etc f new=$BASHPID
    etc=$(apt_etc)
    own=$(host_suite)
    suite=${1:-$own}
    arch=${2:-$(host_arch)}
    dir=$PVG_BUILD/apt/$suite
    [ "$arch" = "$(host_arch)" ] || dir+=-$arch
    APT_CONF=$dir/apt.conf
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/trusted"

    apt_own_entries "$own" | while read -r uri release component options; do
        case $release in
        "$own"*) release=$suite${release#"$own"} ;;
        *) [ "$suite" = "$own" ] || continue ;;
        esac
        printf 'deb %s %s %s %s\ndeb-src %s %s %s %s\n' "$options" "$uri" "$release" "$component" \
               "$options" "$uri" "$release" "$component"
    done | tr -s ' ' >"$dir/sources.list.$new"
    if [ ! -s "$dir/sources.list.$new" ]; then
        rm -f "$dir/sources.list.$new"
        die "no Debian mirror found in /etc/apt: an entry for suite $own, component main, is needed"
    fi

    # Keys: what apt trusts in general, Debian's archive keyring, and what the machine's own entries name.
    for f in "$etc"trusted.gpg.d/* /usr/share/keyrings/debian-archive-keyring.* \
             $(sed -n 's/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' "$etc"sources.list \
               "$etc"sources.list.d/*.list "$etc"sources.list.d/*.sources 2>/dev/null); do
        case $f in
        *.gpg|*.asc) [ -r "$f" ] && ln -sf "$f" "$dir/trusted/" ;;
        *.pgp) [ -r "$f" ] && ln -sf "$f" "$dir/trusted/$(basename "$f" .pgp).gpg" ;;
        esac
    done

    # Files get their names when they are whole: others may read them now.
    cat >"$APT_CONF.$new" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "$dir/trusted";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
Dir::Cache::archives "$dir/cache/archives";
APT::Sandbox::User "root";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    if [ "$arch" != "$(host_arch)" ]; then
        printf 'APT::Architecture "%s";\n#clear APT::Architectures;\nAPT::Architectures { "%s"; };\n' "$arch" "$arch" >>"$APT_CONF.$new"
    fi
    # Another release or architecture than the machine's must not see what is installed here.
    if [ "$suite" != "$own" ] || [ "$arch" != "$(host_arch)" ]; then
        : >"$dir/status"
        printf 'Dir::State::status "%s";\n' "$dir/status" >>"$APT_CONF.$new"
    fi
    mv "$APT_CONF.$new" "$APT_CONF"
    if ! cmp -s "$dir/sources.list.$new" "$dir/sources.list" || [ ! -e "$dir/updated" ] ||
       [ -n "$(find "$dir/updated" -mmin +$APT_INDEX_MAX_AGE_MIN)" ]; then
        mv "$dir/sources.list.$new" "$dir/sources.list"
        apt_refresh
    else
        rm -f "$dir/sources.list.$new"
    fi
}

# Refreshes the private indices. One broken mirror is no failure as long as the others answer.
apt_refresh() {
    local dir
    dir=$(dirname "$APT_CONF")
    flock "$dir/.lock" apt-get -c "$APT_CONF" -qq update || warn "apt-get update had errors; going on with what it did fetch"
    if ! ls "$dir"/lists/*Packages* >/dev/null 2>&1; then
        sed 's/^/    | /' "$dir/sources.list" >&2
        die "no package index could be fetched from the entries above: check the network and the proxy settings of apt"
    fi
    touch "$dir/updated"
}

apt_p() {
    local tool=$1
    shift
    "$tool" -c "$APT_CONF" "$@"
}

# apt_missing PACKAGE...: those neither installed nor unpacked by --private, one per line.
apt_missing() {
    local p
    for p in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true) in
        installed*) continue ;;
        esac
        if [ "$PVG_PRIVATE" = 1 ] && grep -qx "$p" "$PVG_BUILD/private/packages" 2>/dev/null; then
            continue
        fi
        printf '%s\n' "$p"
    done
}

on_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# ask_root SENTENCE PACKAGE...: ends the verb with what root has to type.
ask_root() {
    local sudo
    sudo=$(command -v sudo >/dev/null && echo 'sudo ') || true
    say "pvg: $1$([ -n "$sudo" ] || echo ' as root')"
    say ""
    say "    ${sudo}apt-get install --no-install-recommends ${*:2}"
    say ""
    say "(after ${sudo}apt-get update, where it finds no such package)."
    exit $PVG_EXIT_SKIP
}

apt_need() {
    local missing
    on_debian || die "this is not Debian, it has no apt-get: ./pvg needs Debian 12 or 13; docs/embedding.md says how to build the library elsewhere"
    mapfile -t missing < <(apt_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$PVG_PRIVATE" = 1 ]; then
        case " ${missing[*]} " in
        *" gcc "*|*" libc6-dev "*) ask_root "--private unpacks all but a compiler, which only root can install. Run" gcc libc6-dev ;;
        esac
        step "unpacking ${#missing[@]} packages below $(basename "$PVG_BUILD")/private" apt_unpack_private "${missing[@]}"
    elif [ "$(id -u)" -eq 0 ]; then
        step "installing ${#missing[@]} packages" apt_install "${missing[@]}"
    else
        ask_root "packages are missing, and only root can install them. Call ./pvg with --private, which unpacks them in $PVG_BUILD, or run" \
            "${missing[@]}"
    fi
}

# Installs as root. The indices of a machine may be stale, absent, or partly broken by third parties' entries: refresh them
# once and try again, then once more with the private configuration, which knows Debian's own entries only.
apt_install() {
    local get=(apt-get -o DPkg::Lock::Timeout=600 -y --no-install-recommends)
    export DEBIAN_FRONTEND=noninteractive
    echo "missing: $*"
    if "${get[@]}" install "$@"; then
        return 0
    fi
    "${get[@]}" update || echo "apt-get update had errors; going on"
    if "${get[@]}" install "$@"; then
        return 0
    fi
    apt_private
    apt_refresh
    "${get[@]}" -c "$APT_CONF" install "$@" ||
        die "apt-get could not install: $*  (the end of its output is above; try it by hand and call ./pvg again)"
}

# apt_closure PACKAGE...: as apt would install them on an empty machine.
apt_closure() {
    local dir out
    dir=$(dirname "$APT_CONF")
    : >"$dir/empty"
    out=$(apt_p apt-get -s -o Dir::State::status="$dir/empty" install --no-install-recommends "$@") || {
        printf '%s\n' "$out" | tail -n 5 >&2
        die "apt cannot resolve: $*"
    }
    printf '%s\n' "$out" | awk '$1 == "Inst" { print $2 }'
}

# apt_versions PACKAGE...: "name version" of each candidate, one per line; fails when one has none.
apt_versions() {
    apt_p apt-cache policy "$@" | awk '
        /^[^ ].*:$/ { name = $1; sub(/:[a-z0-9]*:$|:$/, "", name) }
        $1 == "Candidate:" { print name, $2; if ($2 == "(none)") bad = 1; n++ }
        END { exit bad || !n }'
}

# apt_download DIR PACKAGE...: into DIR. apt gives a file its name when it begins, so that one which is cut short by Ctrl-C
# or a full disk looks as if it were there: files are moved to DIR when all have come.
apt_download() {
    local dir=$1 part=$1/.part
    shift
    rm -rf "$part"
    mkdir "$part"
    ( cd "$part" && apt_p apt-get -qq download "$@" ) || { rm -rf "$part"; return 1; }
    mv "$part"/*.deb "$dir/"
    rmdir "$part"
}

# apt_fetch DIR PACKAGE...: leaves DIR/NAME_VERSION_ARCH.deb; files of other versions of the same packages are removed. One
# at a time in each DIR.
apt_fetch() {
    mkdir -p "$1"
    ( flock 7; apt_fetch_locked "$@" ) 7>"$1/.lock" || { PVG_SAID=1; return 1; }
}

apt_fetch_locked() {
    local dir=$1 name version file want=()
    shift
    while read -r name version; do
        file=$(ls "$dir/${name}_${version//:/%3a}"_*.deb 2>/dev/null) && [ -n "$file" ] && continue
        rm -f "$dir/${name}_"*.deb
        want+=("$name")
    done < <(apt_versions "$@")
    [ ${#want[@]} -gt 0 ] || return 0
    apt_download "$dir" "${want[@]}" && return 0
    apt_refresh
    apt_download "$dir" "${want[@]}" || die "could not download: ${want[*]}"
}

# Unpacks packages and what they need that the machine lacks below build/private/root, and makes what is inside usable from
# there: paths in .pc files, links to libraries that only the machine itself has.
apt_unpack_private() {
    local private=$PVG_BUILD/private root names deb link target
    root=$private/root
    mkdir -p "$root" "$private/debs"
    apt_private
    mapfile -t names < <(apt_p apt-get -s install --no-install-recommends "$@" | awk '$1 == "Inst" { print $2 }')
    [ ${#names[@]} -gt 0 ] || die "apt cannot resolve: $*"
    apt_fetch "$private/debs" "${names[@]}"
    for deb in "${names[@]}"; do
        dpkg -x "$private/debs/${deb}"_*.deb "$root"
        case $deb in
        qemu-system-*)
            # "Source: qemu (VERSION)", where the binary's version differs from the source's
            dpkg-deb -f "$private/debs/${deb}"_*.deb Source Version |
                awk '/^Version:/ { v = $2 } /^Source:/ && NF > 2 { gsub(/[()]/, "", $3); s = $3 } END { print s ? s : v }' \
                >"$private/qemu-source" ;;
        esac
    done
    find "$root" -name '*.pc' -exec sed -i "s#=/usr#=$root/usr#" {} +
    # Scripts find their interpreter by PATH: it may be below here as well.
    find "$root" -path '*bin/*' -type f -size -256k -exec sed -i '1s,^#! */usr/bin/\(python3\|perl\)\b,#!/usr/bin/env \1,' {} +
    find "$root" -xtype l | while read -r link; do
        target=$(readlink "$link")
        case $target in
        /*) if [ -e "$root$target" ]; then ln -sfn "$root$target" "$link"; fi ;;
        *) target=${link#"$root"}
           target=$(dirname "$target")/$(readlink "$link")
           if [ -e "$target" ]; then ln -sfn "$target" "$link"; fi ;;
        esac
    done
    printf '%s\n' "${names[@]}" "$@" >>"$private/packages"
}

# private_environment: makes what --private unpacked found by compilers, linkers, Python and QEMU.
private_environment() {
    local root=$PVG_BUILD/private/root triplet
    [ "$PVG_PRIVATE" = 1 ] || return 0
    triplet=$(gcc -print-multiarch 2>/dev/null || true)
    triplet=${triplet:-$(uname -m)-linux-gnu}
    export PATH="$root/usr/bin:$root/usr/sbin:$root/bin:$root/sbin:$PATH:/usr/sbin:/sbin"
    export LD_LIBRARY_PATH="$root/usr/lib/$triplet:$root/lib/$triplet:$root/usr/lib/$triplet/pulseaudio${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export LIBRARY_PATH="$root/usr/lib/$triplet${LIBRARY_PATH:+:$LIBRARY_PATH}"
    export CPATH="$root/usr/include:$root/usr/include/$triplet${CPATH:+:$CPATH}"
    export PKG_CONFIG_PATH="$root/usr/lib/$triplet/pkgconfig:$root/usr/share/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
    export PYTHONPATH="$root/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}"
    local d perl=$root/usr/share/perl5
    for d in "$root"/usr/share/perl/5.* "$root/usr/lib/$triplet"/perl/5.* "$root/usr/lib/$triplet"/perl5/5.*; do
        if [ -d "$d" ]; then perl+=:$d; fi
    done
    export PERL5LIB="$perl${PERL5LIB:+:$PERL5LIB}"
    export QEMU_MODULE_DIR="$root/usr/lib/$triplet/qemu"
    export PVG_QEMU_DATA="$root/usr/share/qemu:$root/usr/share/seabios:$root/usr/lib/ipxe/qemu"
}
