#!/usr/bin/env bash
# Real clients against a real server: Mosquitto's clients, paho-mqtt, aiomqtt, MQTT.js; and the W3C's
# schema of Thing Models against the kinds. Each check is one named test; what is missing is installed where it may be. Ends with `N passed, N failed`.
#
#   bash tests/interop/run.sh             all of them
#   bash tests/interop/run.sh mosquitto   only these: mosquitto, paho, aiomqtt, jsonschema, mqttjs
set -uo pipefail
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)
kept=$root/target/interop
work=$(mktemp -d)
wanted=${*:-mosquitto paho aiomqtt jsonschema mqttjs}
passed=0
failed=0

server=
stop() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$work"
}
trap stop EXIT

wants() { [[ " $wanted " == *" $1 "* ]]; }

# One that can't be had here is a failure, said in words: a check that was not made has not passed.
missing() {
    printf 'not ok %s: %s\n' "$1" "$2"
    failed=$((failed + 1))
}

# Debian packages, if they are missing and this machine lets us.
need() {
    local absent=() package
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || absent+=("$package")
    done
    [ ${#absent[@]} -eq 0 ] && return 0
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
    echo "installing: ${absent[*]}"
    apt-get update -q >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${absent[@]}" \
        >/dev/null 2>&1
}

# Runs a program of checks, shows what it says and counts it.
count() {
    local name=$1 log=$work/$1.log
    shift
    printf '\n--- %s\n' "$name"
    timeout 300 "$@" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]} ok bad
    ok=$(grep -c '^ok ' "$log")
    bad=$(grep -c '^not ok ' "$log")
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; }; then
        missing "$name" "it ended with $status after $ok checks"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}

# A certificate for localhost, and one for a device, of an authority of our own.
certify() {
    local name=$1 subject=$2
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$name.key" \
        -out "$work/$name.csr" -subj "/CN=$subject" 2>/dev/null
    printf 'subjectAltName=DNS:%s,IP:127.0.0.1\n' "$subject" >"$work/$name.ext"
    openssl x509 -req -in "$work/$name.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 2 \
        -CAcreateserial -extfile "$work/$name.ext" -out "$work/$name.pem" 2>/dev/null
}

need openssl curl python3 || { missing "the ground" "openssl, curl and python3 are needed"; exit 1; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=interop" \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
certify server localhost
certify device lamp

binary=${HEARTH_BINARY:-$root/target/release/hearth}
if [ ! -x "$binary" ]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" --bin hearth || exit 1
    binary=$root/target/debug/hearth
fi

# The kind that docs/kinds.md shows.
mkdir "$work/kinds"
sed -n '/^```toml$/,/^```$/p' "$root/docs/kinds.md" | sed '/^```/d' >"$work/kinds/aquarium.toml"

(
    cd "$work" || exit 1
    export HEARTH__HTTP__LISTEN=127.0.0.1:0 HEARTH__MQTT__LISTEN=127.0.0.1:0
    export HEARTH__MQTT__TLS_LISTEN=127.0.0.1:0 HEARTH__MQTT__TLS_CERTIFICATE=server.pem
    export HEARTH__MQTT__TLS_KEY=server.key HEARTH__MQTT__TLS_CLIENT_CA=ca.pem
    export HEARTH__MQTT__ANONYMOUS_USER=anybody HEARTH__STORE__PATH=store
    export HEARTH__AUTH__ARGON2_KIB=8 HEARTH__AUTH__ARGON2_PASSES=1
    exec "$binary" serve >"$work/said" 2>"$work/log"
) &
server=$!
for _ in $(seq 300); do
    grep -q '^ready ' "$work/said" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
ready=$(grep '^ready ' "$work/said") || { cat "$work/log"; missing "the server" "is not ready"; exit 1; }
address() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" <<<"$ready"; }
HEARTH_HTTP=$(address http)
HEARTH_MQTT=$(address mqtt)
HEARTH_MQTTS=$(address mqtts)
HEARTH_FILES=$work
export HEARTH_HTTP HEARTH_MQTT HEARTH_MQTTS HEARTH_FILES

if wants mosquitto; then
    if need mosquitto-clients; then
        count mosquitto bash "$here/with_mosquitto.sh"
    else
        missing mosquitto "mosquitto-clients can't be installed here"
    fi
fi

if wants paho || wants aiomqtt || wants jsonschema; then
    if [ ! -x "$kept/python/bin/python" ]; then
        need python3-venv
        python3 -m venv "$kept/python"
    fi
    if "$kept/python/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt; then
        wants paho && count paho "$kept/python/bin/python" -B "$here/with_paho.py"
        wants aiomqtt && count aiomqtt "$kept/python/bin/python" -B "$here/with_aiomqtt.py"
        wants jsonschema && count jsonschema "$kept/python/bin/python" -B "$here/with_jsonschema.py"
    else
        missing "paho, aiomqtt and jsonschema" "Python's packages can't be had here"
    fi
fi

if wants mqttjs; then
    mkdir -p "$kept/node"
    cp package.json package-lock.json "$kept/node/"
    if ! command -v npm >/dev/null; then
        missing mqttjs "Node.js is not installed"
    elif (cd "$kept/node" && npm ci --no-audit --no-fund --silent); then
        cp with_mqttjs.mjs "$kept/node/"
        count mqttjs node "$kept/node/with_mqttjs.mjs"
    else
        missing mqttjs "Node's packages can't be had here"
    fi
fi

kill -TERM "$server"
wait "$server"
status=$?
server=
if [ "$status" -eq 0 ]; then
    echo "ok the server ends well"
    passed=$((passed + 1))
else
    missing "the server ends well" "it exited with $status"
    tail -20 "$work/log"
fi
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
