//! The MQTT endpoint.
pub mod codec;
