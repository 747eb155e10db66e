# SPDX-License-Identifier: MIT
#
# Which Debian packages each part needs; the names are the same in Debian 12 and 13. Sourced after lib.sh.

PACKAGES_COMPILER="gcc libc6-dev"
PACKAGES_BUILD="$PACKAGES_COMPILER meson ninja-build pkg-config python3 libglib2.0-dev libpixman-1-dev libepoxy-dev"
PACKAGES_QEMU_HEADERS="dpkg-dev patch xz-utils"
PACKAGES_GUEST="make kmod cpio libelf-dev libdrm-dev libwayland-dev wayland-protocols"
PACKAGES_GUEST_AARCH64="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
PACKAGES_TESTS_AARCH64="qemu-user qemu-efi-aarch64"
PACKAGES_TESTS="libcmocka-dev libseccomp-dev edid-decode"

# QEMU's package of an emulated architecture.
qemu_package() {
    case $1 in
    x86_64) echo qemu-system-x86 ;;
    aarch64) echo qemu-system-arm ;;
    *) die "unknown architecture $1: x86_64 and aarch64 are known" ;;
    esac
}

# Debian's name of an emulated architecture.
debian_arch() {
    case $1 in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) die "unknown architecture $1: x86_64 and aarch64 are known" ;;
    esac
}

# What making the guest image of an architecture needs; a cross compiler where it is not the machine's.
guest_packages() {
    echo "$PACKAGES_GUEST"
    if [ "$1" = aarch64 ] && [ "$(host_arch)" != arm64 ]; then echo "$PACKAGES_GUEST_AARCH64"; fi
}

# The shader compiler and what its tests run on: LLVM 19 is in both releases, SPIRV-Tools is C++ (hence g++), lavapipe is
# Mesa's software Vulkan.
PACKAGES_AIR="g++ llvm-19-dev spirv-tools spirv-headers glslang-tools libvulkan-dev mesa-vulkan-drivers"
