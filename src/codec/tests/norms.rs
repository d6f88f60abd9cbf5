//! Normative statements that the codec decides, each test named after the statements it shows:
//! `v311_…`, `v5_…`, or `mqtt_…` where both versions give it one number. What another file here
//! shows already bears its numbers there; `docs/conformance.md` has the whole list.
mod answers;
mod connect;
mod header;
mod text;

use super::*;
