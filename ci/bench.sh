#!/usr/bin/env bash
# Shows that the benchmark works: our library and program, run beside their peers in a tiny world, find every socket
# of it with its owner. The times are meaningless on a busy machine; the end of the output explains how to measure.
#
#   ci/bench.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

bench() { # SUBCOMMAND ARGUMENT...
    cargo "$1" --quiet --locked --manifest-path bench/Cargo.toml "${@:2}"
}

tiny() {
    # Ends with an error if one of ours misses a row or an owner. The bench itself skips peers that are not installed.
    bench run -- tiny --rounds 2 --json "$work/results"
    bench run -- compare "$work/results" "$work/results"
    bench run -- tiny --rounds 1 --host-pids --only netstat,netstat-port,netstat-counts,lower-bound
    bench run -- curve 1k 2k --rounds 1 --svg "$work/curve.svg" >/dev/null
    grep -q '</svg>' "$work/curve.svg"
    bench run -- micro --rounds 1 >/dev/null
    bench run -- refused --rounds 1 --only netstat,netstat-old,lsock
}

# This checkout beside itself: the same programs, so the same documents.
with_base() {
    bench run -- tiny --base . --rounds 2 --json "$work/results"
    bench run -- same-json states tiny --base .
    # A difference must be found: a program whose listing lacks the state of one socket.
    cat >"$work/lsock" <<SCRIPT
#!/bin/sh
"$lsock" "\$@" | sed 's/"state":"LISTEN"/"state":"CLOSED"/'
SCRIPT
    chmod +x "$work/lsock"
    ! bench run -- same-json states --base . --lsock "$work/lsock" >"$work/differences" || return 1
    grep -q 'sockets.state: .* base "LISTEN", ours "CLOSED"' "$work/differences"
}

step 'release build of lsock' cargo build --quiet --locked --release --package lsock
step 'lints of the bench' bench clippy --workspace --all-targets -- -D warnings
step 'tests of the bench' bench test --workspace

lsock=${CARGO_TARGET_DIR:-target}/release/lsock
lsock=$(realpath "$lsock")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(id -u)" = 0 ]; then
    step 'a tiny world' tiny
    step 'beside another build of ours' with_base
else
    skip 'bench: a world has namespaces of its own, which needs root'
fi

cat <<'END'

To measure, on a machine that does nothing else:
    cargo build --release
    cargo run --release --manifest-path bench/Cargo.toml -- small large
    cargo run --release --manifest-path bench/Cargo.toml -- small large many --base CHECKOUT
END
