use std::num::NonZeroU16;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec::{
    Ack, EncodeError, Encoder, MessageProperties, Packet, Publish, PublishProperties, QoS,
    ReasonCode, ReasonCodes, Suback, SubscriptionIds, Unsuback,
};
use crate::space::message::Message;

/// A message for one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The message, shared with all who get it.
    pub message: Arc<Message>,
    /// The lower of the message's and the subscription's QoS.
    pub qos: QoS,
    /// RETAIN for this client: as published, or that it was kept before it subscribed.
    pub retain: bool,
    /// Identifiers of the subscriptions that took it; none before MQTT 5.
    pub subscription_ids: Option<Arc<[u32]>>,
    /// What the effects call it, for a sender who wants to know.
    pub token: Option<u64>,
}

impl Delivery {
    /// A message that nobody asks about.
    #[must_use]
    pub const fn new(message: Arc<Message>, qos: QoS) -> Self {
        Self { message, qos, retain: false, subscription_ids: None, token: None }
    }
}

/// What a session asks its shell to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEffect {
    /// Write a packet to the client.
    Write(Outgoing),
    /// The client has the message: PUBACK, PUBREC, or written at QoS 0. Only with a token.
    Delivered(u64),
    /// A message will not arrive; to be counted.
    Dropped {
        /// Of the delivery.
        token: Option<u64>,
        /// Why.
        reason: DropReason,
    },
}

/// Why a message does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// QoS 0 and no connection.
    Offline,
    /// It expired, or waited too long.
    Expired,
    /// The queue was full; the oldest goes first.
    QueueFull,
    /// The client takes no packet of this size (3.1.2-25).
    TooLarge,
    /// The client refused it.
    Refused(ReasonCode),
    /// The session ended.
    SessionEnded,
}

/// A packet to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A message.
    Publish(OutgoingPublish),
    /// A QoS 1 message from the client was accepted or refused.
    Puback(NonZeroU16, ReasonCode),
    /// A QoS 2 message from the client was accepted or refused.
    Pubrec(NonZeroU16, ReasonCode),
    /// A QoS 2 message to the client may be released.
    Pubrel(NonZeroU16, ReasonCode),
    /// A QoS 2 message from the client was released.
    Pubcomp(NonZeroU16, ReasonCode),
    /// Subscriptions were made or refused, one by one.
    Suback(NonZeroU16, Box<[ReasonCode]>),
    /// Subscriptions were ended, one by one.
    Unsuback(NonZeroU16, Box<[ReasonCode]>),
}

/// A message to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingPublish {
    /// What.
    pub delivery: Delivery,
    /// Present exactly above QoS 0.
    pub packet_id: Option<NonZeroU16>,
    /// Sent before.
    pub dup: bool,
    /// Seconds the message has left.
    pub expiry_s: Option<u32>,
}

impl OutgoingPublish {
    /// The packet, borrowing from the message.
    #[must_use]
    pub fn packet(&self) -> Publish<'_> {
        let Delivery { message, qos, retain, subscription_ids, token: _ } = &self.delivery;
        let subscription_ids = subscription_ids.as_deref().unwrap_or_default();
        Publish {
            dup: self.dup,
            qos: *qos,
            retain: *retain,
            topic: message.topic(),
            packet_id: self.packet_id,
            properties: PublishProperties {
                topic_alias: None,
                subscription_ids: SubscriptionIds::new(subscription_ids),
                message: MessageProperties { expiry_s: self.expiry_s, ..message.properties() },
            },
            payload: message.payload(),
        }
    }
}

impl Outgoing {
    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// See [`EncodeError`]; for packets of a session whose link has the encoder's limit, none.
    pub fn encode(&self, encoder: Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let packet = match self {
            Self::Publish(publish) => return encoder.publish(&publish.packet(), out),
            Self::Puback(packet_id, reason) => Packet::Puback(Ack::new(*packet_id, *reason)),
            Self::Pubrec(packet_id, reason) => Packet::Pubrec(Ack::new(*packet_id, *reason)),
            Self::Pubrel(packet_id, reason) => Packet::Pubrel(Ack::new(*packet_id, *reason)),
            Self::Pubcomp(packet_id, reason) => Packet::Pubcomp(Ack::new(*packet_id, *reason)),
            Self::Suback(packet_id, codes) => {
                Packet::Suback(Suback::new(*packet_id, ReasonCodes::new(codes)))
            }
            Self::Unsuback(packet_id, codes) => {
                Packet::Unsuback(Unsuback::new(*packet_id, ReasonCodes::new(codes)))
            }
        };
        encoder.packet(&packet, out)
    }
}
