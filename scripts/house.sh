# shellcheck shell=bash disable=SC2034
# Sourced by ./serve and ./check: what the machine has, what it lacks, and how to get it.
#
# Everything is for Debian 12 and later and Ubuntu 24.04 and later. Elsewhere the packages are left to the reader.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
cache=${cache:-$root/.cache}/cxrd

# What the build needs. mesa-vulkan-drivers brings AMD, Intel and CPU drivers; NVIDIA's comes with its own package.
build_packages=(gcc g++ libc6-dev meson ninja-build pkg-config glslc check libvulkan-dev mesa-vulkan-drivers libcivetweb-dev
    libcjson-dev libjpeg-dev libstb-dev libyaml-dev zlib1g-dev libssl-dev libseccomp-dev libgdcm-dev)
# What the tests need besides. HAProxy, nginx and Prometheus are run by the tests only.
test_packages=(clang libclang-rt-dev clang-format shellcheck valgrind mold vulkan-validationlayers curl jq git python3
    python3-yaml python3-jsonschema python3-numpy python3-pil python3-pydicom libgdcm-tools dcmtk
    haproxy nginx prometheus systemd)

say()
{
    printf '%s\n' "$*" >&2
}

die()
{
    say "$*"
    exit 1
}

# Installs packages, of which none that brings a server starts it, now or when the machine starts. policy-rc.d is what Debian's
# packages ask before they start one; a machine's own is left as it is.
# shellcheck disable=SC2016 # another shell's variables
apt_install='
set -e
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    printf "#!/bin/sh\nexit 101\n" >"$policy"
    chmod +x "$policy"
fi
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -o DPkg::Lock::Timeout=300 -y --no-install-recommends "$@"
for server in haproxy nginx prometheus; do
    case " $* " in *" $server "*) systemctl disable "$server.service" || true ;; esac
done
'

# Installs the named packages that are missing, as root or through sudo.
install_missing() # PACKAGE...
{
    if ! command -v apt-get >/dev/null; then
        say "This is neither Debian nor Ubuntu; the packages needed are, by Debian's names: $*"
        return 0
    fi
    local missing log sudo=()
    mapfile -t missing < <(
        dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | awk '$2 == "installed" { print $1 }' |
            sort -u | comm -13 - <(printf '%s\n' "$@" | sort -u))
    ((${#missing[@]})) || return 0
    say "Installing ${missing[*]}"
    if ((EUID)); then
        command -v sudo >/dev/null || die "These packages need root to install, and there is no sudo: ${missing[*]}"
        sudo=(sudo)
    fi
    log=$(mktemp)
    if ! "${sudo[@]}" bash -c "$apt_install" bash "${missing[@]}" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "The packages could not be installed; see apt's words above."
    fi
    rm -f "$log"
}

# The CPU driver is fast from Mesa 26 on; before that it takes a minute to compile what it then runs slowly.
system_cpu_driver_is_fast()
{
    dpkg --compare-versions "$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null || echo 0)" ge 26
}

compiles_matrices() # GLSLC
{
    "$1" --target-env=vulkan1.3 "$root/shaders/probes/cooperative_matrix2.comp" -o /dev/null 2>/dev/null
}

# Sets the suites, components and packages of the private newer userland; false where none is known.
userland_plan()
{
    local ID='' ID_LIKE=''
    . /etc/os-release
    userland_packages=glslc,libvulkan1,libvulkan-dev,mesa-vulkan-drivers,vulkan-validationlayers
    case "$ID $ID_LIKE" in
    ubuntu*) userland_suite=resolute userland_extra=resolute-updates userland_components='main universe' ;;
    *debian*) userland_suite=trixie userland_extra=trixie-backports userland_components=main ;;
    *) return 1 ;;
    esac
    userland=$cache/userland-$userland_suite-$(printf '%s' "$userland_packages $userland_extra" | sha256sum | cut -c 1-8)
}

