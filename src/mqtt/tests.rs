//! Clients of a topic space, byte by byte: what they are answered and sent, each test named after
//! the normative statements it shows (`docs/conformance.md`).
mod bench;
mod client_hostile;
mod delivery;
mod opening;
mod retained;
mod sessions;
mod shared;
mod subscriptions;
mod wills;
mod words;

use bench::{BOTH, Bench, Conn};

use crate::codec::{QoS, ReasonCode, Version};

const AT_MOST_ONCE: QoS = QoS::AtMostOnce;
const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;
const EXACTLY_ONCE: QoS = QoS::ExactlyOnce;
