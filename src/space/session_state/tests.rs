//! The duties of a session, one sentence each, and seeded towns of cuts and losses.
mod cuts;
mod hostile;
mod incoming;
mod limits;
mod norms;
mod outgoing;
mod resume;

use std::num::NonZeroU16;
use std::sync::Arc;

use super::*;
use crate::codec::QoS;
use crate::space::message::Message;

const AT_MOST_ONCE: QoS = QoS::AtMostOnce;
const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;
const EXACTLY_ONCE: QoS = QoS::ExactlyOnce;
const OK: ReasonCode = ReasonCode::SUCCESS;

fn id(packet_id: u16) -> NonZeroU16 {
    NonZeroU16::new(packet_id).unwrap()
}

/// A delivery whose payload and token are `number`.
fn numbered(number: u64, qos: QoS) -> Delivery {
    let message = Message::new("t", &number.to_be_bytes(), qos, false);
    Delivery { token: Some(number), ..Delivery::new(Arc::new(message), qos) }
}

fn number(delivery: &Delivery) -> u64 {
    u64::from_be_bytes(delivery.message.payload().try_into().unwrap())
}

/// A session and what it has said, in words.
struct Told {
    session: SessionState,
    effects: Vec<SessionEffect>,
}

impl Told {
    fn new(limits: SessionLimits) -> Self {
        Self { session: SessionState::new(limits.into()), effects: Vec::new() }
    }

    fn attached() -> Self {
        let mut told = Self::new(SessionLimits::default());
        told.attach(Link::new(Version::V5));
        told
    }

    fn attach(&mut self, link: Link) {
        self.session.attach(link, 0, &mut self.effects);
    }

    fn deliver(&mut self, number: u64, qos: QoS) {
        self.session.deliver(numbered(number, qos), 0, &mut self.effects);
    }

    /// What it said since last asked: `publish 1 #7` is packet 1 with message 7.
    fn words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.effects).iter().map(in_words).collect()
    }
}

fn in_words(effect: &SessionEffect) -> String {
    match effect {
        SessionEffect::Write(Outgoing::Publish(publish)) => {
            let again = if publish.dup { "again" } else { "publish" };
            let packet_id = publish.packet_id.map_or(0, NonZeroU16::get);
            format!("{again} {packet_id} #{}", number(&publish.delivery))
        }
        SessionEffect::Write(Outgoing::Puback(packet_id, reason)) => {
            format!("puback {packet_id} {:02x}", reason.byte())
        }
        SessionEffect::Write(Outgoing::Pubrec(packet_id, reason)) => {
            format!("pubrec {packet_id} {:02x}", reason.byte())
        }
        SessionEffect::Write(Outgoing::Pubrel(packet_id, reason)) => {
            format!("pubrel {packet_id} {:02x}", reason.byte())
        }
        SessionEffect::Write(Outgoing::Pubcomp(packet_id, reason)) => {
            format!("pubcomp {packet_id} {:02x}", reason.byte())
        }
        SessionEffect::Write(Outgoing::Suback(..) | Outgoing::Unsuback(..)) => {
            unreachable!("subscriptions are not the session's")
        }
        SessionEffect::Delivered(token) => format!("delivered {token}"),
        SessionEffect::Dropped { token, reason } => {
            format!("dropped {} {reason:?}", token.unwrap_or_default())
        }
    }
}
