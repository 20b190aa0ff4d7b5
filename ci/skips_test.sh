#!/usr/bin/env bash
# Shows that ci/skips.sh refuses what is not allowed, and allows what is.
#
#   ci/skips_test.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
word=skipped # the lines of this test are not for the one who collects them

cat >"$folder/list" <<'LIST'
# comment

on any
line no [a-z]+ on this machine
why  some reason

on any
in cross windows
line 32 bits
why only there

on linux-before-0.1
line too old
why never here
LIST

output() { # STEP, what it has written from standard input
    mkdir -p "$folder/logs"
    cat >"$folder/logs/$1"
}

expect() { # STATUS TEXT; the outputs are gone afterwards
    local said status=0
    said=$("$repo/ci/skips.sh" "$folder/logs" "${list:-$folder/list}" 2>&1) || status=$?
    rm -rf "$folder/logs"
    if [ "$status" != "$1" ] || ! grep -qF -- "$2" <<<"$said"; then
        printf 'skips_test: expected %d and "%s", got %d:\n%s\n' "$1" "$2" "$status" "${said//skipped/SKIPPED}"
        failed=1
    fi
}

output check <<<"test a ... a::b: $word: no sense on this machine"
expect 0 ', 0 not allowed'
output check <<<'nothing of the kind'
expect 0 'skips: 0 kinds of lines'
# What is not on the list, alone or beside what is; with the name of a test or without.
output check <<<"$word: a new reason"
expect 1 "NOT ALLOWED: check: $word: a new reason"
output check <<<$'x\n'"test a ... a::b: $word: no sense on this machine"$'\n'"c: $word: a new reason"$'\r\nok'
expect 1 "NOT ALLOWED: check: c: $word: a new reason"
# A pattern is for the whole text, not for a part of it.
output check <<<"$word: no sense on this machine, and more"
expect 1 '1 not allowed'
# Twice the same is one line; two are two.
output check <<<"$word: new"$'\n'"$word: new"
expect 1 "$word: new (2 times)"
output check <<<"$word: new"$'\n'"$word: newer"
expect 1 '2 not allowed'
# In one step and not in another.
output windows <<<"a: $word: 32 bits"
expect 0 ', 0 not allowed'
output check <<<"a: $word: 32 bits"
expect 1 "NOT ALLOWED: check: a: $word: 32 bits"
# On another machine than this.
output check <<<"$word: too old"
expect 1 "NOT ALLOWED: check: $word: too old"
# Without an output nothing was compared.
mkdir "$folder/logs"
expect 2 'no output of any step'
# A list that says nothing clear allows nothing.
for text in $'on any\nline .*' $'on any\nwhy because' $'line .*\nwhy because' $'on everywhere\nline .*\nwhy because' $'allow .*'; do
    printf '%s\n' "$text" >"$folder/faulty"
    output check <<<"$word: a"
    list=$folder/faulty expect 2 "$folder/faulty: "
done
# The list that is used can be read, and allows none of these.
output check <<<"$word: a new reason"
list=$repo/ci/allowed-skips expect 1 '1 not allowed'

[ "$failed" = 0 ] || exit 1
echo 'skips_test: what is not allowed is refused'
