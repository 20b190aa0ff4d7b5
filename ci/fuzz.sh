#!/usr/bin/env bash
# Fuzzes the decoders and the reader of filters, starting from fixtures, and prints for each target how many inputs were run.
#
#   ci/fuzz.sh [SECONDS [TARGET...]]   each target for so long (default 15), two at a time
#   ci/fuzz.sh --prove                 shows that a crash which was planted is found
#
# Needs no nightly compiler: the stable one has the pass that counts branches, and libFuzzer's own code is
# compiled by g++. What was found to be of interest stays in fuzz/corpus, and the next run starts from it too;
# an input that crashes a target stays in fuzz/artifacts.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo/fuzz"

fixtures=$repo/crates/netstat-wire/tests/fixtures
at_once=2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Counters of branches, and what is compared with what, so that numbers in the code can be guessed.
export RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"

# With the target named, the flags are not for build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repo/target}/fuzz

build() { # cargo's further arguments
    cargo build --quiet --locked --release --target "$host" "$@"
}

targets() {
    basename -s .rs fuzz_targets/*.rs | grep -v '^planted$'
}

# Which fixtures a target starts from.
fixtures_of() {
    case $1 in
        # Its seeds are enough.
        filter_text | linux_btf | linux_cgroup_path | linux_container_names) ;;
        macos_libproc) find "$fixtures" -name 'macos-*__socket_fdinfo_*.hex' -o -name 'macos-*__proc_*.hex' ;;
        macos_pcblist_n) find "$fixtures" -name 'macos-*__tcp_pcblist_n_*.hex' -o -name 'macos-*__udp_pcblist_n_*.hex' ;;
        macos_unpcblist_n) find "$fixtures" -name 'macos-*__local_*.hex' ;;
        linux_proc_*) find "$fixtures" -name "linux-*__${1#linux_}*" ;;
        windows_processes) find "$fixtures" -name 'wine-*__system_process_information_*.hex' ;;
        windows_tables) find "$fixtures" -name 'wi*-*__tcp*.hex' -o -name 'wi*-*__udp*.hex' ;;
        # Messages, and what is in them.
        *) find "$fixtures" -name 'linux-*.hex' ! -name '*__proc_*' ;;
    esac
}

# The bytes of a fixture: hex with comments, or, where the kernel prints lines, what follows the heading.
bytes_of() {
    case $1 in
        *.hex) perl -ne 's/#.*//; print pack "H*", join "", split;' "$1" ;;
        *) sed '/^#/d' "$1" ;;
    esac
}

seed() { # TARGET: into $work/seeds/TARGET
    local target=$1 fixture
    mkdir -p "$work/seeds/$target" "corpus/$target" artifacts
    [ ! -d "seeds/$target" ] || cp "seeds/$target/"* "$work/seeds/$target/"
    while IFS= read -r fixture; do
        bytes_of "$fixture" >"$work/seeds/$target/$(basename "$fixture")"
    done < <(fixtures_of "$target")
    if [ -z "$(ls "$work/seeds/$target")" ]; then
        echo "fuzz.sh: no fixture for $target" >&2
        return 1
    fi
}

run() { # TARGET SECONDS [OPTION...]; what it prints goes to $work/TARGET.log
    local target=$1 seconds=$2
    shift 2
    "$CARGO_TARGET_DIR/$host/release/$target" "corpus/$target" "$work/seeds/$target" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target-" "$@" >"$work/$target.log" 2>&1
}

report() { # TARGET: one line
    local log=$work/$1.log executions
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-26s %12s executions, %5s seeds, %5s branches\n' "$1" "${executions:-no}" \
        "$(find "$work/seeds/$1" -type f | wc -l)" "$(grep -oE 'cov: [0-9]+' "$log" | tail -1 | cut -d' ' -f2)"
}

# A target that ends on its own before it has run anything is no success.
one() {
    local target=$1 seconds=$2
    if run "$target" "$seconds" && [ "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")" -gt 0 ]; then
        report "$target"
    else
        echo "fuzz.sh: $target FAILED:"
        grep -vE '^#[0-9]+\s' "$work/$target.log" | tail -40
        touch "$work/failed"
    fi
}

fuzz() {
    local seconds=$1 target
    shift
    for target; do
        seed "$target"
        while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do
            wait -n || true
        done
        one "$target" "$seconds" &
    done
    wait
    [ ! -e "$work/failed" ]
}

prove() {
    local log=$work/planted.log
    build --features planted-crash --bin planted
    # From the fixtures alone: inputs of an earlier run would make it too easy.
    seed planted
    rm -rf corpus/planted
    mkdir corpus/planted
    if run planted 120 -seed=1; then
        echo 'fuzz.sh: the planted crash was not found:' >&2
        tail -20 "$log" >&2
        return 1
    fi
    grep -q 'the planted crash' "$log" || {
        echo 'fuzz.sh: ended otherwise than by the planted crash:' >&2
        tail -40 "$log" >&2
        return 1
    }
    echo "the planted crash was found after $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
    rm -rf corpus/planted artifacts/planted-*
}

if ! command -v g++ >/dev/null; then
    skip 'fuzzing: no g++, which compiles libFuzzer (ci/install.sh fuzz)'
    exit 0
fi
if [ "${1:-}" = --prove ]; then
    step 'fuzz: a planted crash' prove
    exit
fi
seconds=${1:-15}
[[ $seconds =~ ^[0-9]+$ ]] || {
    echo 'usage: ci/fuzz.sh [SECONDS [TARGET...]] | --prove' >&2
    exit 2
}
shift $(($# > 0 ? 1 : 0))
mapfile -t chosen < <(targets)
[ $# = 0 ] || chosen=("$@")
step 'fuzz: build' build --bins
step "fuzz: ${#chosen[@]} targets, $seconds s each" fuzz "$seconds" "${chosen[@]}"
