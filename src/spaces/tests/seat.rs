//! A client's connection to its space: takes what it is sent, and acknowledges it at once.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::codec::{QoS, ReasonCode};
use crate::device::LinkId;
use crate::model::UserId;
use crate::space::session_state::Outgoing;
use crate::space::topics::SessionKey;
use crate::space::{AckKind, ClientEnd, SpaceEffect, SpaceState, ToClient};
use crate::supervision::Cell;
use crate::supervision::outbox::Inbox;

use super::model::Sent;

pub(super) struct Seat {
    pub(super) cell: Arc<Cell<UserId, SpaceState>>,
    pub(super) at: (SessionKey, LinkId),
    pub(super) inbox: Inbox<ToClient>,
    pub(super) last_packet_id: u16,
    /// Messages it was sent since this was looked at last.
    pub(super) got: Vec<Sent>,
    /// How its own packets were answered.
    pub(super) answers: Vec<(u16, ReasonCode)>,
    pub(super) ended: Option<ClientEnd>,
}

/// What a client asks of its space in a turn.
pub(super) type Turn<'a> = &'a mut dyn FnMut(&mut SpaceState, &mut Vec<SpaceEffect>, u64);

impl Seat {
    pub(super) const fn next_packet_id(&mut self) -> NonZeroU16 {
        self.last_packet_id = self.last_packet_id % 60_000 + 1;
        NonZeroU16::new(self.last_packet_id).unwrap()
    }

    /// Takes one thing that it was sent. False: there is none.
    pub(super) fn take(
        &mut self,
        topics: &[&'static str],
        turn: impl Fn(&Arc<Cell<UserId, SpaceState>>, Turn<'_>),
    ) -> bool {
        let Some(told) = self.inbox.try_recv() else { return false };
        let at = self.at;
        let acknowledge = |kind, packet_id| {
            let ack = (kind, packet_id, ReasonCode::SUCCESS);
            turn(&self.cell, &mut |space, out, now| space.acknowledged(at, ack, out, now).unwrap());
        };
        match told {
            ToClient::Packet(Outgoing::Publish(publish)) => {
                let delivery = &publish.delivery;
                let name = delivery.message.topic();
                let ids = delivery.subscription_ids.as_deref().unwrap_or_default();
                let mut ids = ids.to_vec();
                ids.sort_unstable();
                self.got.push(Sent {
                    topic: topics.iter().find(|topic| **topic == name).unwrap(),
                    payload: String::from_utf8_lossy(delivery.message.payload()).into_owned(),
                    qos: delivery.qos,
                    retain: delivery.retain,
                    ids,
                });
                match (delivery.qos, publish.packet_id) {
                    (QoS::AtLeastOnce, Some(packet_id)) => acknowledge(AckKind::Puback, packet_id),
                    (QoS::ExactlyOnce, Some(packet_id)) => acknowledge(AckKind::Pubrec, packet_id),
                    (_, _) => {}
                }
            }
            ToClient::Packet(Outgoing::Pubrel(packet_id, _)) => {
                acknowledge(AckKind::Pubcomp, packet_id);
            }
            ToClient::Packet(
                Outgoing::Puback(packet_id, reason)
                | Outgoing::Pubrec(packet_id, reason)
                | Outgoing::Pubcomp(packet_id, reason),
            ) => self.answers.push((packet_id.get(), reason)),
            ToClient::Packet(
                Outgoing::Suback(packet_id, codes) | Outgoing::Unsuback(packet_id, codes),
            ) => self.answers.push((packet_id.get(), codes[0])),
            ToClient::More => {
                turn(&self.cell, &mut |space, out, now| space.more(at, out, now));
            }
            ToClient::Close(why) => self.ended = Some(why),
        }
        true
    }
}
