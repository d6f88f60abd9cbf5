//! The MQTT endpoint: devices connect to it directly.
//!
//! - Process: one sweep actor, and a task per connection (`listener` accepts them).
//! - Supervised by: `tree`, below `doors`; a connection is never restarted, the device reconnects.
//! - Takes: bytes.
//! - Tells: device actors; the peer.
//! - Never: keeps a buffer for an idle connection, or reads on while the device's actor is behind.
//!
//! Bytes become packets in `crate::codec`, packets become the native contract in `protocol` and
//! `contract` (all pure); `wire` moves bytes, `tls` keeps them secret, `login` opens, `connection`
//! runs, `sweep` notices who fell silent.

pub mod admission;
pub mod aliases;
pub mod client;
mod client_link;
pub mod connection;
pub mod contract;
mod device_link;
pub mod fatal;
pub mod greeting;
pub mod login;
mod peer;
pub mod protocol;
pub mod sweep;
#[cfg(test)]
mod tests;
pub mod tls;
mod wire;

pub use peer::Peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::codec;
use crate::device::LinkId;
use crate::devices::Devices;
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::store::Store;
use crate::supervision::Tasks;

/// What every connection needs of the floors below it, and the limits it keeps.
pub struct MqttFloor {
    /// Reaches the devices.
    pub devices: Devices,
    /// Where credentials are kept.
    pub store: Store,
    /// Reaches the topic spaces.
    pub spaces: Spaces,
    /// Reaches the sessions, and runs what clients ask of devices.
    pub commands: Arc<(Sessions, Tasks)>,
    /// Into whose space a client without credentials comes; nobody's, if there is none.
    pub anonymous_user: Option<String>,
    /// Who fell silent.
    pub sweep: Arc<sweep::Sweep>,
    /// What a connection may take.
    pub limits: Arc<MqttLimits>,
    /// Numbers the links.
    pub links: AtomicU64,
}

/// What a connection may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttLimits {
    /// What packets may carry.
    pub packets: codec::Limits,
    /// Bytes of a packet before the client is known.
    pub login_packet_bytes_max: u32,
    /// Bytes of any later packet.
    pub packet_bytes_max: u32,
    /// Seconds within which a connection must have sent its CONNECT.
    pub login_s_max: u32,
    /// Longest keep-alive, in seconds, that a v5 client is granted.
    pub keepalive_s_max: u16,
    /// Messages above `QoS` 0 that a client may have unacknowledged.
    pub receive_maximum: u16,
    /// Messages that may be under way to its actor.
    pub permits_max: u32,
    /// Packets to a topic space's client that may wait for its socket: what `QoS` 0 may fill, and
    /// room for acknowledgements and what is in flight.
    pub client_outbox_max: usize,
    /// Seconds that a peer may leave its socket full.
    pub write_s_max: u32,
    /// Milliseconds that a refused client waits for the answer, whatever was wrong.
    pub refusal_delay_ms: u64,
    /// Filters to which no device may subscribe, by the letter.
    pub refused_filters: Box<[String]>,
}

impl Default for MqttLimits {
    fn default() -> Self {
        Self {
            packets: codec::Limits::default(),
            login_packet_bytes_max: 4 * 1024,
            packet_bytes_max: 256 * 1024,
            login_s_max: 5,
            keepalive_s_max: 1_200,
            receive_maximum: 20,
            permits_max: 32,
            client_outbox_max: 2_200,
            write_s_max: 15,
            refusal_delay_ms: 500,
            refused_filters: Box::default(),
        }
    }
}

impl MqttFloor {
    fn next_link(&self) -> LinkId {
        LinkId(self.links.fetch_add(1, Ordering::Relaxed))
    }
}
