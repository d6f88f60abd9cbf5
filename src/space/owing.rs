//! Retained messages on their way to those who subscribed: brought a few at a time, as fast as the
//! client takes them. Pure.
//!
//! What a subscription is owed is a place in the store of retained messages, not a list of them: it
//! costs the same whatever is retained, and what is brought is what is retained by then.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::QoS;
use crate::codec::topic::{SHARED_PREFIX, matches};
use crate::device::LinkId;
use crate::model::{DeviceId, Props};

use super::ANNOUNCEMENTS;
use super::message::Message;
use super::retained::Retained;
use super::session_state::Delivery;
use super::state::{SpaceEffect, SpaceState};
use super::subscribing::{device_topic, hears_devices};
use super::topics::{SessionKey, Taker};

/// Retained messages that are brought to a client at a time.
pub(super) const AT_A_TIME: usize = 50;

/// What a subscription is owed.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) filter: Box<str>,
    taker: Taker,
    /// What was retained later was brought by the subscription itself.
    until: u64,
    at: Place,
}

/// How far a subscription has been brought.
#[derive(Debug)]
enum Place {
    /// The retained messages up to this topic, or none.
    Topic(Option<Box<str>>),
    /// All of them, and the states of the devices up to this one, or none.
    Device(Option<DeviceId>),
}

impl Owed {
    /// The next message; none when all have been brought.
    fn next(
        &mut self,
        retained: &Retained,
        devices: &BTreeMap<DeviceId, Props>,
    ) -> Option<Arc<Message>> {
        if let Place::Topic(after) = &mut self.at {
            if let Some(message) = retained.next(&self.filter, after.as_deref(), self.until) {
                *after = Some(message.topic().into());
                return Some(Arc::clone(message));
            }
            self.at = Place::Device(None);
        }
        let Place::Device(after) = &mut self.at else { return None };
        if !hears_devices(&self.filter) {
            return None;
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (device, reported) in devices.range((from, Bound::Unbounded)) {
            *after = Some(*device);
            if let Some(message) = state_message(*device, reported)
                && matches(&self.filter, message.topic())
            {
                return Some(message);
            }
        }
        None
    }

    /// Whether the device's state is still to be brought.
    fn will_bring(&self, device: DeviceId) -> bool {
        match self.at {
            Place::Topic(_) | Place::Device(None) => true,
            Place::Device(Some(after)) => after < device,
        }
    }
}

impl SpaceState {
    /// All that is retained on [`ANNOUNCEMENTS`].
    #[must_use]
    pub fn announcements(&self) -> Vec<Arc<Message>> {
        let mut found: Vec<Arc<Message>> = Vec::new();
        while let Some(next) = self.next_announcement(found.last().map(|last| last.topic())) {
            found.push(Arc::clone(next));
        }
        found
    }

    /// The first of them after a topic.
    pub(super) fn next_announcement(&self, after: Option<&str>) -> Option<&Arc<Message>> {
        self.retained.next(ANNOUNCEMENTS, after, self.retained.clock())
    }

    /// Owes a subscription what is retained, from the first on.
    pub(super) fn owe_retained(&mut self, key: SessionKey, filter: &str, taker: &Taker) {
        let until = self.retained.clock();
        let Some(member) = self.members.get_mut(key) else { return };
        member.owed.retain(|owed| *owed.filter != *filter);
        let at = Place::Topic(None);
        member.owed.push_back(Owed { filter: filter.into(), taker: *taker, until, at });
    }

    /// Brings a client some of the retained messages it is owed: the next when it has taken them.
    pub(super) fn bring_owed(&mut self, key: SessionKey, now_ms: u64) {
        for _ in 0..AT_A_TIME {
            let Some(member) = self.members.get_mut(key) else { return };
            let Some(line) = &member.line else { return };
            if member.session.queued() > 0 {
                return; // an acknowledgement will come, and bring more
            }
            if !line.has_room(&self.limits) {
                break;
            }
            let Some(owed) = member.owed.front_mut() else { return };
            let taker = owed.taker;
            if let Some(message) = owed.next(&self.retained, &self.devices) {
                self.deliver(key, retained_delivery(message, &taker), now_ms);
            } else {
                member.owed.pop_front();
                if member.owed.is_empty() {
                    member.owed = VecDeque::new(); // idle sessions are many
                }
            }
        }
        let Some(member) = self.members.get_mut(key) else { return };
        if !member.owed.is_empty() && !member.asked_for_more {
            member.asked_for_more = true;
            self.turn.asks.push(key);
        }
    }

    /// A client has taken what was brought: bring more of what it is owed.
    pub fn more(
        &mut self,
        (key, link): (SessionKey, LinkId),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if let Some(member) = self.members.get_mut(key).filter(|member| member.is_on(link)) {
            member.asked_for_more = false;
            self.bring_owed(key, now_ms);
            self.end_turn(out, now_ms);
        }
    }

    /// A device of the user's, as it is now: those who subscribed before it was known, perhaps in
    /// an earlier life of the space, are brought its state as a retained message.
    pub fn device_is(
        &mut self,
        device: DeviceId,
        reported: &Props,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if self.listening == 0 {
            return;
        }
        let known = self.devices.insert(device, reported.clone());
        if known.as_ref() == Some(reported) {
            return;
        }
        let Some(message) = state_message(device, reported) else { return };
        for (key, taker) in self.hearing(device, &message) {
            self.deliver(key, retained_delivery(Arc::clone(&message), &taker), now_ms);
        }
        self.end_turn(out, now_ms);
    }

    /// Subscriptions that take the device's state as a retained message, and are not owed it yet.
    /// Those of an absent client are owed it from now on.
    fn hearing(&mut self, device: DeviceId, message: &Message) -> Vec<(SessionKey, Taker)> {
        let mut hearing = Vec::new();
        for (key, member) in &mut self.members {
            let is_there = member.is_there();
            for (filter, taker) in &member.filters {
                let takes = taker.wants_retained
                    && !filter.starts_with(SHARED_PREFIX)
                    && matches(filter, message.topic());
                let mut owed = member.owed.iter().filter(|owed| owed.filter == *filter);
                if !takes || owed.any(|owed| owed.will_bring(device)) {
                    continue;
                }
                if is_there {
                    hearing.push((key, *taker));
                } else {
                    let (filter, at) = (filter.clone(), Place::Device(None));
                    member.owed.push_back(Owed { filter, taker: *taker, until: 0, at });
                }
            }
        }
        hearing
    }

    /// A device is no more, or is the user's no more.
    pub fn device_gone(&mut self, device: DeviceId) {
        self.devices.remove(&device);
    }
}

/// A message as a subscription is brought it that came later than the message.
fn retained_delivery(message: Arc<Message>, taker: &Taker) -> Delivery {
    Delivery {
        qos: taker.qos.min(message.qos),
        message,
        retain: true,
        subscription_ids: (taker.id > 0).then(|| Arc::from([taker.id])),
        token: None,
    }
}

/// What a device last reported, as its retained state; none if it has reported nothing.
fn state_message(device: DeviceId, reported: &Props) -> Option<Arc<Message>> {
    if reported.is_empty() {
        return None;
    }
    let payload = serde_json::to_vec(reported).ok()?;
    let topic = device_topic(device, "state");
    Some(Arc::new(Message::new(&topic, &payload, QoS::AtLeastOnce, true)))
}
