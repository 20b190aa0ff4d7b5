# shellcheck shell=bash
# Debian's Rust with a standard library for other systems; sourced after common.sh, not run.
#
#   debian COMMAND...        runs it with Debian's compiler and cargo, which find each standard library made before;
#                            assignments may precede the command; what it builds is below $cross_dir
#   make_std TARGET...       makes the standard libraries that are missing
#   set_up WHAT TARGET       whether WHAT can be built for TARGET; if not, prints what is skipped and the command it needs
#   old_program NAME         copies a program of the old interface, so that what it builds stays out of the sources, and
#                            prints the path of the copy's Cargo.toml
#   check_old_programs TARGET...   checks the types of all of them
#
# Everything built for another system is built by Debian's compiler (`rustc-web`), whatever targets rustup has: a
# step needs what its setup made and nothing else, and the result is the same on every machine. Debian's compiler
# is the one that comes with the sources of its standard library (`rust-web-src`). The library is compiled once for
# each target, into a sysroot below $NETSTAT_CI_CACHE (default ~/.cache/netstat-ci). From then on the target
# is as good as installed, for any profile, without unstable options.

sysroot=$(cache_dir sysroot)
cross_dir=${CARGO_TARGET_DIR:-target}/cross

# Programs are named by their paths, since an environment or a configuration made for rustup leads elsewhere.
debian() {
    local target name
    local -a flags=()
    for target in "$sysroot"/lib/rustlib/*/made-by; do
        [ -e "$target" ] || continue
        name=$(basename "$(dirname "$target")" | tr 'a-z-' 'A-Z_')
        flags+=("CARGO_TARGET_${name}_RUSTFLAGS=--sysroot $sysroot" "CARGO_TARGET_${name}_RUSTDOCFLAGS=--sysroot $sysroot")
    done
    env -u CARGO -u RUSTUP_TOOLCHAIN -u RUSTFLAGS -u RUSTDOCFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_ENCODED_RUSTDOCFLAGS \
        PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc CARGO_INCREMENTAL=0 \
        CARGO_TARGET_DIR="$cross_dir" "${flags[@]}" "$@"
}

has_debian_rust() { has_packages rustc-web cargo-web rust-web-src rust-web-clippy; }

# The compiler that made a standard library: no other can read it.
compiler() { /usr/bin/rustc -vV | sha256sum | cut -c1-16; }

has_std() { [ "$(cat "$sysroot/lib/rustlib/$1/made-by" 2>/dev/null)" = "$(compiler)" ]; }

set_up() {
    if ! has_debian_rust; then
        skip "$1: Debian's Rust is not installed (ci/install.sh cross)"
    elif ! has_std "$2"; then
        skip "$1: no standard library for $2 (TARGETS=$2 ci/cross.sh setup)"
    else
        return 0
    fi
    return 1
}

# Unoptimised, since that takes no longer than what a check needs and can be linked as well; all targets at
# once, since `core` is one long job on one thread. One caller at a time: the sysroot is shared by all checkouts.
make_std() (
    need=()
    arguments=()
    exec 9>"$sysroot/lock"
    flock --wait 3600 9
    for target; do
        has_std "$target" && continue
        need+=("$target")
        arguments+=(--target "$target")
        # One that another compiler made would be found in its place.
        rm -rf "$sysroot/lib/rustlib/$target"
    done
    if [ ${#need[@]} = 0 ]; then
        echo 'nothing to make'
        exit
    fi
    made=$(mktemp -d)
    trap 'rm -rf "$made"' EXIT
    printf '%s\n' '[package]' 'name = "std-maker"' 'version = "0.0.0"' 'edition = "2024"' '[lib]' 'path = "lib.rs"' \
        '[profile.release]' 'opt-level = 0' 'debug = 0' 'codegen-units = 16' '[workspace]' >"$made/Cargo.toml"
    echo '#![no_std]' >"$made/lib.rs"
    echo "the standard library for: ${need[*]}"
    if ! (cd "$made" && debian CARGO_TARGET_DIR="$made/target" RUSTC_BOOTSTRAP=1 \
        /usr/bin/cargo -q -Zbuild-std=std,panic_unwind,test build --release "${arguments[@]}"); then
        echo 'the standard library could not be made' >&2
        exit 1
    fi
    for target in "${need[@]}"; do
        folder=$sysroot/lib/rustlib/$target
        mkdir -p "$folder/lib"
        cp "$made/target/$target/release/deps/"lib*.rlib "$folder/lib/"
        rm -f "$folder/lib/"libstd_maker*
        compiler >"$folder/made-by"
    done
)

old_program() {
    local from=crates/netstat/tests/old_programs/$1 copy=$cross_dir/old_programs/$1
    mkdir -p "$copy/src"
    sed "s,\"\.\./\.\./\.\.\",\"$PWD/crates/netstat\"," "$from/Cargo.toml" >"$copy/Cargo.toml"
    cp "$from/src/main.rs" "$copy/src/"
    # The versions of the workspace.
    cp Cargo.lock "$copy/"
    echo "$copy/Cargo.toml"
}

check_old_programs() {
    local target folder name
    local -a arguments=() names=()
    for target; do
        ! set_up 'programs of the old interface' "$target" || arguments+=(--target "$target")
    done
    [ ${#arguments[@]} -gt 0 ] || return 0
    for folder in crates/netstat/tests/old_programs/*/; do
        name=$(basename "$folder")
        debian /usr/bin/cargo check --quiet --manifest-path "$(old_program "$name")" "${arguments[@]}"
        names+=("$name")
    done
    echo "checked: ${names[*]} ${arguments[*]}"
}
