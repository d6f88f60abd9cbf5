use thiserror::Error;

use super::{ConnectReturnCode, ReasonCode};

/// Why a packet is refused. Every variant ends the connection; [`DecodeError::reason`] is what an
/// MQTT 5 peer is told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A field reaches beyond its packet, or its section.
    #[error("a field ends beyond its packet")]
    Truncated,
    /// Bytes remain after the last field, or in a packet that has none.
    #[error("bytes remain after the last field")]
    TrailingBytes,
    /// A variable byte integer has more than four bytes or is not in its shortest form.
    #[error("a length has more than four bytes or is not in its shortest form")]
    VariableByteInteger,
    /// The packet is longer than this connection may send.
    #[error("a packet of {length} bytes where {limit} are allowed")]
    PacketTooLarge {
        /// Bytes of the whole packet as its header announces them.
        length: u32,
        /// Bytes allowed.
        limit: u32,
    },
    /// The packet type does not exist in this version.
    #[error("packet type {0} does not exist in this version")]
    PacketType(u8),
    /// The packet is one that only the other side may send, or not now.
    #[error("packet type {0} is not expected here")]
    UnexpectedPacket(u8),
    /// The lower four bits of the first byte are not the type's.
    #[error("fixed header flags are not those of the packet type")]
    HeaderFlags,
    /// A bit that must be zero is one.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// QoS 3.
    #[error("QoS 3 does not exist")]
    QoS,
    /// DUP on a message that is never sent twice.
    #[error("DUP is set on a QoS 0 message")]
    DupWithoutQos,
    /// Packet identifier 0.
    #[error("packet identifier 0")]
    PacketId,
    /// Text that is not UTF-8, surrogates included.
    #[error("text is not UTF-8")]
    Utf8,
    /// U+0000, another control character, or U+007F to U+009F in text.
    #[error("text contains a control character")]
    ControlCharacter,
    /// An empty topic name, or one with a wildcard.
    #[error("topic name is empty or contains a wildcard")]
    TopicName,
    /// Neither a topic name nor a topic alias (3.3.2.3.4).
    #[error("neither a topic name nor a topic alias")]
    TopicAliasMissing,
    /// A topic name beyond the limits of this server.
    #[error("topic name has too many bytes or levels")]
    TopicTooLong,
    /// A filter that is empty, misplaces a wildcard or is not a whole `$share/name/filter`.
    #[error("topic filter is malformed")]
    TopicFilter,
    /// No Local on a shared subscription (3.8.3.1).
    #[error("no local on a shared subscription")]
    NoLocalOnShared,
    /// SUBSCRIBE, UNSUBSCRIBE or their answers without an entry.
    #[error("the packet lists nothing")]
    EmptyList,
    /// More filters in one packet than this server takes.
    #[error("too many topic filters in one packet")]
    TooManyFilters,
    /// A property number that MQTT 5.0 does not define.
    #[error("property {0:#04x} does not exist")]
    PropertyUnknown(u8),
    /// A property that does not belong to this packet.
    #[error("property {0:#04x} does not belong to this packet")]
    PropertyNotAllowed(u8),
    /// A property that may appear once appears again.
    #[error("property {0:#04x} appears twice")]
    PropertyRepeated(u8),
    /// A property value that the standard forbids.
    #[error("property {0:#04x} has a forbidden value")]
    PropertyValue(u8),
    /// More user properties than this server takes.
    #[error("too many or too large user properties")]
    UserProperties,
    /// A topic alias of 0 or above the maximum this server announced.
    #[error("topic alias is 0 or above the maximum")]
    TopicAlias,
    /// A subscription identifier in a PUBLISH from a client (3.3.4).
    #[error("subscription identifier from a client")]
    SubscriptionIdFromClient,
    /// A reason or return code that does not belong to this packet.
    #[error("reason code {0:#04x} does not belong to this packet")]
    ReasonCode(u8),
    /// Authentication Data without Authentication Method (3.1.2.11.10).
    #[error("authentication data without a method")]
    AuthenticationMethodMissing,
    /// A protocol name other than `MQTT` and `MQIsdp`.
    #[error("not an MQTT protocol name")]
    ProtocolName,
    /// A protocol level other than 3, 4 and 5.
    #[error("protocol level {0} is not supported")]
    ProtocolLevel(u8),
    /// Will QoS or Will Retain without a will.
    #[error("will bits without a will")]
    WillFlags,
    /// A password without a user name, before MQTT 5.
    #[error("a password without a user name")]
    PasswordWithoutUsername,
    /// A client identifier that is empty where it must not be, or longer than this server takes.
    #[error("client identifier is empty or too long")]
    ClientId,
    /// Session Present in a CONNACK that refuses (3.2.2.1.1).
    #[error("session present in a refusal")]
    SessionPresent,
}

impl DecodeError {
    /// The reason code for CONNACK or DISCONNECT (4.13.1): 0x81 for what cannot be read, 0x82 for
    /// what reads well and is forbidden, or the more precise code that the standard names. A topic
    /// that is malformed is 0x81 too: 0x8F and 0x90 are for those that are well formed and refused.
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Truncated
            | Self::TrailingBytes
            | Self::VariableByteInteger
            | Self::HeaderFlags
            | Self::ReservedBit
            | Self::QoS
            | Self::DupWithoutQos
            | Self::Utf8
            | Self::ControlCharacter
            | Self::PropertyUnknown(_)
            | Self::PropertyNotAllowed(_)
            | Self::ReasonCode(_)
            | Self::TopicName
            | Self::TopicFilter
            | Self::WillFlags
            | Self::PasswordWithoutUsername => ReasonCode::MALFORMED_PACKET,
            Self::PacketType(_)
            | Self::UnexpectedPacket(_)
            | Self::PacketId
            | Self::TopicAliasMissing
            | Self::SubscriptionIdFromClient
            | Self::NoLocalOnShared
            | Self::EmptyList
            | Self::PropertyRepeated(_)
            | Self::PropertyValue(_)
            | Self::AuthenticationMethodMissing
            | Self::SessionPresent => ReasonCode::PROTOCOL_ERROR,
            Self::TopicTooLong => ReasonCode::TOPIC_NAME_INVALID,
            Self::TopicAlias => ReasonCode::TOPIC_ALIAS_INVALID,
            Self::PacketTooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
            Self::TooManyFilters | Self::UserProperties => ReasonCode::QUOTA_EXCEEDED,
            Self::ProtocolName | Self::ProtocolLevel(_) => ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
            Self::ClientId => ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
        }
    }

    /// The CONNACK return code with which an MQTT 3 server refuses a CONNECT, where it may say
    /// anything before closing (3.1.1, 3.1.2-2 and 3.1.3-8).
    #[must_use]
    pub const fn connect_return_code(&self) -> Option<ConnectReturnCode> {
        if let Self::ProtocolLevel(_) = self {
            Some(ConnectReturnCode::UnacceptableProtocolVersion)
        } else if let Self::ClientId = self {
            Some(ConnectReturnCode::IdentifierRejected)
        } else {
            None
        }
    }
}
