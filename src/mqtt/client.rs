//! The MQTT of a topic space's client, after CONNECT: packets in and out. Pure.
//!
//! What a packet means to the space is [`Asked`]; the space decides and sends packets back.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::codec::{
    Ack, Connect, Disconnect, Encoder, Packet, Publish, QoS, ReasonCode, Subscribe, TopicScope,
    Unsubscribe,
};
use crate::model::DeviceId;
use crate::space::message::Message;
use crate::space::session_state::Outgoing;
use crate::space::{AckKind, Addressed, Published, ToClient};

use super::MqttLimits;
use super::aliases::{Aliases, GivenAliases};
use super::fatal::Fatal;

/// What a packet asks of the space.
#[derive(Debug)]
pub enum Asked<'f> {
    /// Nothing.
    Nothing,
    /// Publish a message.
    Publish(Published),
    /// Ask something of a device.
    Command {
        /// Which.
        device: DeviceId,
        /// What, as JSON.
        payload: &'f [u8],
        /// How surely.
        qos: QoS,
        /// Present above `QoS` 0.
        packet_id: Option<NonZeroU16>,
    },
    /// Take an acknowledgement.
    Ack(AckKind, NonZeroU16, ReasonCode),
    /// Subscribe.
    Subscribe(Subscribe<'f>),
    /// Unsubscribe.
    Unsubscribe(Unsubscribe<'f>),
    /// It goes.
    Goodbye {
        /// Its will is to be published all the same.
        with_will: bool,
        /// Another session expiry, in seconds.
        expiry_s: Option<u32>,
    },
}

/// A client's protocol state.
#[derive(Debug)]
pub struct ClientProtocol {
    encoder: Encoder,
    limits: Arc<MqttLimits>,
    /// Which topics its credential is for; without one, all.
    scope: Option<Arc<TopicScope>>,
    aliases: Aliases,
    given: GivenAliases,
    /// Whether the session was to end with the connection (3.14.2.2.2).
    ends_with_it: bool,
    /// Messages above `QoS` 0 that the house has not acknowledged yet.
    unacknowledged: u16,
}

impl ClientProtocol {
    /// The state of a client that sent `connect`.
    #[must_use]
    pub fn new(
        connect: &Connect<'_>,
        limits: Arc<MqttLimits>,
        scope: Option<Arc<TopicScope>>,
    ) -> Self {
        let ends_with_it = connect.properties.session_expiry_s.unwrap_or(0) == 0;
        let asked = connect.properties.topic_alias_maximum.unwrap_or(0);
        Self {
            encoder: Encoder::towards(connect),
            aliases: Aliases::default(),
            given: GivenAliases::new(asked.min(limits.packets.topic_alias_maximum)),
            limits,
            scope,
            ends_with_it,
            unacknowledged: 0,
        }
    }

    /// Whether packets carry reason codes.
    #[must_use]
    pub const fn is_v5(&self) -> bool {
        self.encoder.version().is_v5()
    }

    /// Messages above `QoS` 0 that the client may have unacknowledged.
    #[must_use]
    pub fn receive_maximum(&self) -> u16 {
        self.limits.receive_maximum
    }

    /// Whether more may be read. An MQTT 5 client was told how much it may have unacknowledged; an
    /// older one can't be told, and is made to wait.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.is_v5() || self.unacknowledged < self.limits.receive_maximum
    }

    /// Takes one whole packet at `now_ms`; answers that need nobody go to `out`.
    ///
    /// # Errors
    /// The connection can't go on.
    pub fn take<'f>(
        &mut self,
        frame: &'f [u8],
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<Asked<'f>, Fatal> {
        match self.limits.packets.decode(self.encoder.version(), frame)? {
            Packet::Publish(publish) => self.publish(&publish, now_ms, out),
            Packet::Puback(ack) => Ok(acked(AckKind::Puback, &ack)),
            Packet::Pubrec(ack) => Ok(acked(AckKind::Pubrec, &ack)),
            Packet::Pubrel(ack) => Ok(acked(AckKind::Pubrel, &ack)),
            Packet::Pubcomp(ack) => Ok(acked(AckKind::Pubcomp, &ack)),
            Packet::Subscribe(subscribe) => Ok(Asked::Subscribe(subscribe)),
            Packet::Unsubscribe(unsubscribe) => Ok(Asked::Unsubscribe(unsubscribe)),
            Packet::Pingreq => {
                self.encoder.pingresp(out);
                Ok(Asked::Nothing)
            }
            Packet::Disconnect(disconnect) => self.disconnect(&disconnect),
            Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Suback(_)
            | Packet::Unsuback(_)
            | Packet::Pingresp
            | Packet::Auth(_) => Err(Fatal::Unexpected),
        }
    }

    /// A message of [`Asked::Publish`] or [`Asked::Command`] was new, and will be acknowledged.
    pub const fn owes_acknowledgement(&mut self) {
        self.unacknowledged = self.unacknowledged.saturating_add(1);
    }

    /// Writes what the space sends.
    ///
    /// # Errors
    /// [`Fatal::EndedClient`] if it ends the connection, [`Fatal::AnswerTooLarge`].
    pub fn send(&mut self, message: &ToClient, out: &mut Vec<u8>) -> Result<(), Fatal> {
        match message {
            ToClient::Packet(Outgoing::Publish(publish)) => {
                let publish = self.given.shorten(publish.packet(), self.encoder);
                // What is larger than the client takes was dropped by its session.
                self.encoder.publish(&publish, out).ok();
                Ok(())
            }
            ToClient::Packet(packet) => {
                if matches!(packet, Outgoing::Puback(..) | Outgoing::Pubrec(..)) {
                    self.unacknowledged = self.unacknowledged.saturating_sub(1);
                }
                packet.encode(self.encoder, out).map_err(|_too_large| Fatal::AnswerTooLarge)
            }
            ToClient::More => Ok(()),
            ToClient::Close(why) => Err(Fatal::EndedClient(*why)),
        }
    }

    /// Says why the connection is closed, to a client whose version has words for it.
    pub fn farewell(&self, reason: ReasonCode, out: &mut Vec<u8>) {
        if self.is_v5() {
            self.encoder.packet(&Packet::Disconnect(Disconnect::new(reason)), out).ok();
        }
    }

    fn publish<'f>(
        &mut self,
        publish: &Publish<'f>,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<Asked<'f>, Fatal> {
        let topic = self.aliases.topic(publish)?;
        let Publish { payload, qos, packet_id, .. } = *publish;
        let may = self.scope.as_ref().is_none_or(|scope| scope.may_publish(&topic));
        match Addressed::of(&topic) {
            Addressed::Topic if may => {
                let message = Arc::new(Message::from_publish(publish, &topic, now_ms));
                Ok(Asked::Publish(Published { message, packet_id }))
            }
            Addressed::Device(device) if may => {
                Ok(Asked::Command { device, payload, qos, packet_id })
            }
            Addressed::Topic | Addressed::Device(_) | Addressed::Reserved => {
                Fatal::refuse_topic(publish, self.encoder, out)?;
                Ok(Asked::Nothing)
            }
        }
    }

    fn disconnect(&self, disconnect: &Disconnect<'_>) -> Result<Asked<'static>, Fatal> {
        let expiry_s = disconnect.session_expiry_s;
        if self.ends_with_it && expiry_s.is_some_and(|expiry_s| expiry_s > 0) {
            return Err(Fatal::LateExpiry);
        }
        // Any other reason than success leaves the will to be published (3.1.2.5).
        let with_will = disconnect.reason != ReasonCode::SUCCESS;
        Ok(Asked::Goodbye { with_will, expiry_s })
    }
}

