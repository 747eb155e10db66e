# SPDX-License-Identifier: MIT
#
# Building with meson: packages, QEMU's headers, configuration, compilation. Sourced by the verbs after lib.sh, apt.sh and
# packages.sh.

PVG_PLUGIN=$PVG_BUILD/vmm/qemu/apple-gfx.so
export PVG_PLUGIN

# build_all [TARGET...]: installs what is missing and builds. The build folder is configured again when QEMU's version or the
# set of packages changed: meson remembers what it once did not find.
build_all() {
    local headers want
    # shellcheck disable=SC2086
    apt_need $PACKAGES_BUILD $PACKAGES_TESTS ${PVG_EXTRA_PACKAGES:-} $PACKAGES_QEMU_HEADERS "$(qemu_package x86_64)"
    private_environment
    one_at_a_time .lock building
    step "preparing QEMU's headers" build_headers
    headers=$(cat "$PVG_BUILD/.qemu-headers")
    want="$headers $(dpkg-query -W -f '${Package}=${Version} ' $PACKAGES_BUILD $PACKAGES_TESTS ${PVG_EXTRA_PACKAGES:-} 2>/dev/null || true)"
    if [ ! -e "$PVG_BUILD/build.ninja" ] || [ "$(cat "$PVG_BUILD/.configured" 2>/dev/null)" != "$want" ]; then
        step "configuring" build_configure "$headers"
        printf '%s\n' "$want" >"$PVG_BUILD/.configured"
    fi
    step "compiling" ninja -C "$PVG_BUILD" -j "$PVG_JOBS" "$@"
    if [ -e "$PVG_PLUGIN" ]; then
        cat "$headers/package" >"$PVG_BUILD/.plugin-package"
    fi
    exec {turn}>&-
}

build_headers() {
    "$PVG_ROOT/scripts/qemu-headers" >"$PVG_BUILD/.qemu-headers.new"
    mv "$PVG_BUILD/.qemu-headers.new" "$PVG_BUILD/.qemu-headers"
}

build_configure() {
    if [ -e "$PVG_BUILD/build.ninja" ]; then
        meson configure --clearcache "$PVG_BUILD"
        meson setup --reconfigure "-Dqemu_headers=$1" "$PVG_BUILD" "$PVG_ROOT"
    else
        meson setup "-Dqemu_headers=$1" "$PVG_BUILD" "$PVG_ROOT"
    fi
}

# Source version of the QEMU that is used: installed, or unpacked by --private.
qemu_source_version() {
    dpkg-query -W -f '${source:Version}' "$(qemu_package x86_64)" 2>/dev/null ||
        cat "$PVG_BUILD/private/qemu-source" 2>/dev/null || true
}

# plugin_current: is there a plugin, built for that QEMU?
plugin_current() {
    [ -e "$PVG_PLUGIN" ] && [ -e "$PVG_BUILD/.plugin-package" ] &&
        [ "$(qemu_source_version)" = "$(cat "$PVG_BUILD/.plugin-package")" ]
}
