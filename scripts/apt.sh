# SPDX-License-Identifier: MIT
#
# Debian packages for the door: install what a verb needs, fetch packages and sources without root, on machines whose apt
# configuration is none of our business. Sourced after lib.sh.
#
# apt_need PACKAGE...          makes the packages available (root: installs; --private: unpacks; else says what to type)
# apt_private [SUITE]          a private apt configuration below the build folder, made of the machine's own entries; sets
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

# The machine's own Debian entries, one "URI SUITE COMPONENT OPTIONS" a line, third parties left out: an entry counts as
# Debian's when it has component main and a suite named after this release. apt itself reads both formats of its source
# lists; a list that apt cannot parse is left out by asking for each file alone.
apt_own_entries() {
    local suite=$1 format='$(SOURCESENTRY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)' f list
    list=$(apt-get indextargets --format "$format" 2>/dev/null) || {
        list=
        for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ -r "$f" ] || continue
            list+=$'\n'$(apt-get -o Dir::Etc::sourcelist="$f" -o Dir::Etc::sourceparts=/dev/null indextargets \
                         --format "$format" 2>/dev/null) || true
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

# apt_private [SUITE]: prepares the private configuration and refreshes its indices when they are old. SUITE other than the
# machine's: the machine's mirrors with the suite replaced.
apt_private() {
    local own suite dir uri release component options keys f
    own=$(host_suite)
    suite=${1:-$own}
    dir=$PVG_BUILD/apt/$suite
    APT_CONF=$dir/apt.conf
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/trusted"

    apt_own_entries "$own" | while read -r uri release component options; do
        case $release in
        "$own"*) release=$suite${release#"$own"} ;;
        *) [ "$suite" = "$own" ] || continue ;;
        esac
        printf 'deb %s %s %s %s\ndeb-src %s %s %s %s\n' "$options" "$uri" "$release" "$component" \
               "$options" "$uri" "$release" "$component"
    done | tr -s ' ' >"$dir/sources.list.new"
    [ -s "$dir/sources.list.new" ] ||
        die "no Debian mirror found in /etc/apt: an entry for suite $own, component main, is needed"

    # Keys: what apt trusts in general, Debian's archive keyring, and what the machine's own entries name.
    for f in /etc/apt/trusted.gpg.d/* /usr/share/keyrings/debian-archive-keyring.* \
             $(sed -n 's/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' /etc/apt/sources.list \
               /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null); do
        case $f in
        *.gpg|*.asc) [ -r "$f" ] && ln -sf "$f" "$dir/trusted/" ;;
        *.pgp) [ -r "$f" ] && ln -sf "$f" "$dir/trusted/$(basename "$f" .pgp).gpg" ;;
        esac
    done

    cat >"$APT_CONF" <<CONF
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
    # Another release than the machine's must not see what is installed here.
    if [ "$suite" != "$own" ]; then
        : >"$dir/status"
        printf 'Dir::State::status "%s";\n' "$dir/status" >>"$APT_CONF"
    fi
    if ! cmp -s "$dir/sources.list.new" "$dir/sources.list" || [ ! -e "$dir/updated" ] ||
       [ -n "$(find "$dir/updated" -mmin +$APT_INDEX_MAX_AGE_MIN)" ]; then
        mv "$dir/sources.list.new" "$dir/sources.list"
        apt_refresh
    else
        rm -f "$dir/sources.list.new"
    fi
}

# Refreshes the private indices. One broken mirror is no failure as long as the others answer.
apt_refresh() {
    local dir
    dir=$(dirname "$APT_CONF")
    apt_p apt-get -qq update || warn "apt-get update had errors; going on with what it did fetch"
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
