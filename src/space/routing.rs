//! Who takes a message, and what becomes of it on its way there. Pure.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::codec::{QoS, ReasonCode, topic};
use crate::device::{LinkId, Said};

use super::member::Member;
use super::message::Message;
use super::row::{QueueRow, Row};
use super::session_state::{Delivery, Outgoing, Received, SessionEffect};
use super::state::{SpaceEffect, SpaceState, is_kept};
use super::subscribing::device_topic;
use super::topics::SessionKey;
use super::{ANNOUNCEMENTS, ClientFault, HOUSE_CLIENT};

/// A message that a client published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The message.
    pub message: Arc<Message>,
    /// Present above `QoS` 0.
    pub packet_id: Option<NonZeroU16>,
}

/// A session that takes a message, by all its subscriptions that do.
#[derive(Debug)]
pub(super) struct Found {
    session: SessionKey,
    qos: QoS,
    retain_as_published: bool,
    ids: Vec<u32>,
}

impl SpaceState {
    /// A client published a message.
    ///
    /// # Errors
    /// [`ClientFault`] ends its connection.
    pub fn publish(
        &mut self,
        (key, link): (SessionKey, LinkId),
        published: Published,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) -> Result<Received, ClientFault> {
        let Published { message, packet_id } = published;
        if !self.may_publish(key, link, now_ms)? {
            return Ok(Received::Duplicate);
        }
        let Some(packet_id) = packet_id else {
            // A retained message that finds no room is delivered all the same.
            let _kept = self.keep_retained(&message, now_ms);
            self.route(Some(key), &message, now_ms);
            self.end_turn(out, now_ms);
            return Ok(Received::Fresh);
        };
        let received = self.receive(key, message.qos, packet_id)?;
        if received == Received::Fresh {
            let mut reason = ReasonCode::SUCCESS;
            if !self.keep_retained(&message, now_ms) {
                reason = ReasonCode::QUOTA_EXCEEDED;
            }
            let is_v5 = self.members.get(key).is_some_and(Member::is_v5);
            // Before MQTT 5 there is no word for "not retained": those who are there get it.
            if reason == ReasonCode::SUCCESS || !is_v5 {
                reason = ReasonCode::SUCCESS;
                if !self.route(Some(key), &message, now_ms) && is_v5 {
                    reason = ReasonCode::NO_MATCHING_SUBSCRIBERS;
                }
            }
            self.accept_turn(key, packet_id, reason);
        }
        self.end_turn(out, now_ms);
        Ok(received)
    }

    /// A client published something that is not the space's to carry out: a command for a device.
    /// If this says [`Received::Fresh`], [`SpaceState::accept`] is owed.
    ///
    /// # Errors
    /// [`ClientFault`] ends its connection.
    pub fn take_command(
        &mut self,
        (key, link): (SessionKey, LinkId),
        (qos, packet_id): (QoS, Option<NonZeroU16>),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) -> Result<Received, ClientFault> {
        if !self.may_publish(key, link, now_ms)? {
            return Ok(Received::Duplicate);
        }
        let Some(packet_id) = packet_id else { return Ok(Received::Fresh) };
        let received = self.receive(key, qos, packet_id)?;
        if received == Received::Fresh
            && qos == QoS::ExactlyOnce
            && let Some(member) = self.members.get_mut(key)
        {
            member.commands.push((link, packet_id));
        }
        self.end_turn(out, now_ms);
        Ok(received)
    }

    /// A command was carried out, or refused with `reason`. At `QoS` 2 its client hears of it even
    /// by a later connection of the session, and does not ask for it twice.
    pub fn accept(
        &mut self,
        (key, link): (SessionKey, LinkId),
        (packet_id, reason): (NonZeroU16, ReasonCode),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if self.ends_command(key, link, packet_id) {
            self.accept_turn(key, packet_id, reason);
            self.end_turn(out, now_ms);
        }
    }

