#!/usr/bin/env bash
# For the owner of a Mac: builds, runs the tests that need a real kernel, compares with the output of the system's own
# tools, as this user and as root, and prints what to report. Changes nothing on the machine; asks for the password of
# sudo once, unless called with --no-root.
#
#   ci/on-a-mac.sh [--no-root]
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(uname -s)" = Darwin ] || {
    echo 'on-a-mac.sh: not a Mac; on other systems run ci/macos.sh' >&2
    exit 2
}

root=yes
[ "${1:-}" != --no-root ] || root=no
report=$(mktemp)
trap 'rm -f "$report"' EXIT
failed=0

try() { # WHAT COMMAND...
    local what=$1
    shift
    printf '\n== %s\n' "$what"
    if "$@"; then
        echo "passed  $what" >>"$report"
    else
        echo "FAILED  $what" >>"$report"
        failed=1
    fi
}

target=${CARGO_TARGET_DIR:-target}
lsock=$target/release/lsock
try 'build' cargo build --release --package lsock
try 'tests' env RUST_TEST_NOCAPTURE=1 cargo test --workspace
try 'what is listed, as this user' python3 ci/on-a-mac.py "$lsock"
if [ "$root" = yes ] && sudo -v; then
    # Built above, and run as root: nothing is compiled as root.
    tests=$(cargo test --workspace --no-run --message-format json 2>/dev/null |
        python3 -c 'import json, sys
for line in sys.stdin:
    made = json.loads(line)
    if made.get("executable") and made.get("profile", {}).get("test"):
        print(made["executable"])')
    while IFS= read -r test; do
        try "as root: $(basename "$test")" sudo RUST_TEST_NOCAPTURE=1 "$test" </dev/null
    done <<<"$tests"
    try 'what is listed, as root' sudo python3 ci/on-a-mac.py "$lsock"
fi

printf '\n======== please report this, and the output above of anything that failed\n'
sw_vers
uname -mrv
echo "processors: $(sysctl -n hw.ncpu); user: $(id -u); in6_embedded_scope: $(sysctl -n net.inet6.ip6.in6_embedded_scope 2>/dev/null || echo none)"
for protocol in tcp udp; do
    # How much of the table an Apple program of this user gets.
    echo "net.inet.$protocol.pcblist_n: $(sysctl -b "net.inet.$protocol.pcblist_n" 2>/dev/null | wc -c) bytes to sysctl(8)"
done
# As root too: whether macOS 27 shows root every socket is known from one report only.
report_gaps() { # WHO COMMAND...
    local who=$1
    shift
    "$@" --json 2>/dev/null | python3 -c 'import json, sys
answer = json.load(sys.stdin)
print(f"lsock, {sys.argv[1]}:", len(answer["sockets"]), "sockets, gaps:", answer["gaps"])' "$who"
}
report_gaps 'as this user' "$lsock" || true
[ "$root" = no ] || report_gaps 'as root' sudo "$lsock" || true
cat "$report"
exit $failed
