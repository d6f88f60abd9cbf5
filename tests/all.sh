#!/usr/bin/env bash
# Every test there is. Installs what is missing (Debian packages, Node packages) where it may, and
# says so where it may not. Ends with one line: `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
said=()

# Adds up what the test runners print, and shows it as it comes.
count() {
    local name=$1 log
    shift
    log=$(mktemp)
    printf '\n=== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]} ok bad
    ok=$(awk '/^test result:/ {p += $4} /^# pass / {p += $3} /^[0-9]+ passed, [0-9]+ failed/ {p += $1} END {print p + 0}' "$log")
    bad=$(awk '/^test result:/ {f += $6} /^# fail / {f += $3} /^[0-9]+ passed, [0-9]+ failed/ {f += $3} END {print f + 0}' "$log")
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$status" -eq 0 ] && [ "$ok" -eq 0 ]; then ok=1; fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    said+=("$(printf '%-34s %5d passed, %d failed' "$name" "$ok" "$bad")")
    rm -f "$log"
}

skip() {
    printf '\n=== %s: skipped, %s\n' "$1" "$2"
    said+=("$(printf '%-34s skipped: %s' "$1" "$2")")
}

# Debian packages, if they are missing and this machine lets us.
need() {
    local missing=() package
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${missing[*]} (install them, or run this as root on Debian)"
        return 1
    fi
    echo "installing: ${missing[*]}"
    apt-get update -q >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
        { echo "could not install: ${missing[*]}"; return 1; }
}

count "formatting" cargo fmt --all --check
count "lints" cargo clippy --quiet --workspace --all-targets -- -D warnings
count "crates" cargo test --workspace --no-fail-fast
cargo build --quiet --bin hearth

if ! command -v npm >/dev/null; then
    skip "the page, in a browser" "Node.js is not installed"
elif ! need chromium; then
    skip "the page, in a browser" "Chromium can't be had here"
else
    (cd tests/page && { [ -d node_modules ] || npm install --no-audit --no-fund --silent; })
    count "the page, in a browser" npm --prefix tests/page test
fi

count "real MQTT clients" bash tests/interop/run.sh

if [ -x firmware/check.sh ] || [ -f firmware/check.sh ]; then
    count "firmware" bash firmware/check.sh
fi

printf '\n'
printf '%s\n' "${said[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
