//! Why a connection is closed. Pure.

use crate::codec::{Ack, DecodeError, Encoder, Packet, Publish, QoS, ReasonCode};
use crate::device::LinkEnd;
use crate::space::{ClientEnd, ClientFault};

/// Why a connection is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// A packet broke a rule.
    #[error("{0}")]
    Packet(#[from] DecodeError),
    /// A topic outside the peer's own.
    #[error("a topic that is not the peer's own")]
    Forbidden,
    /// A packet that does not belong here.
    #[error("an unexpected packet")]
    Unexpected,
    /// More messages unacknowledged than the server takes.
    #[error("too many messages unacknowledged")]
    TooManyInFlight,
    /// A topic alias that was never given a topic.
    #[error("an unknown topic alias")]
    UnknownAlias,
    /// A session that was to end with its connection can't be made to outlive it.
    #[error("a session expiry that comes too late")]
    LateExpiry,
    /// An answer that is larger than the peer takes: it asked for more than it can be told.
    #[error("an answer that is larger than the peer takes")]
    AnswerTooLarge,
    /// A client broke the rules of its session.
    #[error("{0}")]
    Client(#[from] ClientFault),
    /// The house ends a device's link.
    #[error("the server ended the link: {0:?}")]
    Ended(LinkEnd),
    /// The house ends a client's connection.
    #[error("the server ended the connection: {0:?}")]
    EndedClient(ClientEnd),
}

impl Fatal {
    /// Refuses a message on a topic outside the peer's own: MQTT 5 has a reason code for it,
    /// earlier versions only the door.
    ///
    /// # Errors
    /// [`Fatal::Forbidden`] before MQTT 5.
    pub fn refuse_topic(
        publish: &Publish<'_>,
        encoder: Encoder,
        out: &mut Vec<u8>,
    ) -> Result<(), Self> {
        if !encoder.version().is_v5() {
            return Err(Self::Forbidden);
        }
        if let Some(packet_id) = publish.packet_id {
            let ack = Ack::new(packet_id, ReasonCode::NOT_AUTHORIZED);
            let exactly_once = publish.qos == QoS::ExactlyOnce;
            let answer = if exactly_once { Packet::Pubrec(ack) } else { Packet::Puback(ack) };
            // A packet larger than the peer takes is not sent (3.1.2.11.4).
            encoder.packet(&answer, out).ok();
        }
        Ok(())
    }

    /// What a v5 peer is told.
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Packet(error) => error.reason(),
            Self::Forbidden | Self::Ended(LinkEnd::Revoked) => ReasonCode::NOT_AUTHORIZED,
            Self::Unexpected | Self::LateExpiry => ReasonCode::PROTOCOL_ERROR,
            Self::TooManyInFlight => ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
            Self::UnknownAlias => ReasonCode::TOPIC_ALIAS_INVALID,
            Self::AnswerTooLarge => ReasonCode::PACKET_TOO_LARGE,
            Self::Client(fault) => fault.reason(),
            Self::Ended(LinkEnd::TakenOver) => ReasonCode::SESSION_TAKEN_OVER,
            Self::Ended(LinkEnd::ShuttingDown) => ReasonCode::SERVER_SHUTTING_DOWN,
            Self::EndedClient(end) => end.reason(),
        }
    }

    /// Whether it is the house that ends the connection, not the peer.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::EndedClient(_))
    }
}