# The archive's address, out of this machine's own apt configuration.
archive_address()
{
    # shellcheck disable=SC2016 # apt fills these in, not the shell
    apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "main" && $1 !~ /security/ && $1 ~ /\/(debian|ubuntu)\/?$/ { print $1; exit }'
}

# Unpacks the userland into the cache, beside the system: no package of the machine is touched, and its programs run
# in place through its own loader. Sets $userland, or "" where it cannot be had (and says why in a line).
userland_ensure()
{
    userland_plan || { userland='' && return 0; }
    [[ -x $userland/run ]] && return 0
    mkdir -p "$cache"
    exec {lock}>"$cache/lock"
    flock "$lock"
    [[ -x $userland/run ]] || userland_unpack
    exec {lock}>&-
}

userland_unpack()
{
    local failed=$userland.failed partial=$userland.partial.$$ address log=$userland.log
    if [[ -n $(find "$failed" -mmin -60 2>/dev/null) ]]; then
        userland=''
        return 0 # said so less than an hour ago
    fi
    install_missing mmdebstrap
    say "Unpacking a newer shader compiler and CPU Vulkan driver ($userland_suite) into $userland"
    address=$(archive_address)
    if [[ -n $address ]] && mmdebstrap --mode=chrootless --skip=check/chrootless --variant=extract \
        --include="$userland_packages" --aptopt="APT::Default-Release \"$userland_extra\"" \
        --aptopt='Acquire::Check-Valid-Until "false"' "$userland_suite" "$partial" \
        "deb $address $userland_suite $userland_components" "deb $address $userland_extra $userland_components" \
        >"$log" 2>&1 && userland_finish "$partial" "$userland" && "$partial/glslc" --version >>"$log" 2>&1; then
        rm -rf "$failed" "$userland"
        mv "$partial" "$userland"
        return 0
    fi
    rm -rf "$partial"
    touch "$failed"
    say "The newer userland could not be unpacked (see $log); going on with the system's shader compiler and drivers:" \
        "no kernels on cooperative matrices."
    userland=''
}

# Writes the two programs that enter the userland: glslc, and run PROGRAM ARGS...; sets Vulkan's headers apart from
# another C library's.
userland_finish() # FOLDER FINAL_FOLDER
{
    local library_path loader
    rm -rf "${1:?}"/usr/share/{doc,man,locale,info} "${1:?}"/usr/lib/python3* "${1:?}/var"
    loader=$(cd "$1" && find usr/lib -name 'ld-linux*.so.*' | sort | head -n 1)
    library_path=$(cd "$1" && find usr/lib -maxdepth 1 -name '*-linux-gnu*' -type d | head -n 1)
    [[ -n $loader && -n $library_path && -e $1/usr/share/vulkan/icd.d/lvp_icd.json ]] || return 1
    mkdir "$1/include" && mv "$1"/usr/include/{vulkan,vk_video} "$1/include" && rm -rf "$1/usr/include" || return 1
    cat >"$1/glslc" <<END
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
exec "\$here/$loader" --library-path "\$here/$library_path" "\$here/usr/bin/glslc" "\$@"
END
    cat >"$1/run" <<END
#!/bin/sh
# Runs a program of this machine with the newer CPU Vulkan driver. What is no ELF program only gets the environment.
here=\$(dirname "\$(readlink -f "\$0")")
program=\$(command -v "\$1") || { echo "\$1: not found" >&2; exit 127; }
shift
export VK_DRIVER_FILES="\$here/usr/share/vulkan/icd.d/lvp_icd.json" VK_LAYER_PATH="\$here/usr/share/vulkan/explicit_layer.d"
if [ "\$(head -c 4 "\$program" | tail -c 3)" = ELF ]; then
    exec "\$here/$loader" --argv0 "\$program" \\
        --library-path "\$here/$library_path:\$here/$library_path/llvm" "\$program" "\$@"
fi
exec "\$program" "\$@"
END
    chmod +x "$1/glslc" "$1/run"
}

