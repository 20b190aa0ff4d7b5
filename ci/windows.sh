#!/usr/bin/env bash
# Windows: checks the crates for four of its targets, runs their tests and programs under Wine, and looks at what
# the program needs of the system.
#
#   ci/windows.sh [STEP...]    default: setup check tests programs imports prove
#
#   setup     Debian's packages (ci/install.sh windows), the standard libraries, a Wine prefix
#   check     types and lints for every target of $WINDOWS_TARGETS, and the programs of the old interface
#   tests     all tests of netstat-wire, netstat and lsock, live ones included, as Windows programs
#   programs  the example of netstat 0.7 and `lsock.exe --json`, which must see a listener that is there, and the
#             programs of netstat2, which must see their own
#   imports   lsock.exe asks for no function that Windows 10 1809 lacks: those of ci/windows-imports.txt alone
#   prove     that a failing test and a forbidden import make this script fail
#
# Wine 8 (Debian 12) has no times, no services, no scopes and no owners of TCP over IPv6; tests say what they skip
# for that. Its tables of sockets are those of the machine below it. Not run: msvc (no linker for it)
# and 32 bits (no Wine for it); both are checked, and tested on Linux over a scripted machine.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source-path=SCRIPTDIR source=debian-rust.sh
. "$(dirname "$0")/debian-rust.sh"
# One run at a time: at its end each stops all programs of the prefix.
if [ -z "${WINDOWS_SH_ALONE:-}" ]; then
    WINDOWS_SH_ALONE=1 exec flock --close --wait 3600 "$(cache_dir wine)/lock" "$0" "$@"
fi
cd "$repo"

: "${WINDOWS_TARGETS:=x86_64-pc-windows-gnu i686-pc-windows-gnu x86_64-pc-windows-msvc aarch64-pc-windows-msvc}"
target=x86_64-pc-windows-gnu
program=$cross_dir/$target/debug/lsock.exe
WINEPREFIX=$(cache_dir wine)

# No questions about Mono and Gecko, no menus, no windows, no chatter.
export WINEPREFIX WINEDEBUG=-all WINEDLLOVERRIDES='winemenubuilder.exe,mscoree,mshtml=d'
unset DISPLAY
wine=/usr/lib/wine/wine64
wineserver=/usr/lib/wine/wineserver64

windows() {
    debian CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc \
        CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="$wine" "$@"
}

build_lsock() { windows /usr/bin/cargo build --quiet --target "$target" --package lsock; }

have_wine() {
    has_packages wine64 gcc-mingw-w64-x86-64-win32 && [ -e "$WINEPREFIX/ready" ]
}

# A prefix without a display, with the one library that Rust's std imports and Wine 8 lacks.
make_prefix() {
    [ ! -e "$WINEPREFIX/ready" ] || return 0
    timeout 300 "$wine" wineboot -i >/dev/null 2>&1 || true
    "$wineserver" -w
    cat >"$WINEPREFIX/prng.c" <<'C'
/* bcryptprimitives.dll with its one function that is needed: random bytes for hash maps. */
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
    while (count) {
        ULONG part = count > 0x10000000 ? 0x10000000 : (ULONG)count;
        if (!SystemFunction036(bytes, part)) return FALSE;
        bytes += part;
        count -= part;
    }
    return TRUE;
}
C
    x86_64-w64-mingw32-gcc -O2 -shared -s -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" \
        "$WINEPREFIX/prng.c" -ladvapi32
    touch "$WINEPREFIX/ready"
}

# A server for all that follows: each program would start one of its own otherwise. Wine's services start with the
# first program and keep its output open, which a pipe must not wait for.
start_wine() {
    trap '"$wineserver" -k || true' EXIT
    "$wineserver" -p || true # fails if there is one
    "$wine" cmd /c exit </dev/null >/dev/null 2>&1
}

windows_setup() {
    ci/install.sh windows
    TARGETS=$WINDOWS_TARGETS ci/cross.sh setup
    if has_packages wine64 gcc-mingw-w64-x86-64-win32; then
        make_prefix
    else
        skip 'Wine: its packages are not installed'
    fi
}

windows_check() {
    TARGETS=$WINDOWS_TARGETS ci/cross.sh check
    check_old_programs "$target"
}

# The tests of the macOS back end are left out: its error codes mean other things where Windows gives them
# their names. The random machines are too: they are the same ten thousand as in ci/check.sh, and Wine is slow.
windows_tests() {
    local name
    local -a left_out=(macos:: worlds::)
    skip 'macos:: and worlds:: under Wine: they run in ci/check.sh, and ask nothing of Windows'
    for name in csv_has_the_usual_columns jsonl_has_the_rows_of_json pid_and_process_narrow_to_what_they_hold \
        port_finds_both_ends tulpn_lists_what_listens_with_its_process \
        json_has_the_other_end_and_the_direction_of_each_row_and_other_ends_that_the_filter_leaves_out \
        columns_show_the_process_at_the_other_end_and_the_direction \
        filter_selects_sockets_by_the_process_at_the_other_end \
        holders_of_listeners_and_named_processes_are_meant_and_clients_are_not \
        holder_that_is_protected_is_left_alone \
        process_is_ended_after_a_question_alone_and_never_this_one \
        start_of_a_process_is_known_wherever_details_are_and_shown_only_if_it_was_asked_for; do
        skip "$name under Wine: it wants the owner of a socket that nothing was done with, which Wine does not know"
        left_out+=("$name")
    done
    local -a tests=(windows /usr/bin/cargo test --target "$target" --no-fail-fast)
    local status=0
    RUST_TEST_NOCAPTURE=1 "${tests[@]}" --package netstat-wire --package netstat --package guide-tests \
        -- "${left_out[@]/#/--skip=}" || status=1
    # One after another: they count rows. Wine reads /proc/net/tcp in pieces of a kilobyte, and at the end of the file the
    # kernel repeats as many of the last rows as sockets were opened meanwhile.
    RUST_TEST_THREADS=1 RUST_TEST_NOCAPTURE=1 "${tests[@]}" --package lsock -- "${left_out[@]/#/--skip=}" || status=1
    return "$status"
}

