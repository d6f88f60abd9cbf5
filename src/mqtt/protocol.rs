//! The MQTT of a device's link, after CONNECT: packets in, packets and the contract out. Pure.

#[cfg(test)]
mod tests;

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::device::{Report, ToLink};
use crate::kind::Kind;
use crate::model::DeviceId;

use super::aliases::Aliases;
use super::fatal::Fatal;
use super::{MqttLimits, contract};
use crate::codec::{
    Ack, Connect, Disconnect, Encoder, Packet, Publish, QoS, ReasonCode, ReasonCodes, Suback,
    Subscribe, Unsuback, Unsubscribe, Version, topic,
};

/// The bit of an acknowledgement's token that says: answer PUBREC, not PUBACK.
const EXACTLY_ONCE: u32 = 1 << 16;

/// Messages above `QoS` 0 that a device may have under way where it can't be told how many, before
/// MQTT 5: as many as any client has in practice.
const RECEIVE_MAXIMUM_MQTT3: usize = 1_000;

/// What a packet means to the device's actor.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// The device said something; with a token, it waits for [`ToLink::Handled`].
    Report(Report, Option<u32>),
    /// It began (or ended) to listen to `set`.
    Listens(bool),
    /// It has the `set` message of this number.
    Delivered(u64),
    /// It goes, without its will.
    Goodbye,
}

/// One link's protocol state.
#[derive(Debug)]
pub struct Protocol {
    kind: Arc<Kind>,
    /// `devices/{id}/`
    prefix: Box<str>,
    encoder: Encoder,
    limits: Arc<MqttLimits>,
    /// The `QoS` at which the device listens to `set`.
    listens: Option<QoS>,
    last_packet_id: u16,
    /// The `set` message that waits for its PUBACK.
    on_its_way: Option<(NonZeroU16, u64)>,
    /// Messages that the house has not acknowledged yet.
    unacknowledged: u16,
    /// Messages at `QoS` 2 that are acknowledged by PUBREC and wait for PUBREL.
    received: Vec<NonZeroU16>,
    aliases: Aliases,
    will: Option<Report>,
}

impl Protocol {
    /// The link of device `id`, which sent `connect`.
    ///
    /// # Errors
    /// [`Fatal::Forbidden`] if its will is for a topic that is not its own.
    pub fn new(
        id: DeviceId,
        kind: Arc<Kind>,
        connect: &Connect<'_>,
        limits: Arc<MqttLimits>,
    ) -> Result<Self, Fatal> {
        let prefix = contract::prefix(id).into_boxed_str();
        let will = match &connect.will {
            None => None,
            Some(will) => {
                let leaf = will.topic.strip_prefix(&*prefix).ok_or(Fatal::Forbidden)?;
                Some(contract::read(&kind, leaf, will.payload))
            }
        };
        Ok(Self {
            kind,
            prefix,
            encoder: Encoder::towards(connect),
            limits,
            listens: None,
            last_packet_id: 0,
            on_its_way: None,
            unacknowledged: 0,
            received: Vec::new(),
            aliases: Aliases::default(),
            will,
        })
    }

    /// Whether packets carry reason codes.
    #[must_use]
    pub const fn is_v5(&self) -> bool {
        self.encoder.version().is_v5()
    }

    /// What the device wanted said if its connection breaks. Once.
    pub const fn take_will(&mut self) -> Option<Report> {
        self.will.take()
    }

