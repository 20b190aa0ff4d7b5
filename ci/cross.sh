#!/usr/bin/env bash
# Checks the crates for other systems and processors; runs the tests for two of them, and the program on musl.
#
#   ci/cross.sh [STEP...]      default: setup check musl i686 s390x
#
#   setup   the standard library of each target (from nothing: some 20 s a target)
#   check   types and lints of all crates and their tests, for every target of $TARGETS
#   musl    lsock as one static program, which runs on any Linux of that processor; it finds a socket and its owner
#   i686    all tests on 32 bits, natively: an x86-64 kernel serves them, netlink too
#   s390x   on big-endian, emulated: the tests of the decoders, and those of netstat that ask no kernel
#
# The compiler is Debian's, with standard libraries that setup makes (ci/debian-rust.sh); ci/install.sh installs what
# is needed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source-path=SCRIPTDIR source=debian-rust.sh
. "$(dirname "$0")/debian-rust.sh"
# shellcheck source-path=SCRIPTDIR source=zig.sh
. "$(dirname "$0")/zig.sh"
cd "$repo"

# Linux, and a system on which the library answers "unsupported". For Windows and macOS see their own scripts.
: "${TARGETS:=aarch64-unknown-linux-gnu aarch64-linux-android i686-unknown-linux-gnu s390x-unknown-linux-gnu
    x86_64-unknown-freebsd x86_64-unknown-linux-musl}"
read -ra targets <<<"$(tr '\n' ' ' <<<"$TARGETS")"

cross_setup() {
    if has_debian_rust; then
        make_std "${targets[@]}"
    else
        skip "the standard library for ${targets[*]}: Debian's Rust is not installed (ci/install.sh cross)"
    fi
    [[ " ${targets[*]} " != *' x86_64-unknown-linux-musl '* ]] || make_zig cross
}

cross_check() {
    local target
    local -a arguments=()
    for target in "${targets[@]}"; do
        ! set_up "check of $target" "$target" || arguments+=(--target "$target")
    done
    [ ${#arguments[@]} -gt 0 ] || return 0
    # Not `cargo clippy`, which would start the clippy of rustup.
    debian /usr/bin/cargo-clippy clippy --quiet --keep-going --workspace --all-targets "${arguments[@]}" -- -D warnings
    echo "checked: ${arguments[*]}"
}

# With the C library and the unwinder of zig: those that rustup's std for this target contains are not in its sources.
cross_musl() {
    local target=x86_64-unknown-linux-musl program
    if ! has_zig; then
        skip "lsock on musl: no zig (ci/install.sh cross, ci/cross.sh setup)"
    elif set_up 'lsock on musl' "$target"; then
        program=$cross_dir/$target/debug/lsock
        zig_build CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="--sysroot $sysroot -C link-self-contained=no" \
            --package lsock --target "$target"
        is_static "$program"
        python3 ci/finds_a_listener.py "$program"
    fi
}

# Without an interpreter in its program headers: it loads nothing.
is_static() {
    local headers
    headers=$(readelf --program-headers --wide "$1")
    if ! grep -q ' LOAD ' <<<"$headers" || grep -q INTERP <<<"$headers"; then
        echo "cross.sh: $1 is not a static program" >&2
        return 1
    fi
    echo "$1: static, $(stat -c %s "$1") bytes"
}

cross_i686() {
    local target=i686-unknown-linux-gnu
    if ! has_packages lib32gcc-12-dev libc6-dev-i386; then
        skip "tests on i686: no 32-bit C library (ci/install.sh cross)"
    elif set_up 'tests on i686' "$target"; then
        RUST_TEST_NOCAPTURE=1 debian /usr/bin/cargo test --workspace --no-fail-fast --target "$target"
    fi
}

# The emulator knows no sock_diag, and shows the tables of /proc/net in the order of the machine below it.
cross_s390x() {
    local target=s390x-unknown-linux-gnu
    if ! has_packages gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static; then
        skip "tests on s390x: no emulator or no linker (ci/install.sh cross)"
    elif set_up 'tests on s390x' "$target"; then
        s390x_test --package netstat-wire
        # Thousands of random worlds take a minute natively and half an hour emulated.
        skip 'random worlds and measurements on s390x: too slow where every instruction is emulated'
        skip 'netlink sockets and filters in the kernel on s390x: the emulator has no such sockets'
        s390x_test --package netstat --lib -- --skip worlds --skip large --skip filters::live --skip netlink::peer::tests \
            --skip reports::tests::live
    fi
}

s390x_test() {
    RUST_TEST_NOCAPTURE=1 debian CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc \
        CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER=qemu-s390x-static QEMU_LD_PREFIX=/usr/s390x-linux-gnu \
        /usr/bin/cargo test --target s390x-unknown-linux-gnu "$@"
}

[ $# -gt 0 ] || set -- setup check musl i686 s390x
for name; do
    case $name in
        setup | check | musl | i686 | s390x) step "cross $name" "cross_$name" ;;
        *)
            echo "cross.sh: no step named $name" >&2
            exit 2
            ;;
    esac
done