# A listener of this machine, which Wine shows to Windows programs; prints its port, and stays ten minutes at
# the most.
listener() {
    exec perl -MIO::Socket::INET -e '
        $| = 1;
        my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1) or die "listen: $!";
        print $listener->sockport, "\n";
        sleep 600;'
}

run_old_program() {
    windows /usr/bin/cargo run --quiet --target "$target" --manifest-path "$(old_program "$1")" | tr -d '\r'
}

windows_programs() {
    local port printed listening_PID
    coproc listening { listener; }
    read -r port <&"${listening[0]}"

    printed=$(run_old_program netstat-0.7)
    grep -xF "TCP 127.0.0.1:$port -> 0.0.0.0:0 [0] - LISTEN" <<<"$printed"
    printed=$(run_old_program netstat2-0.11)
    grep -x 'netstat2 program: done' <<<"$printed"
    printed=$(run_old_program netstat2-globs)
    grep -x 'program with two globs: done' <<<"$printed"

    build_lsock
    printed=$("$wine" "$program" --json)
    perl -MJSON::PP -e '
        my ($port) = @ARGV;
        my $document = decode_json(join "", <STDIN>);
        die "not the schema lsock/1\n" unless $document->{schema} eq "lsock/1";
        my ($row) = grep { $_->{local}{port} == $port && ($_->{state} // "") eq "LISTEN" } @{$document->{sockets}};
        die "port $port is not listed\n" unless $row;
        print "lsock.exe: $row->{protocol} $row->{local}{addr}:$row->{local}{port} $row->{state}, ",
            scalar @{$document->{sockets}}, " rows\n";' "$port" <<<"$printed"
    "$wine" "$program" completions powershell | grep -c Register-ArgumentCompleter >/dev/null
    kill "$listening_PID"
}

# What a program imports, as LIBRARY SYMBOL.
imports() {
    x86_64-w64-mingw32-objdump -p "$1" |
        awk '/DLL Name:/ {library = tolower($3)} /^[ \t]*[0-9a-f]+[ \t]+[0-9]+[ \t]+[^ \t]+$/ {print library, $NF}' | LC_ALL=C sort -u
}

# The imports of $1 that the list $2 does not have, and a failure if there are any.
forbidden_imports() {
    local more
    more=$(LC_ALL=C comm -23 <(imports "$1") <(grep -v '^#' "$2" | LC_ALL=C sort -u))
    [ -z "$more" ] || {
        printf 'not in the list of imports: %s\n' "${more//$'\n'/, }"
        return 1
    }
}

# Of the unoptimised program: it imports all that the optimised one does.
windows_imports() {
    build_lsock
    [ "$(imports "$program" | wc -l)" -gt 20 ]
    forbidden_imports "$program" ci/windows-imports.txt
    echo "$(imports "$program" | wc -l) imports, all of them in the list"
}

windows_prove() {
    local made
    made=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$made'" RETURN
    printf '%s\n' '[package]' 'name = "fails"' 'edition = "2024"' '[lib]' 'path = "lib.rs"' '[workspace]' >"$made/Cargo.toml"
    printf '%s\n' '#[test]' 'fn fails() {' '    assert!(!cfg!(windows));' '}' >"$made/lib.rs"
    if windows /usr/bin/cargo test --quiet --target "$target" --manifest-path "$made/Cargo.toml" >"$made/log" 2>&1; then
        echo 'windows.sh: a failing test under Wine went unnoticed' >&2
        return 1
    fi
    grep -q 'test result: FAILED. 0 passed; 1 failed' "$made/log"
    build_lsock
    grep -v 'iphlpapi.dll GetExtendedTcpTable' ci/windows-imports.txt >"$made/list"
    if forbidden_imports "$program" "$made/list" >"$made/log"; then
        echo 'windows.sh: an import that is not in the list went unnoticed' >&2
        return 1
    fi
    grep -qx 'not in the list of imports: iphlpapi.dll GetExtendedTcpTable' "$made/log"
    echo 'a failing test and a forbidden import are noticed'
}

[ $# -gt 0 ] || set -- setup check tests programs imports prove
for name; do
    case $name in
        setup | check) step "windows $name" "windows_$name" ;;
        tests | programs | imports | prove)
            if ! have_wine; then
                skip "windows $name: no Wine (ci/install.sh windows, ci/windows.sh setup)"
            elif set_up "windows $name" "$target"; then
                start_wine
                step "windows $name" "windows_$name"
            fi
            ;;
        *)
            echo "windows.sh: no step named $name" >&2
            exit 2
            ;;
    esac
done