    /// A command could not be stored: its client's connection ends, so that it asks again.
    pub fn not_stored(
        &mut self,
        (key, link): (SessionKey, LinkId),
        packet_id: NonZeroU16,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if self.ends_command(key, link, packet_id) {
            self.end_line(key, super::ClientEnd::NotStored, now_ms);
            // Nobody is told any more; but what comes under the identifier next is new.
            self.accept_turn(key, packet_id, ReasonCode::UNSPECIFIED_ERROR);
            self.end_turn(out, now_ms);
        }
    }

    /// Whether a command under way came from the session and may be acknowledged to it.
    fn ends_command(&mut self, key: SessionKey, link: LinkId, packet_id: NonZeroU16) -> bool {
        let Some(member) = self.members.get_mut(key) else { return false };
        let open = member.commands.iter().position(|open| *open == (link, packet_id));
        open.map(|open| member.commands.swap_remove(open)).is_some() || member.is_on(link)
    }

    /// Something was said on a device's topics, by the device or to it.
    pub fn device_said(&mut self, said: &Said, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        // One that is not known yet introduces itself first.
        let Some(reported) = self.devices.get_mut(&said.id) else { return };
        reported.merge(&said.reported);
        let topic = device_topic(said.id, said.leaf);
        let message = Message::new(&topic, &said.payload, QoS::AtLeastOnce, false);
        self.route(None, &Arc::new(message), now_ms);
        self.end_turn(out, now_ms);
    }

    /// Whether what comes by this connection is still the session's: after a take-over, or an end
    /// by the house, it is nobody's.
    fn may_publish(
        &mut self,
        key: SessionKey,
        link: LinkId,
        now_ms: u64,
    ) -> Result<bool, ClientFault> {
        let Some(member) = self.members.get_mut(key).filter(|member| member.is_on(link)) else {
            return Ok(false);
        };
        let limits = &self.limits;
        let may = member.rate.take((limits.client_rate_max, limits.client_burst_max), now_ms)
            && self.rate.take((limits.space_rate_max, limits.space_burst_max), now_ms);
        if may {
            return Ok(true);
        }
        self.tally.too_fast += 1;
        Err(ClientFault::TooFast)
    }

    /// Notes a message above `QoS` 0 from the client.
    fn receive(
        &mut self,
        key: SessionKey,
        qos: QoS,
        packet_id: NonZeroU16,
    ) -> Result<Received, ClientFault> {
        let Some(member) = self.members.get_mut(key) else { return Ok(Received::Duplicate) };
        let received = member.session.publish(qos, packet_id, &mut self.turn.effects)?;
        self.settle(key);
        Ok(received)
    }

