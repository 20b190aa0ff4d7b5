#!/usr/bin/env bash
# Compares the public interface of netstat with that of the last release, the last tag v*: what breaks programs needs
# a version that says so.
#
#   ci/semver.sh
#
# Needs cargo-semver-checks and the tags of the repository. netstat-wire makes no promise, and lsock is a program.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

if ! tag=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
    skip 'semver: there is no tag v* to compare with'
elif ! command -v cargo-semver-checks >/dev/null; then
    skip 'semver: no cargo-semver-checks'
else
    step "semver: since $tag" cargo semver-checks --package netstat --baseline-rev "$tag"
fi
