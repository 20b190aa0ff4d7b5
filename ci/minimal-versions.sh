#!/usr/bin/env bash
# Checks that the oldest versions that the manifests allow are enough: a distribution may have no newer ones.
#
#   ci/minimal-versions.sh
#
# Direct dependencies get their oldest version; their own dependencies are chosen as usual, since what those manifests
# say is not ours to test. The option of Cargo that does this is unstable, and is allowed for that command alone. The
# checkout keeps its lock file: all of it happens in a copy.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=$target/minimal-versions CARGO_PROFILE_DEV_DEBUG=0

copy() {
    cp -R Cargo.toml Cargo.lock README.md PLATFORMS.md LICENSE-* crates docs "$work/"
}

choose() {
    (cd "$work" && RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions)
    LC_ALL=C comm -13 <(versions Cargo.lock) <(versions "$work/Cargo.lock")
}

versions() { # LOCK_FILE
    sed -n 'N; s/^name = "\(.*\)"\nversion = "\(.*\)"$/\1 \2/p; D' "$1" | LC_ALL=C sort
}

copy
step 'minimal versions: choose' choose
step 'minimal versions: check' cargo check --quiet --locked --workspace --all-targets --all-features \
    --manifest-path "$work/Cargo.toml"
