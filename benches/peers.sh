#!/bin/sh
# The table of bars of docs/performance.md: Hearth, Mosquitto and the floor, in turn, on this
# machine. Needs mosquitto on the PATH (Debian: apt-get install mosquitto).
#
#   benches/peers.sh [--runs 5] [--seconds 5] [--only idle,storm]
#
# HEARTH names another binary, TOWN another number of accounts and devices.
set -eu
cd "$(dirname "$0")/.."
command -v mosquitto >/dev/null || { echo "mosquitto is not installed" >&2; exit 1; }
ulimit -n "$(ulimit -Hn)"

cargo build --release --package hearth-load
hearth=$(realpath -m "${HEARTH:-target/release/hearth}")
[ -n "${HEARTH:-}" ] || cargo build --release --package hearth

town=$(mktemp -d)
trap 'rm -rf "$town"' EXIT
count=${TOWN:-20000}
# In a folder without a config.toml, so with the embedded defaults, as the runs are.
cd "$town" && "$hearth" town --users "$count" --devices "$count" --data "$town/data" --out "$town/town.csv"
cd - >/dev/null

target/release/hearth-load peers --binary "$hearth" \
    --town "$town/town.csv" --town-folder "$town/data" "$@"
