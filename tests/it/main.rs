//! The house from outside: real sockets, real clients, one file per capability.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::format_push_string,
    clippy::large_futures,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test that fails may panic, and nobody reads its documentation elsewhere"
)]

mod account;
mod admin;
mod audit;
mod backup;
mod bad_mqtt;
mod bad_rest;
mod bad_socket;
mod commands;
mod discovery;
mod durable;
mod faults;
mod guest;
mod history;
mod kill;
mod kinds;
mod limits;
mod line;
mod mqtt_limits;
mod norms;
mod people;
mod process;
mod sharing;
mod spaces;
mod start_stop;
mod stats;
mod storm;
mod support;
mod tabs;
mod tls;
mod tokens;
mod web_mqtt;
