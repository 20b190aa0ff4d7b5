#!/usr/bin/env bash
# Boots other kernels, each with a small world of sockets inside, and holds lsock to the world's own account.
#
#   ci/kernels.sh [KERNEL...]    default: uml 5.10 6.1 6.12 newest
#   ci/kernels.sh --all          and the newest of every other series that Debian's suites offer
#
#   KERNEL   uml: user-mode Linux; 6.1: the newest Debian cloud kernel of that series, emulated (no KVM is
#            needed), from this machine's own package sources or else from Debian's other suites;
#            newest: that of the newest series that is offered to users of a release
#
# Each kernel is booted with the modules that answer netlink requests about sockets (sock_diag), without them,
# and with those for TCP alone: lsock must list the same rows each time, and say which tables it took from
# /proc/net instead. Owners are looked up by each of their sources, which must agree: the line of a boot has what was
# used for each that was asked for. User-mode Linux has no types of its structures (BTF), so that there lsock must say so
# and use procfs. The newest kernel of this machine's own sources is also booted with lockdown=confidentiality, which
# must change nothing. What the library counts without listing must be what is there.
# crates/socket-world/examples/kernel_world makes the world and compares.
#
# Packages are downloaded by apt and unpacked below $NETSTAT_CI_CACHE (default ~/.cache/netstat-ci), nothing
# is installed: the emulator's package would remove another one. No root is needed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
cd "$repo"

limit=180 # seconds a guest may take
cache=$(cache_dir kernels)
root=$cache/root
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt_config=() # options of the package sources in use
passed=0
failed=()

# --- packages ---------------------------------------------------------------------------------------------

apt_get() { apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=2 "${apt_config[@]}" "$@"; }
apt_cache() { apt-cache "${apt_config[@]}" "$@"; }

