#!/usr/bin/env bash
# Puts everything that builds and emulates the board under one prefix, from Debian packages, next
# to whatever Rust and QEMU the machine has. Nothing is installed; no root is needed.
#
#   toolchain.sh [PREFIX]     (default: .toolchain beside this file; 1.2 GB)
#
# Prints the directory to put first in PATH. Exit 3: the packages can't be had, with the reason.
set -euo pipefail
prefix=${1:-$(cd "$(dirname "$0")" && pwd)/.toolchain}
packages="rustc-web rust-web-src llvm-22 binutils-xtensa-lx106 qemu-system-misc"
tools="rustc llc qemu-system-xtensa
       xtensa-lx106-elf-as xtensa-lx106-elf-ld xtensa-lx106-elf-ar xtensa-lx106-elf-size
       xtensa-lx106-elf-nm xtensa-lx106-elf-objdump xtensa-lx106-elf-readelf"

cannot() { echo "no board toolchain: $1" >&2; exit 3; }

if [ -e "$prefix/complete" ]; then echo "$prefix/bin"; exit 0; fi
[ "$(uname -m)" = x86_64 ] || cannot "this recipe is for x86_64, not $(uname -m)"
command -v apt-get >/dev/null || cannot "apt-get is not here (Debian 12 or later is needed)"

rm -rf "$prefix"; mkdir -p "$prefix/archives/partial" "$prefix/bin"
apt=(apt-get -y -qq -o "Dir::Cache::archives=$prefix/archives" -o APT::Sandbox::User=root
     -o Debug::NoLocking=true --no-install-recommends)
download() { "${apt[@]}" --download-only install $packages >"$prefix/apt.log" 2>&1; }
if ! download; then
  why() { grep -m1 '^E:' "$prefix/apt.log" || tail -1 "$prefix/apt.log"; }
  "${apt[@]}" update >"$prefix/apt.log" 2>&1 || cannot "apt-get update: $(why)"
  download || cannot "apt-get install: $(why)"
fi
# A package that the machine has already is not downloaded: those come from the machine itself.
for deb in "$prefix"/archives/*.deb; do dpkg -x "$deb" "$prefix"; done
rm -rf "$prefix/archives" "$prefix"/usr/share/{doc,man,locale}

libraries=$prefix/usr/lib/x86_64-linux-gnu:$prefix/lib/x86_64-linux-gnu:$prefix/usr/lib/llvm-22/lib
for tool in $tools; do
  ours=$(command -v "$tool" || true)
  for real in "$prefix/usr/lib/llvm-22/bin/$tool" "$prefix/usr/bin/$tool" "$ours"; do
    [ -x "$real" ] && break
  done
  [ -x "$real" ] || cannot "$tool is in none of the packages"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$real" >"$prefix/bin/$tool"
  chmod +x "$prefix/bin/$tool"
done
"$prefix/bin/rustc" --version >/dev/null || cannot "the packaged rustc does not run"
"$prefix/bin/llc" --version | grep -q xtensa || cannot "the packaged LLVM has no Xtensa"
touch "$prefix/complete"
echo "$prefix/bin"
