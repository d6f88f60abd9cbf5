#!/bin/sh
# Builds the images for the chip: build.sh [cargo's arguments]. Needs ../toolchain.sh's packages.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$("$here/../toolchain.sh" ${HEARTH_TOOLCHAIN:+"$HEARTH_TOOLCHAIN"})
export PATH="$here/tools:$tools:$PATH" RUSTC="$tools/rustc" LLC="$tools/llc" RUSTC_BOOTSTRAP=1
cd "$here"
exec cargo build --release --locked -Zbuild-std=core \
  -Zbuild-std-features=compiler-builtins-mem -Zjson-target-spec \
  --target xtensa-esp8266-none-elf.json "$@"