unpack() { # FOLDER PACKAGE...
    local folder=$1 downloads=$work/deb file
    shift
    rm -rf "$downloads"
    mkdir -p "$downloads" "$folder"
    (cd "$downloads" && apt_get download "$@" >&2) || return 1
    for file in "$downloads"/*.deb; do
        dpkg -x "$file" "$folder" || return 1
    done
}

unpack_tools() {
    [ -x "$root/bin/busybox" ] || unpack "$root" busybox-static
}

unpack_uml() {
    [ -x "$root/usr/bin/linux.uml" ] || unpack "$root" user-mode-linux
}

# The emulator with those of its libraries that this machine lacks.
unpack_qemu() {
    local -a packages
    if command -v qemu-system-x86_64 >/dev/null || [ -e "$root/qemu-whole" ]; then
        return
    fi
    mapfile -t packages < <(apt_get install -s --no-install-recommends qemu-system-x86 | awk '$1 == "Inst" {print $2}')
    unpack "$root" "${packages[@]}" || return 1
    touch "$root/qemu-whole"
}

unpack_kernel() { # VERSION
    local folder=$cache/$1
    [ ! -e "$folder/whole" ] || return 0
    unpack "$folder" "linux-image-$1" || true
    # Newer kernels come in several packages.
    if [ -z "$(find "$folder" -name "vmlinuz*" -print -quit)" ]; then
        unpack "$folder" "linux-binary-$1" "linux-modules-$1" || return 1
    fi
    touch "$folder/whole"
}

# The newest cloud kernel of a series that the package sources in use have: a full version string.
newest() { # SERIES
    available | awk -v series="$1" '$1 "" == series "" {print $2}' | tail -1
}

# SERIES VERSION of every cloud kernel, in ascending order: those that come whole, in one package or in several.
# (The list also has names of packages that do not exist, if another package depends on them.)
available() {
    local kind
    for kind in image binary modules; do
        apt_cache pkgnames "linux-$kind-"
    done | grep -E -- '-[0-9]+\.[0-9]+[^ ]*-cloud-amd64$' | xargs -r apt-cache "${apt_config[@]}" show 2>/dev/null |
        sed -nE 's/^Package: linux-(image|binary|modules)-(([0-9]+\.[0-9]+)[^ ]*-cloud-amd64)$/\1 \3 \2/p' |
        awk '{has[$1, $3] = 1; series[$3] = $2}
            END {for (v in series) if (has["image", v] && (has["modules", v] || !has["binary", v])) print series[v], v}' |
        sort -V
}

# Debian's other suites, from wherever this machine has Debian from; with lists of their own.
use_other_suites() { # [SUITE...]
    local folder=$cache/apt${1:+-$1} site suite
    [ $# -gt 0 ] || set -- bullseye bookworm-backports trixie trixie-backports sid
    # shellcheck disable=SC2016  # apt's own names
    site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" {print $1; exit}')
    [ -n "$site" ] || return 1
    mkdir -p "$folder"/{lists/partial,cache/archives/partial}
    for suite; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main"
    done >"$folder/sources.list"
    apt_config=(-o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o Acquire::Languages=none)
    apt_get update || echo 'not every suite could be had'
}

# --- the guest --------------------------------------------------------------------------------------------

initramfs=$work/initramfs

# A program with its shared libraries, at the paths where the loader looks.
put_program() { # FILE
    local library
    mkdir -p "$initramfs/bin"
    strip -o "$initramfs/bin/$(basename "$1")" "$1"
    for library in $(ldd "$1" | grep -oE '/[^ ]+'); do
        mkdir -p "$initramfs$(dirname "$library")"
        cp -Ln "$library" "$initramfs$library"
    done
}

put_module() { # NAME MODULES_FOLDER FOLDER; with what it depends on; nothing if it is built in
    local file to=$3/$1.ko name
    [ ! -e "$to" ] || return 0
    # Its file has either sign: raw_diag.ko, crc32c-intel.ko.
    file=$(find "$2" -name "${1//_/[-_]}.ko*" -print -quit)
    case $file in
        *.xz) xz -dc "$file" >"$to" ;;
        *.ko) cp "$file" "$to" ;;
        *) return 0 ;;
    esac
    for name in $(tr '\0' '\n' <"$to" | sed -n 's/^depends=//p' | tr ',' ' '); do
        put_module "${name//-/_}" "$2" "$3"
    done
}

# MODULES: all, which the kernel loads by itself when it needs them; a list of those that are loaded; or nothing.
put_modules() { # MODULES VERSION MODULES_FOLDER
    local folder=$initramfs/lib/modules/$2 name
    [ -n "$1" ] || return 0
    mkdir -p "$folder" "$initramfs/sbin"
    for name in inet_diag tcp_diag udp_diag raw_diag ipv6; do
        put_module "$name" "$3" "$folder"
    done
    cp "$3/modules.builtin" "$3/modules.order" "$folder/" 2>/dev/null || true
    "$root/bin/busybox" depmod -b "$initramfs" "$2" 2>/dev/null
    ln -s ../bin/busybox "$initramfs/sbin/modprobe"
}

put_init() { # MODULES FALLBACKS LOCKDOWN SOURCE=USED...
    {
        echo '#!/bin/busybox sh'
        echo 'export PATH=/bin:/sbin'
        echo '/bin/busybox mkdir -p /proc /sys /tmp /dev'
        echo '/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys; /bin/busybox mount -t devtmpfs dev /dev'
        echo '/bin/busybox ip link set lo up'
        case $1 in
            '') ;;
            all) echo '[ -d /proc/sys/net/ipv6 ] || /sbin/modprobe ipv6' ;;
            *) echo "for name in $1; do /sbin/modprobe \$name; done; /bin/busybox rm /sbin/modprobe" ;;
        esac
        if [ -n "$3" ]; then
            echo '/bin/busybox mount -t securityfs security /sys/kernel/security'
            echo "/bin/busybox grep -qF '[$3]' /sys/kernel/security/lockdown || /bin/busybox poweroff -f"
        fi
        echo "echo @@BEGIN; /bin/kernel_world $2 /bin/lsock /bin/count_sockets $(printf "'%s' " "${@:4}"); echo @@END \$?"
        echo '/bin/busybox poweroff -f'
    } >"$initramfs/init"
    chmod +x "$initramfs/init"
}

boot_uml() {
    timeout -k 2 "$limit" "$root/usr/bin/linux.uml" mem=512M initrd="$work/initramfs.gz" con=null con0=null,fd:1 \
        quiet loglevel=1 rdinit=/init uml_dir="$work"
}

boot_qemu() { # VMLINUZ ARGUMENTS
    local -a qemu=(qemu-system-x86_64)
    command -v qemu-system-x86_64 >/dev/null ||
        qemu=(env LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu"
            "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
    timeout -k 2 "$limit" "${qemu[@]}" -M q35 -accel tcg -cpu max -m 512 -nodefaults -no-user-config -display none \
        -no-reboot -serial stdio -kernel "$1" -initrd "$work/initramfs.gz" \
        -append "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off random.trust_cpu=on rdinit=/init $2"
}

pack() {
    (cd "$initramfs" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs.gz"
}

# A guest with a shell that says @@END 0 and nothing else.
pack_nothing() {
    rm -rf "$initramfs"
    mkdir -p "$initramfs/bin"
    cp "$root/bin/busybox" "$initramfs/bin/"
    printf '%s\n' '#!/bin/busybox sh' 'echo @@END 0' '/bin/busybox poweroff -f' >"$initramfs/init"
    chmod +x "$initramfs/init"
    pack
}

boot() { # KERNEL WHAT MODULES FALLBACKS [LOCKDOWN]
    local kernel=$1 what=$2 lockdown=${5:-} start=$SECONDS version modules output status
    # What is used where each is asked for; for auto it depends on how much is open.
    local -a sources=('procfs=procfs (asked for)' 'bpf=bpf (asked for)' 'one-pass=one-pass (asked for)' auto=)
    rm -rf "$initramfs"
    mkdir -p "$initramfs/bin"
    cp "$root/bin/busybox" "$initramfs/bin/"
    put_program "$programs/lsock"
    put_program "$programs/examples/kernel_world"
    put_program "$programs/examples/count_sockets"
    if [ "$kernel" = uml ]; then
        version=$("$root/usr/bin/linux.uml" --version)
        modules=$root/usr/lib/uml/modules/$version
        sources[1]='bpf=procfs (/sys/kernel/btf/vmlinux: No such file'
        sources[2]='one-pass=procfs (/sys/kernel/btf/vmlinux: No such file'
    else
        version=$kernel
        modules=$(find "$cache/$kernel" -type d -path "*/lib/modules/$kernel" -print -quit)
        # It needs Linux 6.4; the reason is what the kernel lacks.
        [ "$(printf '%s\n' 6.4 "$version" | sort -V | head -n 1)" = 6.4 ] || sources[2]='one-pass=bpf (BTF: no '
    fi
    put_modules "$3" "$version" "$modules"
    put_init "$3" "$4" "$lockdown" "${sources[@]}"
    pack
    if [ "$kernel" = uml ]; then
        boot_uml
    else
        boot_qemu "$(find "$cache/$kernel" -type f -name 'vmlinuz*' -print -quit)" "${lockdown:+lockdown=$lockdown}"
    fi </dev/null >"$work/console" 2>&1 || true
    output=$(tr -d '\r' <"$work/console" | sed -n '/^@@BEGIN/,/^@@END/{/^@@/d;p}')
    status=$(tr -d '\r' <"$work/console" | sed -n 's/^@@END \([0-9]*\)$/\1/p')
    [ "$kernel" != uml ] || kernel="uml $version"
    if [ "$status" = 0 ]; then
        printf '%s, %s: %s (%d s)\n' "$kernel" "$what" "$output" $((SECONDS - start))
        passed=$((passed + 1))
    else
        printf '%s, %s: FAILED (%d s)\n%s\n' "$kernel" "$what" $((SECONDS - start)) "$output"
        [ -n "$status" ] || tail -20 "$work/console"
        failed+=("$kernel, $what")
    fi
}

