#!/usr/bin/env bash
# Mosquitto's clients, as a person types them. Run by run.sh.
set -uo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
host=${HEARTH_MQTT%:*}
port=${HEARTH_MQTT##*:}
tls_port=${HEARTH_MQTTS##*:}
eval "$(python3 -B house.py person mosquitto)"
python3 -B house.py person anybody >/dev/null
export TOKEN
trap 'rm -rf "$work"' EXIT

ask() { python3 -B house.py ask "$@"; }
as_lamp() { local run=$1; shift; "$run" -h "$host" -p "$port" -u "$LAMP" -P "$LAMP_SECRET" "$@"; }
as_client() { local run=$1; shift; "$run" -h "$host" -p "$port" -u "$CLIENT" -P "$CLIENT_SECRET" "$@"; }
as_anybody() { local run=$1; shift; "$run" -h "$host" -p "$port" "$@"; }

# Line by line, into a file as well.
subscriber() { exec stdbuf -oL mosquitto_sub "$@"; }

# Waits until a command succeeds.
soon() {
    for _ in $(seq 150); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "not in time: $*"
    return 1
}

heard() { grep -qF -- "$2" "$work/$1"; }

# listen FILE WHO ARGUMENTS…: subscribes in the background, into a file, and waits until the server has
# said yes.
listen() {
    local file=$1 who=$2
    shift 2
    "$who" subscriber -d -F '%t|%q|%r|%p' "$@" >"$work/$file" 2>&1 &
    listener=$!
    soon grep -q '^Subscribed' "$work/$file"
}

shows() { ask GET "/devices/$LAMP" | grep -qF -- "$1"; }

check_a_device_reports_its_state() {
    as_lamp mosquitto_pub -q 1 -t "devices/$LAMP/state" -m '{"on":true,"brightness":41}' &&
        shows '"brightness": 41'
}

check_a_device_gets_what_it_missed_and_what_is_wanted_then() {
    ask PATCH "/devices/$LAMP" '{"desired":{"brightness":17}}' >/dev/null
    listen set as_lamp -i lamp -q 1 -t "devices/$LAMP/set" && soon heard set '"brightness":17' &&
        ask PATCH "/devices/$LAMP" '{"desired":{"brightness":23}}' >/dev/null &&
        soon heard set '"brightness":23'
}

check_telemetry_becomes_history() {
    mosquitto_pub -h "$host" -p "$port" -u "$THERMOMETER" -P "$THERMOMETER_SECRET" -q 1 \
        -t "devices/$THERMOMETER/telemetry" -m '{"temperature_c":21.5}' || return 1
    has_reading() {
        ask GET "/devices/$THERMOMETER/history?property=temperature_c" | grep -q '21.5'
    }
    soon has_reading
}

check_a_wrong_secret_is_refused_in_words() {
    local said
    said=$(mosquitto_pub -h "$host" -p "$port" -u "$LAMP" -P wrong -t x -m x 2>&1) && return 1
    grep -qi 'not authorised' <<<"$said"
}

check_a_device_stays_within_its_own_topics() {
    local said
    said=$(as_lamp mosquitto_sub -V 5 -d -t '#' -W 5 2>&1)
    grep -qi 'not authori\|denied\|135' <<<"$said"
}

check_a_device_reports_over_tls() {
    mosquitto_pub -h localhost -p "$tls_port" --cafile "$HEARTH_FILES/ca.pem" -u "$LAMP" \
        -P "$LAMP_SECRET" -q 1 -t "devices/$LAMP/state" -m '{"brightness":51}' &&
        shows '"brightness": 51'
}

check_a_certificate_is_all_a_device_needs() {
    local fingerprint tls
    fingerprint=$(openssl x509 -in "$HEARTH_FILES/device.pem" -noout -fingerprint -sha256)
    tls=(-h localhost -p "$tls_port" --cafile "$HEARTH_FILES/ca.pem"
        --cert "$HEARTH_FILES/device.pem" --key "$HEARTH_FILES/device.key")
    ask PUT "/devices/$LAMP/certificate" "{\"fingerprint\":\"${fingerprint#*=}\"}" >/dev/null &&
        mosquitto_pub "${tls[@]}" -q 1 -t "devices/$LAMP/state" -m '{"brightness":52}' &&
        shows '"brightness": 52'
}

check_messages_pass_at_every_quality_of_service_and_version() {
    local version qos
    for version in mqttv31 mqttv311 mqttv5; do
        listen "qos$version" as_client -V "$version" -q 2 -t 'qos/#' || return 1
        for qos in 0 1 2; do
            as_client mosquitto_pub -V "$version" -q "$qos" -t "qos/$version" -m "at $qos" || return 1
            soon heard "qos$version" "qos/$version|$qos|0|at $qos" || return 1
        done
        kill "$listener"
    done
}

check_a_retained_message_waits_for_who_comes_and_goes_when_emptied() {
    as_client mosquitto_pub -q 1 -r -t kept/it -m here || return 1
    listen kept1 as_client -t 'kept/+' && soon heard kept1 'kept/it|0|1|here' || return 1
    as_client mosquitto_pub -q 1 -r -n -t kept/it || return 1
    listen kept2 as_client -t 'kept/+' || return 1
    as_client mosquitto_pub -q 1 -t kept/end -m end && soon heard kept2 'kept/end|0|0|end' &&
        ! heard kept2 'kept/it'
}

check_a_will_is_published_when_its_client_is_gone() {
    listen will as_client -t wills/it || return 1
    listen dying as_client -i dying -t nothing --will-topic wills/it --will-payload gone || return 1
    kill -9 "$listener"
    soon heard will 'wills/it|0|0|gone'
}

check_a_session_keeps_what_its_client_missed() {
    as_client mosquitto_sub -c -i sleeper -q 1 -t 'sleep/#' -E || return 1
    local count
    for count in 1 2 3; do
        as_client mosquitto_pub -q 1 -t sleep/x -m "missed $count" || return 1
    done
    local said
    said=$(as_client mosquitto_sub -c -i sleeper -q 1 -t 'sleep/#' -C 3 -W 10)
    [ "$said" = $'missed 1\nmissed 2\nmissed 3' ]
}

check_who_shares_a_subscription_shares_the_messages() {
    listen share1 as_client -V 5 -i share1 -q 1 -t '$share/all/work/#' || return 1
    listen share2 as_client -V 5 -i share2 -q 1 -t '$share/all/work/#' || return 1
    seq 20 | as_client mosquitto_pub -V 5 -q 1 -l -t work/x || return 1
    came() { [ "$(cat "$work/share1" "$work/share2" | grep -c '^work/x')" -eq 20 ]; }
    soon came && heard share1 'work/x' && heard share2 'work/x'
}

check_a_client_of_the_same_name_takes_the_connection_over() {
    listen first as_client -V 5 -i twin -t twins || return 1
    local first=$listener
    listen second as_client -V 5 -i twin -t twins || return 1
    # Mosquitto's client comes back when it is sent away, and is told so first.
    soon grep -q 'DISCONNECT (142)\|Session taken over' "$work/first"
    local told=$?
    kill "$first" "$listener" 2>/dev/null
    return $told
}

check_a_request_gets_its_response() {
    listen asked as_client -V 5 -q 1 -t ask/time || return 1
    as_client mosquitto_rr -V 5 -q 1 -t ask/time -e answer/time -m 'what time?' -W 10 \
        >"$work/answered" 2>&1 &
    soon heard asked 'what time?' || return 1
    as_client mosquitto_pub -V 5 -q 1 -t answer/time -m 'late' || return 1
    soon heard answered late
}

check_properties_of_version_5_pass_unchanged() {
    as_client subscriber -V 5 -d -q 1 -t props -C 1 -W 10 -F '%P|%C|%p' >"$work/props" 2>&1 &
    soon grep -q '^Subscribed' "$work/props" || return 1
    as_client mosquitto_pub -V 5 -q 1 -t props -m x -D publish content-type text/plain \
        -D publish user-property colour blue || return 1
    soon heard props 'colour:blue' && soon heard props 'text/plain'
}

check_devices_appear_in_their_users_space() {
    listen devices as_client -t 'devices/#' || return 1
    as_lamp mosquitto_pub -q 1 -t "devices/$LAMP/state" -m '{"brightness":61}' &&
        soon heard devices '"brightness":61'
}

check_a_space_is_shut_to_other_users() {
    listen theirs as_anybody -t '#' || return 1
    listen ours as_client -t 'secret/#' || return 1
    as_client mosquitto_pub -q 1 -t secret/x -m ours && soon heard ours 'ours' || return 1
    as_anybody mosquitto_pub -q 1 -t secret/y -m theirs && soon heard theirs 'theirs' &&
        ! heard theirs 'ours' && ! heard ours 'theirs'
}

# A socket that announces itself as Tasmota does for Home Assistant.
check_what_announces_itself_appears_and_obeys() {
    local config id
    config='{"name":"Heater","stat_t":"tele/heater/STATE","val_tpl":"{{value_json.POWER}}",
        "cmd_t":"cmnd/heater/POWER","pl_on":"ON","pl_off":"OFF","uniq_id":"heater_RL_1",
        "avty_t":"tele/heater/LWT","pl_avail":"Online","pl_not_avail":"Offline",
        "dev":{"ids":["heater"],"name":"Heater"}}'
    listen heater as_client -q 1 -t cmnd/heater/POWER || return 1
    as_client mosquitto_pub -q 1 -r -t tele/heater/LWT -m Online &&
        as_client mosquitto_pub -q 1 -r -t tele/heater/STATE -m '{"POWER":"OFF"}' &&
        as_client mosquitto_pub -q 1 -r -t homeassistant/switch/heater_RL_1/config -m "$config" ||
        return 1
    # The field of its device as GET /devices shows it, once it has one.
    heater() {
        ask GET /devices | python3 -B -c '
import json, sys
[heater] = [it for it in json.load(sys.stdin) if it["description"] == "Heater"]
print(heater["id"], heater["connected"], heater["reported"].get("on"))'
    }
    is_heater() { [ "$(heater | cut -d" " -f2-)" = "$1" ]; }
    soon is_heater 'True False' || return 1
    id=$(heater | cut -d" " -f1)
    ask PATCH "/devices/$id" '{"desired":{"on":true}}' >/dev/null &&
        soon heard heater 'cmnd/heater/POWER|0|0|ON' || return 1
    as_client mosquitto_pub -q 1 -r -t tele/heater/STATE -m '{"POWER":"ON"}' &&
        soon is_heater 'True True' || return 1
    as_client mosquitto_pub -q 1 -r -t tele/heater/LWT -m Offline && soon is_heater 'False True'
}

for check in $(declare -F | sed -n 's/^declare -f \(check_.*\)/\1/p'); do
    name="mosquitto: $(sed 's/^check_//; s/_/ /g' <<<"$check")"
    # What a check leaves running ends with it.
    if said=$(trap 'kill $(jobs -p) 2>/dev/null' EXIT; "$check" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name: ${said:-no}"
    fi
done
