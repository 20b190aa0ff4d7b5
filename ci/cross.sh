#!/usr/bin/env bash
# Checks the crates for other systems and processors, and runs the tests that can run here for two of them.
#
#   ci/cross.sh [STEP...]      default: setup check i686 s390x
#
#   setup   the standard library of each target that no toolchain here has (from nothing: some 20 s a target)
#   check   types and lints of netstat-wire, netstat and lsock, for every target of $TARGETS
#   i686    all tests on 32 bits, natively: an x86-64 kernel serves them, netlink too
#   s390x   on big-endian, emulated: the tests of the decoders, and those of netstat that ask no kernel
#
# A rustup toolchain that has a target is used for it. For all others Debian's compiler serves (`rustc-web`),
# since it alone comes with the sources of its standard library (`rust-web-src`): that is compiled once for each
# target and put into a sysroot of its own below $NETSTAT_CI_CACHE (default ~/.cache/netstat-ci). From then
# on the target is as good as installed, for any profile, without unstable options. ci/install.sh installs what
# is needed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

# Linux, and a system on which the library answers "unsupported". For Windows and macOS see their own scripts.
: "${TARGETS:=aarch64-unknown-linux-gnu aarch64-linux-android i686-unknown-linux-gnu s390x-unknown-linux-gnu
    x86_64-unknown-freebsd}"
read -ra targets <<<"$(tr '\n' ' ' <<<"$TARGETS")"
crates=(--package netstat-wire --package netstat --package lsock)

rustup_targets=''
if command -v rustup >/dev/null; then
    rustup_targets=$(rustup target list --installed 2>/dev/null || true)
fi
sysroot=$(cache_dir sysroot)

by_rustup() { grep -qx "$1" <<<"$rustup_targets"; }

# Debian's programs by their paths: an environment that a rustup cargo has set would lead elsewhere.
debian() {
    env -u RUSTC -u RUSTDOC -u CARGO -u RUSTUP_TOOLCHAIN -u RUSTFLAGS PATH="/usr/bin:$PATH" CARGO_INCREMENTAL=0 "$@"
}

# The same with the sysroot that was made for the targets.
debian_cross() {
    local target name
    local -a with=()
    for target in "${targets[@]}"; do
        name=$(tr 'a-z-' 'A-Z_' <<<"$target")
        with+=("CARGO_TARGET_${name}_RUSTFLAGS=--sysroot $sysroot" "CARGO_TARGET_${name}_RUSTDOCFLAGS=--sysroot $sysroot")
    done
    debian CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cross" "${with[@]}" \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER=qemu-s390x-static QEMU_LD_PREFIX=/usr/s390x-linux-gnu \
        "$@"
}

have_debian_rust() { has_packages rustc-web cargo-web rust-web-src rust-web-clippy; }

# The compiler by which the sysroot's libraries were made; others cannot read them.
compiler() { /usr/bin/rustc -vV | sha256sum | cut -c1-16; }

has_std() { [ "$(cat "$sysroot/lib/rustlib/$1/made-by" 2>/dev/null)" = "$(compiler)" ]; }

# --target T for each of the targets that can be checked: $1 is rustup or debian.
target_arguments() {
    local target
    for target in "${targets[@]}"; do
        if by_rustup "$target"; then
            [ "$1" != rustup ] || printf '%s\n' --target "$target"
        elif [ "$1" = debian ] && have_debian_rust && has_std "$target"; then
            printf '%s\n' --target "$target"
        fi
    done
}

