# What CI runs.
check:
    bash tests/all.sh

# Real MQTT clients: mosquitto, paho, aiomqtt, mqttjs, or all of them.
interop *CLIENTS:
    bash tests/interop/run.sh {{CLIENTS}}

# Server, page and simulated devices.
dev:
    cargo run -- demo

# The seeded town over the pure states: just sim 42
sim SEED="1":
    HEARTH_SEED={{SEED}} cargo test --lib simulation

# The README's pictures, made anew in docs/.
pictures:
    npm --prefix tests/page run pictures

# What two hundred talking devices cost the page.
busy:
    npm --prefix tests/page run busy

# 100,000 commands while actors are killed, links cut and devices misbehave: just storm 5000
storm COMMANDS="100000":
    HEARTH_COMMANDS={{COMMANDS}} cargo test --test it storm -- --nocapture

# A million steps of sharing against a naive model: nobody sees or does what nobody gave them.
rights STEPS="1000000":
    HEARTH_STEPS={{STEPS}} cargo test --lib nobody_ever_sees

# The estimate of pasteurisation beside Baldwin's published table.
baldwin:
    cargo test --lib times_agree_with_the_published_table -- --nocapture

# A town of topic spaces against a naive model: just crossings 42
crossings SEED="1":
    HEARTH_SEED={{SEED}} cargo test --lib spaces::tests

# Criterion benches.
bench:
    cargo bench

# Beside Mosquitto, in the same run.
bench-peers *ARGS:
    bash benches/peers.sh {{ARGS}}
