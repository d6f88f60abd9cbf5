//! The packets of MQTT 3.1.1 that a device sends and understands.

mod decode;
mod encode;

pub use decode::{Frame, Malformed, Packet, decode, frame};
pub(super) use encode::{DISCONNECT, PINGREQ, puback};
pub use encode::{Will, connect, publish, subscribe};

#[cfg(test)]
mod tests;