# Unoptimised, since that takes no longer than what a check needs and can be linked as well; all targets at
# once, since `core` is one long job on one thread.
cross_setup() {
    local target made folder
    local -a need=() arguments=()
    for target in "${targets[@]}"; do
        by_rustup "$target" && continue
        if ! have_debian_rust; then
            skip "target $target: neither rustup nor Debian's rust packages have it (ci/install.sh cross)"
        elif ! has_std "$target"; then
            need+=("$target")
            arguments+=(--target "$target")
        fi
    done
    if [ ${#need[@]} = 0 ]; then
        echo 'nothing to make'
        return
    fi
    made=$(mktemp -d)
    printf '%s\n' '[package]' 'name = "std-maker"' 'version = "0.0.0"' 'edition = "2024"' '[lib]' 'path = "lib.rs"' \
        '[profile.release]' 'opt-level = 0' 'debug = 0' 'codegen-units = 16' '[workspace]' >"$made/Cargo.toml"
    echo '#![no_std]' >"$made/lib.rs"
    echo "the standard library for: ${need[*]}"
    if ! (cd "$made" && debian CARGO_TARGET_DIR="$made/target" RUSTC_BOOTSTRAP=1 \
        /usr/bin/cargo -q -Zbuild-std=std,panic_unwind,test build --release "${arguments[@]}"); then
        rm -rf "$made"
        echo 'cross.sh: the standard library could not be made' >&2
        return 1
    fi
    for target in "${need[@]}"; do
        folder=$sysroot/lib/rustlib/$target
        rm -rf "$folder"
        mkdir -p "$folder/lib"
        cp "$made/target/$target/release/deps/"lib*.rlib "$folder/lib/"
        rm -f "$folder/lib/"libstd_maker*
        compiler >"$folder/made-by"
    done
    rm -rf "$made"
}

cross_check() {
    local -a arguments
    mapfile -t arguments < <(target_arguments rustup)
    if [ ${#arguments[@]} -gt 0 ]; then
        cargo clippy --quiet --keep-going "${crates[@]}" --all-targets "${arguments[@]}" -- -D warnings
        echo "by rustup: ${arguments[*]}"
    fi
    mapfile -t arguments < <(target_arguments debian)
    if [ ${#arguments[@]} -gt 0 ]; then
        # Not `cargo clippy`, which would start the clippy of rustup.
        debian_cross /usr/bin/cargo-clippy clippy --quiet --keep-going "${crates[@]}" --all-targets "${arguments[@]}" -- -D warnings
        echo "by Debian's compiler: ${arguments[*]}"
    fi
}

cross_i686() {
    local target=i686-unknown-linux-gnu
    if ! has_packages lib32gcc-12-dev libc6-dev-i386; then
        skip "tests on i686: no 32-bit C library (ci/install.sh cross)"
    elif by_rustup "$target"; then
        RUST_TEST_NOCAPTURE=1 cargo test --workspace --no-fail-fast --target "$target"
    elif have_debian_rust && has_std "$target"; then
        RUST_TEST_NOCAPTURE=1 debian_cross /usr/bin/cargo test --workspace --no-fail-fast --target "$target"
    else
        skip "tests on i686: no standard library for it"
    fi
}

# The emulator knows no sock_diag, and shows the tables of /proc/net in the order of the machine below it.
cross_s390x() {
    local target=s390x-unknown-linux-gnu
    if ! has_packages gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static; then
        skip "tests on s390x: no emulator or no linker (ci/install.sh cross)"
    elif have_debian_rust && has_std "$target"; then
        RUST_TEST_NOCAPTURE=1 debian_cross /usr/bin/cargo test --target "$target" --package netstat-wire
        # Thousands of random worlds take a minute here and half an hour there.
        skip 'random worlds and measurements on s390x: too slow where every instruction is emulated'
        skip 'netlink sockets and filters in the kernel on s390x: the emulator has no such sockets'
        RUST_TEST_NOCAPTURE=1 debian_cross /usr/bin/cargo test --target "$target" --package netstat --lib -- \
            --skip worlds --skip large --skip filters::live --skip netlink::ffi
    else
        skip "tests on s390x: no standard library for it"
    fi
}

[ $# -gt 0 ] || set -- setup check i686 s390x
for name; do
    case $name in
        setup | check | i686 | s390x) step "cross $name" "cross_$name" ;;
        *)
            echo "cross.sh: no step named $name" >&2
            exit 2
            ;;
    esac
done