    /// Takes one whole packet; answers go to `out`.
    ///
    /// # Errors
    /// The connection can't go on.
    pub fn take(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<Said, Fatal> {
        match self.limits.packets.decode(self.encoder.version(), frame)? {
            Packet::Publish(publish) => self.publish(&publish, out),
            Packet::Puback(ack) => Ok(self.puback(&ack)),
            Packet::Pubrel(ack) => {
                self.pubrel(&ack, out);
                Ok(Said::Nothing)
            }
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe, out),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe, out),
            Packet::Pingreq => {
                self.encoder.pingresp(out);
                Ok(Said::Nothing)
            }
            Packet::Disconnect(disconnect) => {
                // Any other reason leaves the will to be published (3.1.2.5).
                if disconnect.reason == ReasonCode::SUCCESS {
                    self.will = None;
                }
                Ok(Said::Goodbye)
            }
            Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Pubrec(_)
            | Packet::Pubcomp(_)
            | Packet::Suback(_)
            | Packet::Unsuback(_)
            | Packet::Pingresp
            | Packet::Auth(_) => Err(Fatal::Unexpected),
        }
    }

    /// Carries out what the device's actor sends. Some: the `set` message of this number counts as
    /// delivered once the bytes are written, because `QoS` 0 has no acknowledgement.
    ///
    /// # Errors
    /// [`Fatal::Ended`] if the house ends the link.
    pub fn send(&mut self, message: ToLink, out: &mut Vec<u8>) -> Result<Option<u64>, Fatal> {
        match message {
            ToLink::Set(payload, number) => Ok(self.set(&payload, number, out)),
            ToLink::Handled(token) => {
                self.handled(token, out);
                Ok(None)
            }
            ToLink::Close(why) => Err(Fatal::Ended(why)),
        }
    }

    /// Says why the connection is closed, to a peer whose version has words for it.
    pub fn farewell(&self, reason: ReasonCode, out: &mut Vec<u8>) {
        if self.is_v5() {
            self.put(&Packet::Disconnect(Disconnect::new(reason)), out);
        }
    }

    fn publish(&mut self, publish: &Publish<'_>, out: &mut Vec<u8>) -> Result<Said, Fatal> {
        if let Some(id) = publish.packet_id
            && publish.qos == QoS::ExactlyOnce
            && self.received.contains(&id)
        {
            self.put(&Packet::Pubrec(Ack::new(id, ReasonCode::SUCCESS)), out);
            return Ok(Said::Nothing);
        }
        let topic = self.aliases.topic(publish)?;
        let Some(leaf) = topic.strip_prefix(&*self.prefix) else {
            Fatal::refuse_topic(publish, self.encoder, out)?;
            return Ok(Said::Nothing);
        };
        let report = contract::read(&self.kind, leaf, publish.payload);
        let token = publish.packet_id.map(|id| {
            let exactly_once = if publish.qos == QoS::ExactlyOnce { EXACTLY_ONCE } else { 0 };
            u32::from(id.get()) | exactly_once
        });
        if token.is_some() {
            // A QoS 2 message is under way until its PUBREL (4.9).
            if usize::from(self.unacknowledged) + self.received.len() >= self.window() {
                return Err(Fatal::TooManyInFlight);
            }
            self.unacknowledged = self.unacknowledged.saturating_add(1);
        }
        Ok(Said::Report(report, token))
    }

    fn window(&self) -> usize {
        unacknowledged_max(self.encoder.version(), &self.limits)
    }

    fn handled(&mut self, token: u32, out: &mut Vec<u8>) {
        let id = u16::try_from(token & 0xFFFF).ok().and_then(NonZeroU16::new);
        let Some(id) = id else { return };
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
        let ack = Ack::new(id, ReasonCode::SUCCESS);
        if token & EXACTLY_ONCE == 0 {
            self.put(&Packet::Puback(ack), out);
        } else {
            self.received.push(id);
            self.put(&Packet::Pubrec(ack), out);
        }
    }

    fn pubrel(&mut self, ack: &Ack<'_>, out: &mut Vec<u8>) {
        let known = self.received.contains(&ack.packet_id);
        self.received.retain(|id| *id != ack.packet_id);
        let reason =
            if known { ReasonCode::SUCCESS } else { ReasonCode::PACKET_IDENTIFIER_NOT_FOUND };
        self.put(&Packet::Pubcomp(Ack::new(ack.packet_id, reason)), out);
    }

    fn puback(&mut self, ack: &Ack<'_>) -> Said {
        let waiting = self.on_its_way.take_if(|(id, _)| *id == ack.packet_id);
        waiting.map_or(Said::Nothing, |(_, number)| Said::Delivered(number))
    }

    fn subscribe(&mut self, subscribe: &Subscribe<'_>, out: &mut Vec<u8>) -> Result<Said, Fatal> {
        let set = self.set_topic();
        let mut codes = Vec::new();
        let mut said = Said::Nothing;
        for wanted in subscribe.filters.iter() {
            if !wanted.filter.starts_with(&*self.prefix) {
                if !self.is_v5() {
                    return Err(Fatal::Forbidden);
                }
                codes.push(ReasonCode::NOT_AUTHORIZED);
                continue;
            }
            if self.limits.refused_filters.iter().any(|refused| refused == wanted.filter) {
                codes.push(ReasonCode::UNSPECIFIED_ERROR);
                continue;
            }
            if !self.limits.packets.takes_filter(wanted.filter) {
                codes.push(ReasonCode::TOPIC_FILTER_INVALID);
                continue;
            }
            let granted = wanted.qos.min(QoS::AtLeastOnce);
            if topic::matches(wanted.filter, &set) {
                self.listens = Some(granted);
                said = Said::Listens(true);
            }
            codes.push(match granted {
                QoS::AtMostOnce => ReasonCode::SUCCESS,
                QoS::AtLeastOnce | QoS::ExactlyOnce => ReasonCode::GRANTED_QOS_1,
            });
        }
        let codes = ReasonCodes::new(&codes);
        self.answer(&Packet::Suback(Suback::new(subscribe.packet_id, codes)), out)?;
        Ok(said)
    }

    fn unsubscribe(
        &mut self,
        unsubscribe: &Unsubscribe<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Said, Fatal> {
        let set = self.set_topic();
        let mut said = Said::Nothing;
        let mut codes = Vec::new();
        for filter in unsubscribe.filters.iter() {
            let ended = topic::matches(filter, &set) && self.listens.take().is_some();
            if ended {
                said = Said::Listens(false);
            }
            let none = ReasonCode::NO_SUBSCRIPTION_EXISTED;
            codes.push(if ended { ReasonCode::SUCCESS } else { none });
        }
        let codes = ReasonCodes::new(&codes);
        self.answer(&Packet::Unsuback(Unsuback::new(unsubscribe.packet_id, codes)), out)?;
        Ok(said)
    }

    fn set(&mut self, payload: &[u8], number: u64, out: &mut Vec<u8>) -> Option<u64> {
        let qos = self.listens?;
        let packet_id = (qos == QoS::AtLeastOnce).then(|| self.next_packet_id());
        let topic = self.set_topic();
        let publish = Publish { qos, topic: &topic, packet_id, payload, ..Publish::default() };
        self.put(&Packet::Publish(publish), out);
        let Some(id) = packet_id else { return Some(number) };
        self.on_its_way = Some((id, number));
        None
    }

    fn set_topic(&self) -> String {
        format!("{}{}", self.prefix, contract::SET)
    }

    /// The next packet identifier; zero is none.
    fn next_packet_id(&mut self) -> NonZeroU16 {
        let next = NonZeroU16::new(self.last_packet_id.wrapping_add(1)).unwrap_or(NonZeroU16::MIN);
        self.last_packet_id = next.get();
        next
    }

    /// An answer to several filters, which the peer waits for.
    fn answer(&self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), Fatal> {
        self.encoder.packet(packet, out).map_err(|_too_large| Fatal::AnswerTooLarge)
    }

    /// A packet larger than the peer takes is not sent (3.1.2.11.4).
    fn put(&self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        self.encoder.packet(packet, out).ok();
    }
}

/// Messages above `QoS` 0 that a device may have unacknowledged.
#[must_use]
pub fn unacknowledged_max(version: Version, limits: &MqttLimits) -> usize {
    if version.is_v5() { limits.receive_maximum.into() } else { RECEIVE_MAXIMUM_MQTT3 }
}

/// The keep-alive of a link: what the server will hold it to, and what a v5 client is told.
#[must_use]
pub fn keep_alive(version: Version, asked_s: u16, max_s: u16) -> (u16, Option<u16>) {
    if version.is_v5() && max_s > 0 && (asked_s == 0 || asked_s > max_s) {
        return (max_s, Some(max_s));
    }
    (asked_s, None)
}
