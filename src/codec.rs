//! MQTT 3.1, 3.1.1 and 5.0 packets: bytes to values and back, both directions.
//!
//! Decoding borrows from the frame and allocates nothing, except one box for a CONNECT behind
//! [`decode`]. It refuses everything the standards call malformed and what brokers refuse in
//! practice (control characters in text), and says why in MQTT 5 reason codes. What no single
//! packet can show (a packet id in use, an alias unknown so far) belongs to the protocol state.
//!
//! 1. [`frame_len`] finds one whole packet at the front of what has arrived.
//! 2. [`decode_connect`] reads the first one and learns the [`Version`]; [`decode`] the others.
//! 3. [`Limits`] holds them against what this server allows.
//! 4. [`Encoder`] writes packets for a peer of known version and Maximum Packet Size.
//!
//! Section numbers are those of the OASIS standards, MQTT 5.0 unless another is named.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod encode;
mod error;
mod frame;
mod limits;
mod message;
mod packet;
mod property;
mod publish;
mod reader;
mod reason;
mod scope;
mod sink;
mod suback;
mod subscribe;
#[cfg(test)]
mod tests;
pub mod topic;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::{Connack, ConnackProperties};
pub use connect::{Connect, ConnectProperties, Will, decode_connect};
pub use disconnect::Disconnect;
pub use encode::{EncodeError, Encoder, encode};
pub use error::DecodeError;
pub use frame::{PACKET_BYTES_MAX, PacketType, frame_len};
pub use limits::Limits;
pub use message::{MessageProperties, PayloadFormat};
pub use packet::{Packet, decode};
pub use property::{SubscriptionIds, UserProperties};
pub use publish::{Publish, PublishProperties, decode_publish};
pub use reason::{ConnectReturnCode, ReasonCode, ReasonCodes};
pub use scope::TopicScope;
pub use suback::{Suback, Unsuback};
pub use subscribe::{
    RetainHandling, Subscribe, SubscribeFilters, Subscription, TopicFilters, Unsubscribe,
};

use serde::{Deserialize, Serialize};

/// The protocol a client chose in its CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// MQTT 3.1, protocol name `MQIsdp`, level 3.
    V31,
    /// MQTT 3.1.1, level 4.
    V311,
    /// MQTT 5.0, level 5.
    V5,
}

impl Version {
    /// Whether packets carry properties and reason codes.
    #[must_use]
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }

    /// The protocol level in CONNECT (3.1.2.2).
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    const fn protocol_name(self) -> &'static str {
        match self {
            Self::V31 => "MQIsdp",
            Self::V311 | Self::V5 => "MQTT",
        }
    }
}

/// How surely a message arrives (4.3).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[repr(u8)]
pub enum QoS {
    /// At most once: sent and forgotten.
    #[default]
    AtMostOnce = 0,
    /// At least once: kept until PUBACK.
    AtLeastOnce = 1,
    /// Exactly once: kept until PUBREC, then PUBREL until PUBCOMP.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level of two bits; 3 does not exist.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The level as it stands in packets, 0 to 2.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }
}
