#!/usr/bin/env bash
# Shows that ci/tidy.sh finds an offence against each of its rules, and none in what is allowed.
#
#   ci/tidy_test.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

put() { # FILE, its text from standard input
    mkdir -p "$tree/$(dirname "$1")"
    cat >"$tree/$1"
}

expect() { # none | the start of the one line that is expected
    local output status=0
    output=$("$repo/ci/tidy.sh" "$tree" 2>&1) || status=$?
    case $1 in
        none) [ "$status" = 0 ] && return ;;
        *) [ "$status" = 1 ] && [ "$(wc -l <<<"$output")" = 2 ] && [[ $output == "$1"* ]] && return ;;
    esac
    printf 'tidy_test: expected %s, got (status %d):\n%s\n' "$1" "$status" "$output"
    failed=1
}

offence() { # EXPECTED FILE, its text from standard input; the tree is as before afterwards
    put "$2"
    expect "$1"
    rm "$tree/$2"
}

allowed() {
    put crates/a/src/sys/mod.rs <<<'#[cfg(target_os = "linux")] mod linux;'
    put crates/a/src/sys/linux/ffi.rs <<<'unsafe { call() } #[cfg(windows)] fn a() {}'
    put crates/netstat/src/compat.rs <<<'#[cfg(unix)] pub inode: u64,'
    put crates/a/tests/live.rs <<<'#![cfg(all(target_os = "linux", not(other)))]'
    put crates/a/src/words.rs <<'RUST'
// cfg(unix), unsafe
#![deny(unsafe_code)]
#[cfg(any(test, fuzzing, feature = "windows"))]
const WINDOWS: &str = "unsafe, windows, cfg";
RUST
    put crates/a/tests/fixtures/linux-6.1__whole.hex <<'HEX'
# source: a
# command: b
# kernel: c
# date: d
# byte order: e
# pointer width: f

00
HEX
    expect none
}

rules() {
    offence 'crates/a/src/a.rs:2: an operating system' crates/a/src/a.rs <<'RUST'
fn a() {}
#[cfg(all(
    not(test),
    any(target_os = "linux", target_os = "android"),
))]
fn b() {}
RUST
    offence 'crates/a/src/a.rs:1: an operating system' crates/a/src/a.rs <<<'if cfg!(windows) {}'
    offence 'crates/a/src/a.rs:1: an operating system' crates/a/src/a.rs <<<'#[cfg_attr(unix, path = "unix.rs")] mod a;'
    offence 'crates/a/src/a.rs:1: an operating system' crates/a/src/a.rs <<<'#![cfg(target_family = "unix")]'
    offence 'crates/a/tests/a.rs:1: an operating system' crates/a/tests/a.rs <<<'#[cfg(unix)] #[test] fn a() {}'
    offence 'crates/a/src/a.rs:2: unsafe' crates/a/src/a.rs <<'RUST'
fn a() {
    unsafe { b() }
RUST
    offence 'crates/a/tests/fixtures/linux-6.1__cut.hex:1: no line "# date: ..."' crates/a/tests/fixtures/linux-6.1__cut.hex <<'HEX'
# source: a
# command: b
# kernel: c
# byte order: e
# pointer width: f
00 # date: too late
HEX
    offence 'crates/a/tests/fixtures/other.hex:1: not named' crates/a/tests/fixtures/other.hex \
        <"$tree/crates/a/tests/fixtures/linux-6.1__whole.hex"
    offence 'README.md:1: something left to do' README.md <<<"TO""DO: write it"
    offence 'ci/a.sh:2: something left to do' ci/a.sh <<<$'a\n# FIX''ME'
    offence 'ci/a.sh:1: a path of one machine' ci/a.sh <<<"cd /roo""t/netstat"
    offence 'ci/a.sh:1: a path of one machine' ci/a.sh <<<"cd /hom""e/someone/netstat"
}

allowed
rules
[ "$failed" = 0 ] || exit 1
echo 'tidy_test: every rule finds its offence'