    fn accept_turn(&mut self, key: SessionKey, packet_id: NonZeroU16, reason: ReasonCode) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.session.accept(packet_id, reason, &mut self.turn.effects);
        // A held message of a session that survives is remembered before it is acknowledged.
        if member.session.take_changed() {
            self.keep_session(key);
        }
        self.settle(key);
    }

    /// Keeps, or forgets, the topic's retained message. False: there is no room for it.
    pub(super) fn keep_retained(&mut self, message: &Arc<Message>, now_ms: u64) -> bool {
        if !message.retain {
            return true;
        }
        if is_kept(message) {
            if !self.retained.has_room(message, self.limits.retained) {
                self.tally.retained_refused += 1;
                return false;
            }
            self.retained.keep(Arc::clone(message));
            self.announces |=
                topic::matches(ANNOUNCEMENTS, message.topic()) && !self.house_is_here();
            self.turn.keep(Row::Retain(Arc::clone(message)), message.qos);
            if message.expires_at_ms.is_some() {
                self.expire_later(now_ms);
            }
        } else if self.retained.forget(message.topic()) {
            self.turn.keep(Row::Forget(message.topic().into()), message.qos);
        }
        true
    }

    /// Whether the house's own client is connected.
    fn house_is_here(&self) -> bool {
        let house = self.session_of(HOUSE_CLIENT).ok();
        house.and_then(|key| self.members.get(key)).is_some_and(Member::is_there)
    }

    /// Brings a message to everybody who takes it. False: there is nobody.
    pub(super) fn route(
        &mut self,
        from: Option<SessionKey>,
        message: &Arc<Message>,
        now_ms: u64,
    ) -> bool {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        self.find(from, message, &mut found);
        let any = !found.is_empty();
        for Found { session, qos, retain_as_published, ids } in found.drain(..) {
            let delivery = Delivery {
                message: Arc::clone(message),
                qos,
                retain: message.retain && retain_as_published,
                subscription_ids: (!ids.is_empty()).then(|| ids.into()),
                token: None,
            };
            self.deliver(session, delivery, now_ms);
        }
        self.found = found;
        any
    }

    fn find(&mut self, from: Option<SessionKey>, message: &Message, found: &mut Vec<Found>) {
        let Self { topics, members, routed, takers, .. } = self;
        *routed += 1;
        let is_there = |key| members.get(key).is_some_and(|member: &Member| member.is_there());
        topics.matching(message.topic(), is_there, |taker, shared| takers.push((*taker, shared)));
        for (taker, shared) in takers.drain(..) {
            if taker.no_local && from == Some(taker.session) {
                continue;
            }
            let Some(member) = members.get_mut(taker.session) else { continue };
            let qos = taker.qos.min(message.qos);
            let ids = if taker.id > 0 { vec![taker.id] } else { Vec::new() };
            let known = (member.found.0 == *routed && !shared)
                .then(|| found.get_mut(member.found.1))
                .flatten();
            if let Some(known) = known {
                // Overlapping subscriptions bring one message, at the highest QoS (3.3.4).
                known.qos = known.qos.max(qos);
                known.retain_as_published |= taker.retain_as_published;
                known.ids.extend(ids);
                continue;
            }
            if !shared {
                member.found = (*routed, found.len());
            }
            let retain_as_published = taker.retain_as_published;
            found.push(Found { session: taker.session, qos, retain_as_published, ids });
        }
    }

    /// Brings a message to one session: stored first if it must not be lost with the process.
    pub(super) fn deliver(&mut self, key: SessionKey, mut delivery: Delivery, now_ms: u64) {
        let Some(member) = self.members.get_mut(key) else { return };
        if delivery.qos == QoS::AtMostOnce {
            if member.line.as_ref().is_some_and(|line| !line.has_room(&self.limits)) {
                self.tally.dropped_full += 1;
                return;
            }
            member.session.deliver(delivery, now_ms, &mut self.turn.effects);
            return self.settle(key);
        }
        let waiting = if member.is_there() { member.session.queued() } else { usize::MAX };
        if !member.is_persistent() {
            member.session.deliver(delivery, now_ms, &mut self.turn.effects);
            self.tally.held_back += u64::from(member.session.queued() > waiting);
            return self.settle(key);
        }
        let number = member.next_number;
        member.next_number += 1;
        delivery.token = Some(number);
        let stored = delivery.clone();
        let effects = &mut self.turn.effects;
        member.session.deliver(delivery, now_ms, effects);
        self.tally.held_back += u64::from(member.session.queued() > waiting);
        let mut packet_id = None;
        for effect in effects.iter() {
            match effect {
                SessionEffect::Write(Outgoing::Publish(publish))
                    if publish.delivery.token == Some(number) =>
                {
                    packet_id = publish.packet_id;
                }
                SessionEffect::Dropped { token: Some(dropped), .. } if *dropped == number => {
                    return self.settle(key);
                }
                SessionEffect::Write(_)
                | SessionEffect::Dropped { .. }
                | SessionEffect::Delivered(_) => {}
            }
        }
        let row = QueueRow { since_ms: now_ms, packet_id, delivery: stored };
        let name = member.client_id.clone();
        if packet_id.is_none() {
            self.expire_later(now_ms);
        }
        self.turn.store(Row::Queue(name, number, Box::new(row)));
        self.settle(key);
    }
}