# --- which kernels ----------------------------------------------------------------------------------------

# Whether user-mode Linux runs a shell that does nothing. On processors with AMX it does not: the floating-point state
# is larger than its buffer, and the kernel below takes the whole state only. Any other failure is one of the boots'.
uml_sets_fp_state() {
    pack_nothing
    boot_uml </dev/null >"$work/console" 2>&1 || true
    ! grep -q put_fp_registers "$work/console" || grep -q '^@@END 0' <(tr -d '\r' <"$work/console")
}

run_uml() {
    if ! unpack_uml; then
        skip 'user-mode Linux: its package could not be had'
        return
    fi
    if ! uml_sets_fp_state; then
        skip "user-mode Linux $("$root/usr/bin/linux.uml" --version): it cannot set the floating-point state of this processor"
        return
    fi
    boot uml 'all modules' all none
    # inet_diag and tcp_diag are built in.
    boot uml 'no module for UDP' ipv6 udp
    boot uml 'no modules' '' udp
}

run_version() { # VERSION [LOCKDOWN]
    if ! unpack_kernel "$1"; then
        skip "kernel $1: its packages could not be had"
        return
    fi
    boot "$1" 'all modules' all none
    boot "$1" 'no module for UDP' tcp_diag udp
    boot "$1" 'no modules' '' tcp,udp
    [ $# = 1 ] || boot "$1" "lockdown=$2" all none "$2"
}

run_series() { # SERIES [LOCKDOWN]
    local version
    version=$(newest "$1")
    if [ -z "$version" ] && use_other_suites; then
        version=$(newest "$1")
    fi
    if [ -z "$version" ]; then
        skip "kernel $1: no cloud kernel of that series in the package sources"
    elif ! unpack_qemu; then
        skip "kernel $1: the emulator could not be had"
    else
        run_version "$version" "${@:2}"
    fi
}

# A kernel of another release of Debian, which may not be offered any more: the newest one of a suite, or of a series.
run_of_suite() { # SUITE [SERIES]
    local own=("${apt_config[@]}") version=
    if ! unpack_qemu; then
        skip "kernel ${2:-newest}: the emulator could not be had"
        return
    fi
    if use_other_suites "$1"; then
        version=$(available | awk -v series="${2:-}" 'series == "" || $1 "" == series "" {print $2}' | tail -1)
    fi
    if [ -n "$version" ]; then
        run_version "$version"
    else
        skip "kernel ${2:-newest}: $1 does not offer one"
    fi
    apt_config=("${own[@]}")
}

run_others() {
    local series
    if ! use_other_suites; then
        skip "other kernels: Debian's address is not among the package sources"
        return
    fi
    mapfile -t series < <(available | awk '{print $1}' | uniq | grep -vxE '5\.10|6\.1|6\.12')
    echo "found: ${series[*]:-none}"
    for one in "${series[@]}"; do
        run_series "$one"
    done
}

if [ "$(uname -sm)" != 'Linux x86_64' ] || ! command -v apt-get >/dev/null; then
    skip 'other kernels: these are for Linux on x86-64, with apt'
    exit 0
fi
if ! unpack_tools; then
    skip 'other kernels: no packages can be downloaded'
    exit 0
fi
programs=${CARGO_TARGET_DIR:-target}/debug
step 'kernels: build' cargo build --quiet --package lsock --package socket-world --package netstat \
    --bin lsock --example kernel_world --example count_sockets
[ $# -gt 0 ] || set -- uml 5.10 6.1 6.12 newest
for kernel; do
    case $kernel in
        uml) step 'kernels: user-mode Linux' run_uml ;;
        --all)
            step 'kernels: user-mode Linux' run_uml
            step 'kernels: 5.10' run_of_suite bullseye 5.10
            step 'kernels: 6.1' run_series 6.1
            step 'kernels: 6.12' run_series 6.12 confidentiality
            step 'kernels: other suites' run_others
            ;;
        5.10) step 'kernels: 5.10' run_of_suite bullseye 5.10 ;;
        newest) step 'kernels: newest' run_of_suite trixie-backports ;;
        6.12) step 'kernels: 6.12' run_series 6.12 confidentiality ;;
        [0-9]*.[0-9]*) step "kernels: $kernel" run_series "$kernel" ;;
        *)
            echo 'usage: ci/kernels.sh [--all | uml | newest | SERIES...]' >&2
            exit 2
            ;;
    esac
done
printf '\nkernels: %d passed, %d failed\n' "$passed" "${#failed[@]}"
[ ${#failed[@]} = 0 ] || {
    printf 'failed: %s\n' "${failed[@]}"
    exit 1
}
