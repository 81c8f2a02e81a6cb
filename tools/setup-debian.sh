#!/usr/bin/env bash
# System packages that tests want beyond a C compiler and Rust, for CI on Debian or Ubuntu. Installs only what is missing.
set -euo pipefail

missing=()
need() { command -v "$1" > /dev/null || missing+=("$2"); }
need cc gcc
need c++ g++
need clang clang
need clang++ clang
need python3 python3
python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
need node nodejs
need npm npm
# The example in Java is for 17; a newer one does not do.
grep -q '^jdk.incubator.foreign@' <<< "$(java --list-modules 2> /dev/null)" || missing+=(openjdk-17-jdk-headless)
need pkg-config pkg-config
need cmake cmake
need valgrind valgrind
need faketime faketime
need unshare util-linux
need redis-server redis-server
[ -x /usr/sbin/nginx ] || need nginx nginx-light
need openssl openssl

if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
echo "installing: ${missing[*]}"
run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${run[@]}" apt-get update -qq
"${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