# Finds the last Mesa whose driver for AMD's GPUs compiles for any of them where there is none: 25 (from 26 on it wants a
# stand-in for the kernel's interface). Sets $radv to its manifest, of the system's own driver or of one unpacked into
# the cache beside the userland, whose libraries it runs with: one package, 25 MB. Sets it to "" where it cannot be had.
radv_ensure()
{
    local folder=$cache/radv-trixie ID='' ID_LIKE=''
    . /etc/os-release
    radv=''
    if [[ $(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null) == 25.* ]]; then
        radv=$(find /usr/share/vulkan/icd.d -name 'radeon_icd*.json' | sort | head -n 1)
    elif [[ $ID == debian ]]; then
        mkdir -p "$cache"
        exec {lock}>"$cache/lock"
        flock "$lock"
        if [[ -f $folder/radv.json ]] || radv_unpack "$folder" >"$folder.log" 2>&1; then
            radv=$folder/radv.json
        else
            say "Mesa's driver for AMD's GPUs could not be unpacked (see $folder.log)."
        fi
        exec {lock}>&-
    fi
}

# With lists and folders of its own, apt touches nothing of the machine's.
radv_unpack() # FOLDER
{
    local partial=$1.partial.$$ address keys=/usr/share/keyrings/debian-archive-keyring.gpg apt driver
    address=$(archive_address)
    [[ -n $address ]] || return 1
    mkdir -p "$partial/lists/partial" "$partial/archives/partial"
    : >"$partial/status"
    printf 'deb %s%s trixie main\n' "$([[ -f $keys ]] && echo "[signed-by=$keys] ")" "$address" >"$partial/sources.list"
    apt=(apt-get -q -o Dir::Etc::SourceList="$partial/sources.list" -o Dir::Etc::SourceParts=- -o Dir::Cache="$partial"
        -o Dir::State::Lists="$partial/lists" -o Dir::State::Status="$partial/status" -o APT::Sandbox::User=root
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
    if (cd "$partial" && "${apt[@]}" update && "${apt[@]}" download mesa-vulkan-drivers && dpkg-deb -x mesa-*.deb .); then
        driver=$(find "$partial" -name libvulkan_radeon.so)
        rm -rf "$1"
        mkdir "$1" && mv "$driver" "$1" && printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.4.305"}}\n' \
            "$1/libvulkan_radeon.so" >"$1/radv.json"
    fi
    rm -rf "$partial"
    [[ -f $1/radv.json ]]
}

# Decides which glslc and which Vulkan headers build, and whether a newer CPU driver is at hand. Sets $glslc,
# $vulkan_headers ("" for the system's), and $userland ("" when the system's own are new enough, or when there is nothing
# newer).
choose_toolchain()
{
    userland='' vulkan_headers=''
    glslc=$(command -v glslc) || die "glslc (the package of that name) is missing."
    local matrices=1 fast=1
    compiles_matrices "$glslc" || matrices=0
    system_cpu_driver_is_fast || fast=0
    ((matrices && fast)) && return 0
    userland_ensure
    [[ -n $userland ]] && ((!matrices)) && glslc=$userland/glslc vulkan_headers=$userland/include
    return 0
}

# Configures a build folder once, and afresh when it was made with other options. One that was not made here is left alone, and
# refused: its mark, .configured, is there from the beginning.
configure() # FOLDER MESON_OPTION...
{
    local folder=$root/$1 want
    shift
    set -- -Dglslc="$glslc" -Dvulkan_headers="$vulkan_headers" "$@"
    want="$*"
    [[ -f $folder/build.ninja && $(cat "$folder/.configured" 2>/dev/null) == "$want" ]] && return 0
    if [[ -e $folder && ! -f $folder/.configured ]]; then
        say "$folder was not made by ./serve or ./check, which would have to make it anew: move it away, or remove it."
        return 1
    fi
    rm -rf "$folder"
    mkdir "$folder" && : >"$folder/.configured" && meson setup "$folder" "$root" "$@" || return 1
    printf '%s\n' "$want" >"$folder/.configured"
}
