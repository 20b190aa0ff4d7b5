#!/usr/bin/env bash
# Packages every crate that is published, as `cargo publish` would, and compiles what the packages contain.
#
#   ci/package.sh
#
# Cargo unpacks each package and builds it, with the packages that it depends on taken from this run instead of the
# registry. What Cargo leaves out is checked as well: that each package has its licences and README as files, that
# nothing in it refers to a file outside, and that its tests compile with all features.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

target=${CARGO_TARGET_DIR:-target}
packaged=$target/packaged
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_PROFILE_DEV_DEBUG=0

mapfile -t manifests < <(grep -L '^publish = false$' crates/*/Cargo.toml)
mapfile -t names < <(sed -n '/^\[package\]/,/^name/s/^name = "\(.*\)"$/\1/p' "${manifests[@]}")
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)

# Cargo keeps what it unpacks and compiles from a registry, and takes a version that it has for the same code.
forget() {
    local name registry=${CARGO_HOME:-$HOME/.cargo}/registry
    rm -rf "$packaged"
    for name in "${names[@]}"; do
        # The registry of a run of cargo package has no host in its name.
        rm -rf "$registry"/src/-*/"$name-$version" "$registry"/cache/-*/"$name-$version.crate"
    done
}

packages_build() {
    forget
    cargo package --target-dir "$packaged" --quiet --locked --allow-dirty "${names[@]/#/--package=}"
}

files_are_there() {
    local name folder file wrong=0
    for name in "${names[@]}"; do
        # With the time of now (-m): Cargo would take old files for those that it has compiled.
        tar -xzmf "$packaged/package/$name-$version.crate" -C "$work"
        folder=$work/$name-$version
        for file in LICENSE-MIT LICENSE-APACHE $(sed -n 's/^readme = "\(.*\)"$/\1/p' "$folder/Cargo.toml"); do
            # A symbolic link is packaged as what it leads to. One that Git could not make is a text of one line.
            if [ -L "$folder/$file" ] || [ "$(wc -l <"$folder/$file")" -lt 2 ]; then
                echo "$name: $file is not packaged"
                wrong=1
            fi
        done
        if [ -n "$(find "$folder/tests" -maxdepth 1 -type f 2>/dev/null)" ]; then
            echo "$name: tests that need a checkout are packaged"
            wrong=1
        fi
        echo "$name $version: $(find "$folder" -type f | wc -l) files, $(stat -c %s "$packaged/package/$name-$version.crate") bytes"
    done
    return "$wrong"
}

# A workspace of the unpacked packages alone. They depend on each other by version, as they do in the registry.
tests_compile() {
    local name
    {
        printf '[workspace]\nresolver = "3"\nmembers = ["*-%s"]\n[patch.crates-io]\n' "$version"
        for name in "${names[@]}"; do
            printf '%s = { path = "%s-%s" }\n' "$name" "$name" "$version"
        done
    } >"$work/Cargo.toml"
    cp Cargo.lock "$work/"
    CARGO_TARGET_DIR=$(realpath "$target")/package-tests \
        cargo test --quiet --no-run --workspace --all-features --manifest-path "$work/Cargo.toml"
}

step "packages of ${names[*]}" packages_build
step 'files of the packages' files_are_there
step 'tests in the packages' tests_compile
