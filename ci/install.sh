#!/usr/bin/env bash
# Installs the Debian packages that the other scripts use, where they are missing. A Rust toolchain is assumed.
#
#   ci/install.sh [PART...]    check sanitize cross macos windows kernels fuzz bench; default: all
#
# What cannot be installed (no root, no network) is reported, and the scripts skip what needs it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

packages() {
    case $1 in
        # ss, lsof and netstat, against which the tests compare; unshare and setpriv; shells for the completions; a linker; containers;
        # actionlint comes from PyPI.
        check) echo gcc libc6-dev iproute2 lsof net-tools util-linux perl-base python3 python3-venv shellcheck tmux bash zsh fish \
            podman crun busybox-static systemd ;;
        # Without the symbols of the C library valgrind cannot separate its faults from those of the program.
        sanitize) echo valgrind libc6-dbg ;;
        # One compiler with matching sources of std; i686 and s390x to link and run; zig, from PyPI, for musl. Not
        # gcc-multilib, which conflicts with a cross compiler.
        cross) echo rustc-web cargo-web rust-web-src rust-web-clippy lib32gcc-12-dev libc6-dev-i386 \
            binutils python3-venv gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static ;;
        # To check and link for Apple; zig itself comes from PyPI.
        macos) echo rustc-web cargo-web rust-web-src rust-web-clippy python3-venv ;;
        # Wine, a linker for what runs in it, what makes import libraries for 32 bits; perl reads the JSON.
        windows) echo rustc-web cargo-web rust-web-src rust-web-clippy wine64 gcc-mingw-w64-x86-64-win32 \
            binutils-mingw-w64-i686 perl ;;
        # The kernels are only unpacked, by ci/kernels.sh.
        kernels) echo apt dpkg python3 gzip ;;
        fuzz) echo g++ ;;
        bench) echo iproute2 lsof net-tools procps ;;
        *)
            echo "install.sh: no part named $1" >&2
            return 2
            ;;
    esac
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 "$@"
}

missing() {
    local name
    for name; do
        has_packages "$name" || echo "$name"
    done
}

install_part() {
    local part=$1 names wanted
    names=$(packages "$part")
    # shellcheck disable=SC2086
    mapfile -t wanted < <(missing $names)
    if [ ${#wanted[@]} = 0 ]; then
        echo "install $part: all there"
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        skip "install $part: not root; missing: ${wanted[*]}"
        return
    fi
    # --no-remove: never at the price of something that is installed.
    if apt -y --no-remove --no-install-recommends install "${wanted[@]}" >/dev/null; then
        echo "install $part: installed ${wanted[*]}"
    else
        skip "install $part: apt could not install ${wanted[*]}"
    fi
}

command -v apt-get >/dev/null || {
    skip 'install: not a Debian system'
    exit 0
}
[ $# -gt 0 ] || set -- check sanitize cross macos windows kernels fuzz bench
# Without an up-to-date list apt looks for versions that are gone.
[ "$(id -u)" != 0 ] || apt update || skip 'install: the package lists could not be fetched'
for part; do
    install_part "$part"
done
