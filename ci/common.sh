# shellcheck shell=bash
# What the scripts of this folder share; sourced, not run.
#
#   step WHAT COMMAND...   runs it under a heading, and says how long it took
#   skip WHY...            the line by which every script says what it did not do
#   has_packages NAME...   whether these Debian packages are installed
#   cache_dir NAME         a folder below $NETSTAT_CI_CACHE for what may be kept between runs, made if need be

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export repo

step() {
    local what=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$what"
    "$@"
    printf '== %s: done in %d s\n' "$what" $((SECONDS - start))
}

skip() {
    printf 'skipped: %s\n' "$*"
}

has_packages() {
    local name
    for name; do
        dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || return 1
    done
}

cache_dir() {
    local folder=${NETSTAT_CI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/netstat-ci}/$1
    mkdir -p "$folder"
    (cd "$folder" && pwd)
}
