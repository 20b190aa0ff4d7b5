#!/usr/bin/env bash
# Checks the libraries and the program with the oldest Rust that each promises: `rust-version` in its Cargo.toml.
#
#   ci/msrv.sh
#
# Clippy's lint `incompatible_msrv` finds items of the standard library that are newer; what is newer in the language
# only a compiler of that version finds. It is rustup's, if that toolchain is installed, else that of Debian's archive,
# which is unpacked below $NETSTAT_CI_CACHE (default ~/.cache/netstat-ci) and not installed. The back ends of Windows and
# macOS are checked for a target of each where the sources of that version's standard library are at hand, as with
# Debian's: the library is checked as well, once, in a minute or two.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

promised() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' "crates/$1/Cargo.toml"; }

version=$(promised netstat)
[ "$version" = "$(promised netstat-wire)" ]
cache=$(cache_dir "rust-$version")
root=$cache/root
foreign=(x86_64-pc-windows-gnu aarch64-apple-darwin)

# Unpacks Debian's packages of that version, with those of their libraries that this machine lacks.
unpack() {
    local debian made file
    local -a packages
    [ ! -d "$root" ] || return 0
    command -v apt-get >/dev/null || return 1
    debian=$(apt-cache madison rustc-web 2>/dev/null | awk -v version="$version" 'index($3, version ".") == 1 {print $3; exit}')
    [ -n "$debian" ] || return 1
    packages=(rustc-web cargo-web rust-web-src libstd-rust-web-dev "libstd-rust-web-$version")
    # Which they are is what an installation would do: "Inst NAME [INSTALLED VERSION] (NEW VERSION ...".
    mapfile -t packages < <(apt-get install -qq -s --no-install-recommends --allow-downgrades "${packages[@]/%/=$debian}" |
        sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p')
    [ ${#packages[@]} -gt 0 ] || return 1
    made=$(mktemp -d -p "$cache")
    if (cd "$made" && apt-get download -qq -o APT::Sandbox::User=root "${packages[@]}" >&2); then
        for file in "$made"/*.deb; do
            dpkg -x "$file" "$made/root"
        done
        mv -T "$made/root" "$root"
    fi
    rm -rf "$made"
    [ -d "$root" ]
}

# The name of a toolchain of rustup.
toolchain_of() { # VERSION
    rustup toolchain list 2>/dev/null | sed -nE "s/^($1(\.[0-9]+)?-[^ ]+).*/\1/p" | head -1
}

# The program's is newer, and not in Debian's archive.
check_program() {
    local version toolchain
    version=$(promised lsock)
    toolchain=$(toolchain_of "$version")
    if [ -z "$toolchain" ]; then
        skip "Rust $version, for lsock: rustup does not have it"
        return
    fi
    env -u RUSTFLAGS CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$(cache_dir "rust-$version")/target" \
        rustup run "$toolchain" cargo check --quiet --locked --package lsock
    echo "checked: lsock with Rust $version"
}

# Sets `rust`, the command before a cargo of the libraries' version.
find_rust() {
    local toolchain libraries
    local -a clean=(env -u CARGO -u RUSTC -u RUSTDOC -u RUSTUP_TOOLCHAIN -u RUSTFLAGS)
    toolchain=$(toolchain_of "$version")
    if [ -n "$toolchain" ]; then
        rust=("${clean[@]}" rustup run "$toolchain")
    elif unpack; then
        libraries=$root/usr/lib/$(uname -m)-linux-gnu:$root/lib/$(uname -m)-linux-gnu
        rust=("${clean[@]}" PATH="$root/usr/bin:$PATH" RUSTC="$root/usr/bin/rustc" LD_LIBRARY_PATH="$libraries")
    else
        return 1
    fi
}

check() {
    "${rust[@]}" env CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$cache/target" "$@"
}

check_program
if ! find_rust; then
    skip "Rust $version: neither rustup nor Debian's archive has it"
    exit
fi
"${rust[@]}" rustc --version | grep -F "rustc $version."
check cargo check --quiet --locked --package netstat-wire --features all-systems
check cargo check --quiet --locked --package netstat --no-default-features
check cargo check --quiet --locked --package netstat --all-features
echo 'checked: the libraries on Linux'
if [ -e "$("${rust[@]}" rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]; then
    check RUSTC_BOOTSTRAP=1 cargo -Zbuild-std=std check --quiet --locked --package netstat "${foreign[@]/#/--target=}"
    echo "checked: ${foreign[*]}"
else
    skip "Rust $version for Windows and macOS: no sources of its standard library"
fi
