#!/usr/bin/env bash
# Finds what no compiler finds: each rule of the source that is broken, as FILE:LINE: which rule.
#
#   ci/tidy.sh [DIRECTORY]     default: this checkout
#
# ci/tidy_test.sh shows that each rule can fail.
# shellcheck disable=SC2016  # perl's own dollars
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "${1:-$repo}"
found=0

offences() { # reads FILE:LINE[: what] lines, prints each with the rule
    local rule=$1 line
    while IFS= read -r line; do
        [ -n "$line" ] || continue
        printf '%s: %s\n' "$line" "$rule"
        found=$((found + 1))
    done
}

# Every file that belongs to the project: what is built, and what git keeps for itself, left out.
files() {
    find . \( -name target -o -name .git -o -name corpus -o -name artifacts \) -prune -o -type f -print | sed 's,^\./,,' | LC_ALL=C sort
}

# Runs a command on the files whose names come in lines.
each_by() { tr '\n' '\0' | xargs -0 -r "$@"; }

rust_files() { files | grep '\.rs$' || true; }

# Rule: an operating system is named in few places. A test may be for one system as a whole, and programs of the old
# interface have what that interface has on each.
system_cfgs() {
    rust_files | grep -vE '^crates/[^/]+/src/sys/mod\.rs$|(^|/)ffi\.rs$|^crates/netstat/src/compat\.rs$|^crates/socket-world/(src/lib|examples/kernel_world/main)\.rs$|^crates/netstat/tests/old_programs/|^bench/|^fuzz/' |
        each_by perl -0777 -ne '
            s{//[^\n]*}{}g;
            while (/(#!\[\s*)?\bcfg(?:_attr|!)?\s*(\((?:[^()]++|(?2))*+\))/g) {
                my ($whole_file, $condition, $at) = ($1, $2, $-[0]);
                # A feature may have the name of a system.
                $condition =~ s/"[^"]*"//g;
                next unless $condition =~ /\b(?:target_os|target_family|target_vendor|unix|windows)\b/;
                next if $whole_file && $ARGV =~ m{^crates/[^/]+/(?:tests|examples)/};
                my $line = 1 + (substr($_, 0, $at) =~ tr/\n//);
                print "$ARGV:$line\n";
            }'
}

# Rule: `unsafe` only in files named ffi.rs.
unsafe_code() {
    rust_files | grep -vE '(^|/)ffi\.rs$' |
        each_by perl -ne '
            s{//.*}{};
            s/"(?:[^"\\]|\\.)*"//g;
            print "$ARGV:$.\n" if /\bunsafe\b/;
            close ARGV if eof;'
}

# Rule: a fixture says where it comes from, in its first lines and in its name.
fixture_headings() {
    { files | grep -E '/tests/fixtures/.*\.(hex|txt)$' || true; } |
        while IFS= read -r file; do
            local heading key
            heading=$(sed -n '/^#/!q;p' "$file")
            for key in source command kernel date 'byte order' 'pointer width'; do
                grep -qE "^# $key: ." <<<"$heading" || printf '%s:1: no line "# %s: ..."\n' "$file" "$key"
            done
            [[ $(basename "$file") =~ ^[a-z]+-[0-9a-z.]+__[a-z0-9_]+\.(hex|txt)$ ]] ||
                printf '%s:1: not named SYSTEM-VERSION__WHAT.hex or .txt\n' "$file"
        done
}

# Lines of the project's text that match, as FILE:LINE.
lines_with() {
    files | each_by grep -InHE -- "$1" | cut -d: -f1,2 || true
}

# Rule: nothing is left to do later. (The words are in two parts here, or this file would break the rule.)
left_to_do() { lines_with "\\b(TO""DO|FIX""ME|X""XX)\\b"; }

# Rule: no path of one machine.
machine_paths() { lines_with "(^|[^[:alnum:]_.~-])/(wor""k|roo""t|hom""e/[a-z]+|User""s/[A-Za-z]+)/"; }

# Rule: no file of a crate imports a file that imports it, directly or through others.
import_cycles() {
    local crate crates=() status=0
    for crate in crates/*; do
        [ ! -e "$crate/src/lib.rs" ] && [ ! -e "$crate/src/main.rs" ] || crates+=("$crate")
    done
    [ ${#crates[@]} -gt 0 ] || return 0
    # 1 means that there are cycles, more that the check could not be done.
    "$repo/ci/cycles.py" "${crates[@]}" || status=$?
    [ "$status" -le 1 ]
}

offences 'an operating system in a cfg outside sys/mod.rs, ffi.rs and compat.rs' < <(system_cfgs)
offences 'unsafe outside a file named ffi.rs' < <(unsafe_code)
offences 'a fixture without its heading' < <(fixture_headings)
offences 'something left to do' < <(left_to_do)
offences 'a path of one machine' < <(machine_paths)
cycles=$(import_cycles)
offences 'an import cycle' <<<"$cycles"

if [ "$found" -gt 0 ]; then
    echo "tidy: $found found"
    exit 1
fi
echo "tidy: nothing found in $(files | wc -l) files"
