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

# Criterion benches.
bench:
    cargo bench

# Beside Mosquitto, in the same run.
bench-peers *ARGS:
    bash benches/peers.sh {{ARGS}}
