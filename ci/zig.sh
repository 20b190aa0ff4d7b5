# shellcheck shell=bash
# zig, which links programs for other systems and has their C libraries and headers; sourced after common.sh, not run.
#
#   has_zig                 whether it is there
#   make_zig                installs it from PyPI, with cargo-zigbuild, below $NETSTAT_CI_CACHE
#   zig_build ARGUMENT...   cargo-zigbuild, by Debian's Rust (ci/debian-rust.sh); assignments may precede the arguments
#   zig_cc ARGUMENT...      its C compiler
#   zig_library             the folder of its C libraries

zig=$(cache_dir zig)

has_zig() { [ -x "$zig/bin/cargo-zigbuild" ]; }

make_zig() {
    has_zig && return
    if has_packages python3-venv; then
        python3 -m venv "$zig"
        "$zig/bin/pip" install -q 'ziglang==0.17.1' 'cargo-zigbuild==0.24.0'
    else
        skip "zig: python3-venv is not installed (ci/install.sh $1)"
    fi
}

# Not a release build: the standard library has no bitcode to optimise at link time, and cannot be linked with what aborts.
zig_build() {
    local -a set=()
    while [[ ${1:-} == *=* ]]; do
        set+=("$1")
        shift
    done
    debian PATH="$zig/bin:/usr/bin:$PATH" "${set[@]}" "$zig/bin/cargo-zigbuild" zigbuild --quiet "$@"
}

zig_cc() { "$zig/bin/python" -m ziglang cc "$@"; }

zig_library() { echo "$zig"/lib/python3*/site-packages/ziglang/lib/libc; }
