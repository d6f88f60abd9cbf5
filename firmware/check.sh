#!/usr/bin/env bash
# The firmware's ladder: from the core's tests on this machine to a click in a browser that
# closes the relay of an emulated chip. Each rung stands on the one before.
#
#   bash firmware/check.sh [RUNG...]      all, or only those named below
#
# Ends with "N passed, N failed". A rung is skipped only with its reason, where something that
# isn't Hearth's (Debian's packages) can't be had here. HEARTH names the server's binary;
# without it target/release/hearth or target/debug/hearth, else it is built.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
board=$here/esp8266
images=$board/target/xtensa-esp8266-none-elf/release
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0
wanted=("$@")
# Cargo's own lines, which begin like ours.
cargo_says='^ *\(Compiling\|Finished\|Running\|Doc-tests\|Updating\|Locking\|Adding\|Downloaded\) '

# What may be used of the chip, in bytes. DRAM is 80 KiB with the stack, and the network, which
# lives on the stack, takes about 12; IRAM is 32 KiB; a flash window is 1 MiB.
dram_max=24576 iram_max=8192 flash_max=131072

rung() { # name, command...
  local name=$1; shift
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
  local started=$SECONDS
  "$@" >"$logs/$name" 2>&1
  local status=$?
  local took=$((SECONDS - started))
  case $status in
    0)
      passed=$((passed + 1))
      printf 'ok      %-10s %4d s\n' "$name" $took
      grep '^  [^ ]' "$logs/$name" | grep -v "$cargo_says" ;;
    3)
      skipped=$((skipped + 1))
      printf 'skipped %-10s %s\n' "$name" "$(tail -1 "$logs/$name")" ;;
    *)
      failed=$((failed + 1))
      printf 'FAILED  %-10s %4d s\n' "$name" $took
      tail -30 "$logs/$name" | sed 's/^/        /' ;;
  esac
}

# The board's tools: said once, then every rung that needs them says why it is skipped.
tools= no_tools=
get_tools() {
  tools=$("$here/toolchain.sh" ${HEARTH_TOOLCHAIN:+"$HEARTH_TOOLCHAIN"} 2>"$logs/toolchain") ||
    no_tools=$(tail -1 "$logs/toolchain")
}
need_tools() { [ -n "$tools" ] || { echo "$no_tools"; exit 3; }; }

core() ( # formatting, lints, unit and property tests, a million damaged inputs
  cd "$here/core" || exit 1
  cargo fmt --check || exit 1
  cargo clippy -q --all-targets -- -D warnings || exit 1
  cargo test 2>&1 | tee "$logs/core.out" || exit 1
  awk '/^test result/ { n += $4 } END { print "  " n " tests of the core" }' "$logs/core.out"
)

types() ( # the board's crates on this machine's own compiler: errors without any toolchain
  cd "$board" || exit 1
  cargo fmt --check || exit 1
  RUSTC_BOOTSTRAP=1 cargo clippy -q --locked -- -D warnings || exit 1
  echo "  light, sousvide and qemu are well typed"
)

# What lies in RAM does so because it runs while the flash is busy or not there: flash access and
# interrupts. It must not call anything in flash; only start-up and the way into a panic may.
fetches_from_flash() {
  "$tools/xtensa-lx106-elf-objdump" -d -j .rwtext "$images/$1" | awk '
    /^[0-9a-f]+ </ { name = $2 }
    /l32r.*\(402[0-9a-f]+ / && name !~ /ESP8266Reset|_start>|__default_exception/ {
      print "in flash, but called from RAM: " name, $0; found = 1
    } END { exit !found }'
}

images() ( # every image for the chip, within its memory
  need_tools
  "$board/build.sh" || exit 1
  for image in light sousvide qemu; do
    read -r dram iram flash < <("$tools/xtensa-lx106-elf-size" -A "$images/$image" | awk '
      /^\.(rodata|data|bss|noinit)/ { dram += $2 } /^\.(vectors|rwtext)/ { iram += $2 }
      /^\.(text |rodata|data)/ { flash += $2 } END { print dram, iram, flash + iram }')
    printf '  %s: DRAM %d of %d, IRAM %d of %d, flash %d of %d bytes\n' \
      "$image" "$dram" $dram_max "$iram" $iram_max "$flash" $flash_max
    ! fetches_from_flash "$image" || exit 1
    [ "$dram" -le $dram_max ] && [ "$iram" -le $iram_max ] && [ "$flash" -le $flash_max ] || exit 1
  done
)

start() { # where an image begins in the emulator
  "$tools/xtensa-lx106-elf-nm" "$images/$1" | awk '$3 == "_qemu_start" { print "0x" $1 }'
}
export_machine() {
  export QEMU=$tools/qemu-system-xtensa IMAGES=$images
  export ENTRY_qemu ENTRY_light ENTRY_sousvide
  ENTRY_qemu=$(start qemu) ENTRY_light=$(start light) ENTRY_sousvide=$(start sousvide)
}

selftest() ( # the core's own checks on the emulated chip: the same bits as here
  need_tools
  timeout 120 "$tools/qemu-system-xtensa" -M sim -cpu lx106 -display none -monitor none \
    -semihosting-config enable=on,arg=hearth,arg=selftest -serial stdio \
    -device loader,file="$images/qemu" -device loader,addr="$(start qemu)",cpu-num=0 \
    </dev/null | sed 's/^/  /'
  exit "${PIPESTATUS[0]}"
)

ladder() ( # a rung of hearth-ladder
  cd "$here/ladder" || exit 1
  cargo fmt --check || exit 1
  cargo clippy -q --locked -- -D warnings && cargo build -q --locked || exit 1
  timeout 240 "$here/ladder/target/debug/hearth-ladder" "$1"
)

house() { # the server's binary
  if [ -z "${HEARTH:-}" ]; then
    for built in "$root/target/release/hearth" "$root/target/debug/hearth"; do
      if [ -x "$built" ] && "$built" gateway --help >/dev/null 2>&1; then HEARTH=$built; break; fi
    done
  fi
  if [ -z "${HEARTH:-}" ]; then
    (cd "$root" && cargo build) || return 1
    HEARTH=$root/target/debug/hearth
  fi
  export HEARTH
}
with_house() ( house && ladder "$1" )
on_machine() ( need_tools; export_machine; ladder "$1" )
on_machine_with_house() ( need_tools; house && export_machine && ladder "$1" )

get_tools
rung core      core
rung types     types
rung images    images
rung selftest  selftest
rung boot      on_machine boot
rung cook      with_house cook
rung faults    with_house faults
rung emulated  on_machine_with_house emulated

[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
