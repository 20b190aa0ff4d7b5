#!/usr/bin/env bash
# Compares what was skipped with what may be skipped on this machine (ci/allowed-skips): anything else is an error.
#
#   ci/skips.sh LOGS [LIST]    LOGS: a folder with the output of each step of .ci/run, in a file of the step's name
#
# Tests and scripts that do not do something write a line "skipped: WHY", tests with their name before it. This
# prints each such line with the number of times it came, and exits with 1 if one is not allowed, with 2 if the list
# itself is faulty. ci/skips_test.sh shows that it can fail.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

if [ $# = 0 ] || [ ! -d "$1" ]; then
    echo 'usage: ci/skips.sh LOGS [LIST]' >&2
    exit 2
fi
logs=$1
list=${2:-$repo/ci/allowed-skips}

# Whether this machine is of a kind. Only what cannot be seen is believed: NETSTAT_CI_MACHINE=offline.
is_machine() {
    case $1 in
        any) true ;;
        no-root) [ "$(id -u)" != 0 ] ;;
        # Root of a container: not every capability, or another user namespace than the first.
        container) [ "$(id -u)" = 0 ] && { ! has_admin || [ "$(readlink /proc/self/ns/user)" != 'user:[4026531837]' ]; } ;;
        no-debian) ! command -v apt-get >/dev/null ;;
        no-x86-64) [ "$(uname -m)" != x86_64 ] ;;
        no-btf) [ ! -e /sys/kernel/btf/vmlinux ] ;;
        no-ipv6) [ ! -e /proc/net/if_inet6 ] ;;
        no-cgroup2) ! grep -q ' cgroup2 ' /proc/mounts ;;
        no-bbr) ! grep -qw bbr /proc/sys/net/ipv4/tcp_available_congestion_control ;;
        linux-before-*) [ "$(printf '%s\n' "${1#linux-before-}" "$(uname -r)" | sort -V | head -1)" != "${1#linux-before-}" ] ;;
        offline) [[ " ${NETSTAT_CI_MACHINE:-} " == *' offline '* ]] ;;
        *) faulty "no kind of machine: $1" ;;
    esac
}

# CAP_SYS_ADMIN, number 21.
has_admin() { (((0x$(awk '/^CapEff:/ {print $2}' /proc/self/status) >> 21) & 1)); }

faulty() {
    printf '%s: %s\n' "$list" "$1" >&2
    exit 2
}

# --- the list -----------------------------------------------------------------------------------------------

patterns=() # extended regular expressions of whole texts
steps=()    # in which steps they are allowed, each between spaces; empty for all
applies=()  # whether this machine is of one of the kinds

take_entry() {
    local kind here=no
    [ -n "$on$in$line$why" ] || return 0
    if [ -z "$on" ] || [ -z "$line" ] || [ -z "$why" ]; then
        faulty "an entry without on, line or why: ${line:-$why}"
    fi
    for kind in $on; do
        ! is_machine "$kind" || here=yes
    done
    patterns+=("$line")
    steps+=("${in:+ $in }")
    applies+=("$here")
    on='' in='' line='' why=''
}

on='' in='' line='' why=''
while IFS= read -r text || [ -n "$text" ]; do
    case $text in
        '#'*) ;;
        '') take_entry ;;
        'on '*) on=${text#on } ;;
        'in '*) in=${text#in } ;;
        'line '*) line=${text#line } ;;
        'why '*) why=${text#why } ;;
        *) faulty "neither on, in, line nor why: $text" ;;
    esac
done <"$list"
take_entry

# --- what was skipped ---------------------------------------------------------------------------------------

is_allowed() { # STEP TEXT
    local n
    for n in "${!patterns[@]}"; do
        [ "${applies[n]}" = yes ] || continue
        [ -z "${steps[n]}" ] || [[ ${steps[n]} == *" $1 "* ]] || continue
        ! grep -qxE -- "${patterns[n]}" <<<"$2" || return 0
    done
    return 1
}

shopt -s nullglob
files=("$logs"/*)
[ ${#files[@]} -gt 0 ] || faulty "no output of any step in $logs"
all=0
refused=0
for file in "${files[@]}"; do
    name=$(basename "$file")
    while read -r count text; do
        all=$((all + 1))
        verdict=''
        if ! is_allowed "$name" "${text#*skipped: }"; then
            verdict='NOT ALLOWED: '
            refused=$((refused + 1))
        fi
        [ "$count" = 1 ] || text+=" ($count times)"
        printf '%s%s: %s\n' "$verdict" "$name" "$text"
    done < <({ tr -d '\r' <"$file" | grep -aoE '([[:alnum:]_:]+: )?skipped: .*' || true; } | LC_ALL=C sort | uniq -c)
done
printf 'skips: %d kinds of lines, %d not allowed\n' "$all" "$refused"
[ "$refused" = 0 ] || {
    echo 'skips: run what was skipped, or write into ci/allowed-skips why it cannot run and where' >&2
    exit 1
}
