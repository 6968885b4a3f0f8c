#!/usr/bin/env bash
# What becomes of a build folder in ./serve and ./check: house_test.sh ROOT
set -u
. "$1/scripts/house.sh"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
glslc=glslc vulkan_headers='' setups=0 works=true

# In the place of the real one.
meson()
{
    setups=$((setups + 1))
    mkdir -p "$2"
    $works || return 1
    : >"$2/build.ninja"
}

refused()
{
    ! "$@" 2>"$root/said"
}

expect() # WHAT CONDITION...
{
    local what=$1
    shift
    "$@" || { echo "FAIL: $what"; exit 1; }
}

expect 'a folder is made' configure build -Da=1
: >"$root/build/mine"
expect 'it is kept with the same options' configure build -Da=1
expect 'nothing was set up again' test "$setups" -eq 1 -a -f "$root/build/mine"
expect 'it is made anew with other options' configure build -Da=2
expect 'that was from the beginning' test "$setups" -eq 2 -a ! -e "$root/build/mine"

works=false
expect 'a failure is told' refused configure build -Da=3
works=true
expect 'a folder that failed is made anew' configure build -Da=3

mkdir "$root/other"
: >"$root/other/mine"
expect 'a folder that was not made here is refused' refused configure other -Da=1
expect 'it is left alone' test -f "$root/other/mine" -a "$setups" -eq 4
expect 'the sentence names it' grep -q "$root/other was not made by ./serve or ./check" "$root/said"
echo ok
