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

# A crate whose files import each other in one direction only, as far as imports count.
without_cycle() {
    put crates/b/src/lib.rs <<'RUST'
mod one;
mod parent;
#[path = "second.rs"]
mod two;

pub use one::One;
pub use parent::Thing;
RUST
    put crates/b/src/one.rs <<'RUST'
use crate::parent::{Other, Thing};
use crate::two::Two;
pub struct One;
RUST
    put crates/b/src/second.rs <<'RUST'
//! For [`One`](crate::one::One).
// use crate::one::One;
/* crate::one::One; /* */ use crate::one::One; */
#[cfg(test)]
use crate::one::One;
#[cfg(any(test, doctest))]
mod scripted {
    use super::super::one::One;
}
#[test]
fn test() -> [crate::one::One; 1] {}
const TEXT: &str = "{ crate::one::One";
const RAW: &str = r#""use crate::one::One;"#;
const BRACE: char = '{';
pub struct Two;
#[cfg(test)]
mod tests;
RUST
    put crates/b/src/parent/mod.rs <<'RUST'
mod child;
mod other;

use other as chosen;
pub use chosen::Other;
pub use self::child::Thing;
RUST
    # The parent re-exports what its other child defines.
    put crates/b/src/parent/child.rs <<'RUST'
use crate::parent;
use super::Other;
pub struct Thing(Other);
RUST
    put crates/b/src/parent/other.rs <<<'pub struct Other;'
}

cycle() { # the text of a second.rs that imports one.rs, which imports it
    without_cycle
    put crates/b/src/second.rs
    expect 'crates/b/src/one.rs:2: one.rs -> second.rs -> one.rs (2 files: one.rs, second.rs): an import cycle'
}

cycles() {
    without_cycle
    expect none

    cycle <<<'use crate::{parent::{self, Thing}, one::{One as First}}; pub struct Two;'
    cycle <<<'pub struct Two(crate::one::One);'
    cycle <<<'use super::one::*; pub struct Two;'
    cycle <<<'pub use crate::One; pub struct Two;'
    cycle <<<'use crate::one; pub struct Two(one::One);'
    cycle <<<'pub struct Two; mod inner { use super::super::one::One; }'
    cycle <<<'pub struct Two; mod inner { fn f() { self::g(); super::super::one::f() } }'
    cycle <<<'pub struct Two; #[cfg(any(feature = "a", test))] use crate::one::One;'
    cycle <<<'pub struct Two; #[cfg(not(test))] use crate::one::One;'
    cycle <<<'#[cfg(test)] fn f() {} #[test] fn g() {} use crate::one::One; pub struct Two;'
    cycle <<<'pub struct Two; const FIRST: u8 = 0..crate::one::LAST;'
    cycle <<<$'#[cfg(test)]\n/// Text.\nfn f() {}\nuse crate::one::One; pub struct Two;'
    cycle <<<$'const START: char = \'"\'; use crate::one::One; const END: char = \'"\'; pub struct Two;'

    # What a parent defines itself, and what it uses besides re-exporting it.
    without_cycle
    put crates/b/src/parent/child.rs <<<'use super::make; pub struct Thing;'
    put crates/b/src/parent/mod.rs <<<'mod child; mod other; pub use {child::Thing, other::Other}; pub fn make() {}'
    expect none
    put crates/b/src/parent/mod.rs <<<'mod child; mod other; pub use {child::Thing, other::Other}; pub fn make(_: Thing) {}'
    expect 'crates/b/src/parent/child.rs:1: parent/child.rs -> parent/mod.rs -> parent/child.rs (2 files: '
    put crates/b/src/parent/mod.rs <<<'mod child; mod other; pub use {child::Thing, other::Other}; pub fn make() { child::f() }'
    expect 'crates/b/src/parent/child.rs:1: parent/child.rs -> parent/mod.rs -> parent/child.rs (2 files: '

    put crates/b/src/parent/mod.rs <<<'mod child; mod other; use child::Thing; pub use other::Other; pub fn make() {}'
    expect 'crates/b/src/parent/child.rs:1: parent/child.rs -> parent/mod.rs -> parent/child.rs (2 files: '

    put crates/b/src/parent/mod.rs <<<'mod child; mod other; use child::child; pub use other::Other; pub fn make() {}'
    expect 'crates/b/src/parent/child.rs:1: parent/child.rs -> parent/mod.rs -> parent/child.rs (2 files: '

    # Through a third file.
    without_cycle
    put crates/b/src/parent/other.rs <<<'use crate::One; pub struct Other;'
    put crates/b/src/one.rs <<<'use crate::Thing; pub struct One;'
    expect 'crates/b/src/one.rs:1: one.rs -> parent/child.rs -> parent/other.rs -> one.rs (3 files: '

    without_cycle
    put crates/b/src/parent/child.rs <<<'use crate::One; pub struct Thing;'
    put crates/b/src/one.rs <<<'use crate::two::Two; pub struct One;'
    put crates/b/src/second.rs <<<'use crate::parent; pub struct Two(parent::child::Thing);'
    expect 'crates/b/src/one.rs:1: one.rs -> second.rs -> parent/child.rs -> one.rs (3 files: '

    # What cannot be read is not free of cycles.
    without_cycle
    put crates/b/src/parent/other.rs <<<'mod missing; pub struct Other;'
    if "$repo/ci/tidy.sh" "$tree" >/dev/null 2>&1; then
        echo 'tidy_test: a module without a file is no failure'
        failed=1
    fi
    rm -r "$tree/crates/b"
}

allowed
rules
cycles
[ "$failed" = 0 ] || exit 1
echo 'tidy_test: every rule finds its offence'