fn acked(kind: AckKind, ack: &Ack<'_>) -> Asked<'static> {
    Asked::Ack(kind, ack.packet_id, ack.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Version, decode_publish};
    use crate::space::session_state::{Delivery, OutgoingPublish};

    #[test]
    fn a_client_that_takes_an_alias_hears_a_topic_once() {
        let mut connect = Connect::new(Version::V5, "panel", 60);
        connect.properties.topic_alias_maximum = Some(1);
        let mut protocol = ClientProtocol::new(&connect, Arc::default(), None);
        let lamp = Publish { topic: "kitchen/lamp", payload: b"on", ..Publish::default() };
        let message = Arc::new(Message::from_publish(&lamp, lamp.topic, 0));
        let delivery = Delivery::new(message, QoS::AtMostOnce);
        let publish = OutgoingPublish { delivery, packet_id: None, dup: false, expiry_s: None };
        let message = ToClient::Packet(Outgoing::Publish(publish));

        let heard = [(); 2].map(|()| {
            let mut out = Vec::new();
            protocol.send(&message, &mut out).unwrap();
            out
        });

        let heard = heard.each_ref().map(|frame| {
            let publish = decode_publish(Version::V5, frame).unwrap();
            (publish.topic, publish.properties.topic_alias, publish.payload)
        });
        let alias = NonZeroU16::new(1);
        assert_eq!(heard, [("kitchen/lamp", alias, &b"on"[..]), ("", alias, &b"on"[..])]);
    }

    #[test]
    fn a_client_that_takes_no_packet_of_its_answers_size_is_told_so_and_closed() {
        let mut connect = Connect::new(Version::V5, "panel", 60);
        connect.properties.maximum_packet_size = std::num::NonZeroU32::new(64);
        let mut protocol = ClientProtocol::new(&connect, Arc::default(), None);
        let suback = |filters| {
            let codes = vec![ReasonCode::SUCCESS; filters];
            ToClient::Packet(Outgoing::Suback(NonZeroU16::MIN, codes.into()))
        };
        let mut out = Vec::new();
        assert_eq!(protocol.send(&suback(59), &mut out), Ok(()));
        out.clear();
        assert_eq!(protocol.send(&suback(60), &mut out), Err(Fatal::AnswerTooLarge));
        assert!(out.is_empty());
    }
}
