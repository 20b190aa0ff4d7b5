#!/usr/bin/env bash
# All that can be shown of the macOS back end without a Mac, on a bare Debian machine. The rest is shown by
# ci/on-a-mac.sh; and the back end is run against a scripted kernel by the tests, on every system.
#
#   ci/macos.sh [STEP...]      default: setup check layout link imports prove
#
#   setup    Debian's compiler with the standard library of each target; zig, as linker and for Apple's headers
#   check    types and lints for $APPLE, with the layouts that libc knows compared at compile time; and the programs
#            of the old interface
#   layout   the layouts that the decoders rely on, against Apple's header sys/proc_info.h
#   link     lsock as a program for both processors of a Mac, in $CARGO_TARGET_DIR/macos
#   imports  each is what it should be, loads only libraries of the system, and imports only what libSystem exports
#   prove    the checks before can fail: each is given something wrong
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source-path=SCRIPTDIR source=debian-rust.sh
. "$(dirname "$0")/debian-rust.sh"
# shellcheck source-path=SCRIPTDIR source=zig.sh
. "$(dirname "$0")/zig.sh"
cd "$repo"

: "${APPLE:=aarch64-apple-darwin x86_64-apple-darwin aarch64-apple-ios}"
macs=(aarch64-apple-darwin x86_64-apple-darwin)
target_dir=${CARGO_TARGET_DIR:-target}/macos

# As a Mac calls the processor of a target.
processor() { case $1 in aarch64-*) echo arm64 ;; *) echo x86_64 ;; esac }
program() { echo "$target_dir/$1/debug/lsock"; }
stub() { echo "$(zig_library)/darwin/libSystem.tbd"; }

macos_setup() {
    ci/install.sh macos
    TARGETS=$APPLE ci/cross.sh setup
    make_zig macos
}

macos_check() {
    TARGETS=$APPLE ci/cross.sh check
    check_old_programs "${macs[@]}"
}

macos_layout() {
    local target made
    made=$(mktemp)
    for target in aarch64-macos x86_64-macos; do
        zig_cc -target "$target" -c -o "$made" "${1:-ci/macos-layout.c}" || return
        echo "$target: as in the header"
    done
    rm -f "$made"
}

link_lsock() {
    local target
    for target in "${macs[@]}"; do
        zig_build CARGO_TARGET_DIR="$target_dir" --package lsock --target "$target"
    done
}

macos_link() {
    local target
    link_lsock
    for target in "${macs[@]}"; do
        ls -l "$(program "$target")"
    done
}

macos_imports() {
    local target
    link_lsock
    for target in "${macs[@]}"; do
        python3 ci/macho.py "$(program "$target")" "$(processor "$target")" "$(stub)"
    done
}

# Fails if a check of something wrong succeeds, or fails for another reason than the one expected.
must_fail() { # REASON COMMAND...
    local reason=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "macos.sh: not found out: $reason" >&2
        return 1
    fi
    if ! grep -q -- "$reason" <<<"$said"; then
        printf 'macos.sh: found out, but not as "%s":\n%s\n' "$reason" "$said" >&2
        return 1
    fi
    echo "found out: $reason"
}

macos_prove() {
    local made good
    link_lsock
    made=$(mktemp -d)
    good=$(program "${macs[0]}")
    # Each replacement is as long as what it replaces, so that everything else stays where it is.
    sed 's/_proc_pidfdinfo\x00/_proc_pidfdinfz\x00/g' "$good" >"$made/symbol"
    must_fail 'libSystem does not export _proc_pidfdinfz' python3 ci/macho.py "$made/symbol" arm64 "$(stub)"
    sed 's,/usr/lib/libSystem\.B\.dylib,/opt/lib/libSystem.B.dylib,g' "$good" >"$made/library"
    must_fail 'it loads /opt/lib/libSystem.B.dylib' python3 ci/macho.py "$made/library" arm64 "$(stub)"
    must_fail 'for another processor than x86_64' python3 ci/macho.py "$good" x86_64 "$(stub)"
    must_fail 'no 64-bit Mach-O file' python3 ci/macho.py "$(command -v ls)" arm64 "$(stub)"
    head -c 4096 "$good" >"$made/cut"
    must_fail "$made/cut: " python3 ci/macho.py "$made/cut" arm64 "$(stub)"
    sed 's/soi_so, 160/soi_so, 164/' ci/macos-layout.c >"$made/layout.c"
    must_fail 'socket_fdinfo.psi.soi_so' macos_layout "$made/layout.c"
    rm -rf "$made"
}

[ $# -gt 0 ] || set -- setup check layout link imports prove
for name; do
    case $name in
        setup | check) step "macos $name" "macos_$name" ;;
        layout | link | imports | prove)
            if ! has_zig; then
                skip "macos $name: no zig (ci/macos.sh setup)"
            elif [ "$name" = layout ] || { set_up "macos $name" "${macs[0]}" && set_up "macos $name" "${macs[1]}"; }; then
                step "macos $name" "macos_$name"
            fi
            ;;
        *)
            echo "macos.sh: no step named $name" >&2
            exit 2
            ;;
    esac
done
