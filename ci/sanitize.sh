#!/usr/bin/env bash
# Runs what calls the kernel without a safe wrapper (the files ffi.rs of Linux) in valgrind: no byte that was not
# written may be read or given to the kernel, and none outside of its allocation touched.
#
#   ci/sanitize.sh
#
# The tests of those files as they are, and the program with owners from each source. As root, or the tests that
# load a program into the kernel say that they are skipped.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

memcheck() {
    valgrind --quiet --error-exitcode=99 "$@" 2> >(quietly >&2)
}

# It does not know the newer commands of bpf(2), and says so each time: their attributes are not checked.
quietly() { grep --line-buffered -v 'WARNING: unhandled eBPF command' || true; }

# Proof that it can fail: a read past a box that decides a branch.
prove() {
    local status=0
    cat >"$work/faulty.rs" <<'END'
fn main() {
    let byte = Box::new(std::env::args().count() as u8);
    let past = unsafe { std::ptr::from_ref(&*byte).add(1).read_volatile() };
    std::process::exit(i32::from(past == 7));
}
END
    rustc --edition 2024 -C opt-level=0 -o "$work/faulty" "$work/faulty.rs"
    memcheck "$work/faulty" 2>"$work/found" || status=$?
    [ "$status" = 99 ]
    grep -q 'Invalid read of size 1' "$work/found"
    echo 'a read past the end of its memory was found'
}

run_tests() {
    local binary
    binary=$(cargo test --quiet --package netstat --lib --no-run --message-format json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)
    memcheck --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$binary" --test-threads 1 sys::linux::owners::bpf:: sys::linux::ffi:: netlink::peer::
}

# It leaves its memory to the end of the process, so that leaks are looked for in the tests alone.
run_program() { # SOURCE
    cargo build --quiet --package lsock
    memcheck "${CARGO_TARGET_DIR:-target}/debug/lsock" --json --owner-source "$1" >"$work/json"
    grep -oE '"owner_source":.*' "$work/json"
}

if ! command -v valgrind >/dev/null; then
    skip 'checks of foreign calls: no valgrind'
    exit 0
fi
step 'sanitize: valgrind finds faults' prove
step 'sanitize: tests of foreign calls' run_tests
step 'sanitize: lsock, owners by BPF' run_program bpf
step 'sanitize: lsock, owners by procfs' run_program procfs
