use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;

use super::queue::{Queue, dropped};
use super::{
    Delivery, DropReason, Effects, Link, Outgoing, OutgoingPublish, SessionEffect, SessionError,
    SessionLimits,
};
use crate::codec::{Encoder, PACKET_BYTES_MAX, QoS, ReasonCode};

/// The way to the client.
#[derive(Debug)]
pub(super) struct OutgoingState {
    limits: Arc<SessionLimits>,
    link: Option<Link>,
    last_packet_id: u16,
    /// Sent, waiting for PUBACK or PUBREC, in the order in which they were sent first (4.6).
    sent: VecDeque<Sent>,
    /// How many at the front of `sent` have been sent on this link.
    resent: usize,
    /// Waiting for PUBCOMP, in the order of their PUBRECs (4.6).
    released: VecDeque<NonZeroU16>,
    queue: Queue,
}

#[derive(Debug)]
struct Sent {
    packet_id: NonZeroU16,
    delivery: Delivery,
}

/// Whether the snapshot has become another.
type Changed = bool;

impl OutgoingState {
    pub(super) const fn new(limits: Arc<SessionLimits>) -> Self {
        Self {
            limits,
            link: None,
            last_packet_id: 0,
            sent: VecDeque::new(),
            resent: 0,
            released: VecDeque::new(),
            queue: Queue::new(),
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.sent.len() + self.released.len()
    }

    pub(super) fn attach(&mut self, link: Link, now_ms: u64, effects: &mut Effects) -> Changed {
        self.link = Some(link);
        for packet_id in &self.released {
            let pubrel = Outgoing::Pubrel(*packet_id, ReasonCode::SUCCESS);
            effects.push(SessionEffect::Write(pubrel));
        }
        self.pump(now_ms, effects)
    }

    pub(super) fn detach(&mut self) {
        self.link = None;
        self.resent = 0;
        self.give_back();
    }

    /// Idle sessions are many: what is empty holds no memory.
    fn give_back(&mut self) {
        if self.sent.is_empty() {
            self.sent = VecDeque::new();
        }
        if self.released.is_empty() {
            self.released = VecDeque::new();
        }
    }

    pub(super) fn clear(&mut self, effects: &mut Effects) {
        for sent in std::mem::take(&mut self.sent) {
            effects.push(dropped(&sent.delivery, DropReason::SessionEnded));
        }
        self.queue.clear(effects);
        self.released = VecDeque::new();
        self.resent = 0;
    }

    pub(super) fn deliver(
        &mut self,
        delivery: Delivery,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Changed {
        if delivery.message.is_expired(now_ms) {
            effects.push(dropped(&delivery, DropReason::Expired));
            return false;
        }
        if delivery.qos == QoS::AtMostOnce {
            self.deliver_at_most_once(delivery, now_ms, effects);
            return false;
        }
        if let Some(link) = self.link.filter(|link| self.queue.len() == 0 && self.may_send(*link)) {
            return self.send(link, delivery, now_ms, effects);
        }
        self.queue.push(delivery, now_ms, &self.limits, effects);
        true
    }

    fn deliver_at_most_once(&self, delivery: Delivery, now_ms: u64, effects: &mut Effects) {
        let Some(link) = self.link else {
            effects.push(dropped(&delivery, DropReason::Offline));
            return;
        };
        let token = delivery.token;
        let expiry_s = delivery.message.expiry_s(now_ms);
        let publish = OutgoingPublish { delivery, packet_id: None, dup: false, expiry_s };
        if !fits(link, &publish) {
            effects.push(dropped(&publish.delivery, DropReason::TooLarge));
            return;
        }
        effects.push(SessionEffect::Write(Outgoing::Publish(publish)));
        effects.extend(token.map(SessionEffect::Delivered));
    }

    pub(super) fn expire(&mut self, now_ms: u64, effects: &mut Effects) -> Changed {
        self.give_back();
        self.queue.expire(now_ms, &self.limits, effects)
    }

    pub(super) fn puback(
        &mut self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Result<Changed, SessionError> {
        let Some(delivery) = self.take_sent(packet_id, QoS::AtLeastOnce)? else {
            return Ok(false);
        };
        settle(&delivery, reason, effects);
        self.pump(now_ms, effects);
        Ok(true)
    }

    pub(super) fn pubrec(
        &mut self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Result<Changed, SessionError> {
        let mut answer = ReasonCode::SUCCESS;
        let mut changed = false;
        if !self.released.contains(&packet_id) {
            if let Some(delivery) = self.take_sent(packet_id, QoS::ExactlyOnce)? {
                changed = true;
                settle(&delivery, reason, effects);
                if !reason.is_error() {
                    self.released.push_back(packet_id);
                }
            } else {
                answer = ReasonCode::PACKET_IDENTIFIER_NOT_FOUND;
            }
        }
        if reason.is_error() {
            // The exchange ends here (4.3.3).
            self.pump(now_ms, effects);
        } else if self.link.is_some() {
            // Of a connection that is gone already, the next one hears.
            effects.push(SessionEffect::Write(Outgoing::Pubrel(packet_id, answer)));
        }
        Ok(changed)
    }

    pub(super) fn pubcomp(
        &mut self,
        packet_id: NonZeroU16,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Result<Changed, SessionError> {
        if let Some(at) = self.released.iter().position(|released| *released == packet_id) {
            self.released.remove(at);
            self.pump(now_ms, effects);
            return Ok(true);
        }
        if self.position(packet_id).is_some() {
            return Err(SessionError::OutOfTurn);
        }
        Ok(false)
    }

    /// Sends what the client has room for: first again what was in flight, then what waits.
    fn pump(&mut self, now_ms: u64, effects: &mut Effects) -> Changed {
        let mut changed = false;
        while let Some(link) = self.link.filter(|link| self.may_send(*link)) {
            if let Some(sent) = self.sent.get(self.resent) {
                let publish = OutgoingPublish {
                    delivery: sent.delivery.clone(),
                    packet_id: Some(sent.packet_id),
                    dup: true,
                    // Once begun, a delivery goes on (3.3.2.3.3): never 0.
                    expiry_s: sent.delivery.message.expiry_s(now_ms).map(|left_s| left_s.max(1)),
                };
                if fits(link, &publish) {
                    self.resent += 1;
                    effects.push(SessionEffect::Write(Outgoing::Publish(publish)));
                } else {
                    // The client takes less than on its last connection.
                    self.sent.remove(self.resent);
                    effects.push(dropped(&publish.delivery, DropReason::TooLarge));
                    changed = true;
                }
                continue;
            }
            let waiting = self.queue.len();
            let Some(delivery) = self.queue.pop(now_ms, &self.limits, effects) else {
                return changed || waiting > 0;
            };
            self.send(link, delivery, now_ms, effects);
            changed = true;
        }
        changed
    }

    /// Sends a message for the first time, under a new identifier.
    fn send(
        &mut self,
        link: Link,
        delivery: Delivery,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Changed {
        let packet_id = self.free_packet_id();
        let expiry_s = delivery.message.expiry_s(now_ms);
        let publish =
            OutgoingPublish { delivery, packet_id: Some(packet_id), dup: false, expiry_s };
        if !fits(link, &publish) {
            effects.push(dropped(&publish.delivery, DropReason::TooLarge));
            return false;
        }
        self.last_packet_id = packet_id.get();
        self.sent.push_back(Sent { packet_id, delivery: publish.delivery.clone() });
        self.resent += 1;
        effects.push(SessionEffect::Write(Outgoing::Publish(publish)));
        true
    }

    fn may_send(&self, link: Link) -> bool {
        let window = link.receive_maximum.get().min(self.limits.in_flight_max).max(1);
        self.resent + self.released.len() < usize::from(window)
    }

    /// The next identifier after the last that is not in use. There is one: far fewer than 65,535
    /// are in flight.
    fn free_packet_id(&self) -> NonZeroU16 {
        let mut packet_id = self.last_packet_id;
        loop {
            packet_id = packet_id.wrapping_add(1);
            if let Some(free) = NonZeroU16::new(packet_id)
                && self.position(free).is_none()
                && !self.released.contains(&free)
            {
                return free;
            }
        }
    }

    fn position(&self, packet_id: NonZeroU16) -> Option<usize> {
        self.sent.iter().position(|sent| sent.packet_id == packet_id)
    }

    /// The message in flight under `packet_id`, which has come to its end if it is of this QoS.
    fn take_sent(
        &mut self,
        packet_id: NonZeroU16,
        qos: QoS,
    ) -> Result<Option<Delivery>, SessionError> {
        let Some(at) = self.position(packet_id) else {
            let released = self.released.contains(&packet_id);
            return if released { Err(SessionError::OutOfTurn) } else { Ok(None) };
        };
        if self.sent.get(at).is_some_and(|sent| sent.delivery.qos != qos) {
            return Err(SessionError::OutOfTurn);
        }
        if at < self.resent {
            self.resent -= 1;
        }
        let taken = self.sent.remove(at);
        Ok(taken.map(|sent| sent.delivery))
    }

    pub(super) const fn last_packet_id(&self) -> u16 {
        self.last_packet_id
    }

    pub(super) fn sent(&self) -> impl Iterator<Item = (NonZeroU16, &Delivery)> {
        self.sent.iter().map(|sent| (sent.packet_id, &sent.delivery))
    }

    pub(super) fn released(&self) -> impl Iterator<Item = NonZeroU16> {
        self.released.iter().copied()
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = (u64, &Delivery)> {
        self.queue.iter()
    }

    /// Fills an empty state with what a snapshot held.
    pub(super) fn fill(&mut self, snapshot: super::Snapshot, effects: &mut Effects) {
        self.last_packet_id = snapshot.last_packet_id;
        self.sent = snapshot
            .sent
            .into_iter()
            .map(|(packet_id, delivery)| Sent { packet_id, delivery })
            .collect();
        self.released = snapshot.released.into();
        for (since_ms, delivery) in snapshot.queue {
            self.queue.push(delivery, since_ms, &self.limits, effects);
        }
    }
}

/// Tells what the client said of a message.
fn settle(delivery: &Delivery, reason: ReasonCode, effects: &mut Effects) {
    if reason.is_error() {
        effects.push(dropped(delivery, DropReason::Refused(reason)));
    } else {
        effects.extend(delivery.token.map(SessionEffect::Delivered));
    }
}

/// Whether the client takes a packet of this size.
fn fits(link: Link, publish: &OutgoingPublish) -> bool {
    if link.packet_bytes_max >= PACKET_BYTES_MAX {
        return true;
    }
    let encoder = Encoder::new(link.version).with_packet_bytes_max(link.packet_bytes_max);
    encoder.publish_len(&publish.packet()).is_ok()
}
