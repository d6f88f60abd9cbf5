//! Subscriptions: who hears what, and the retained messages they begin with. Pure.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::codec::topic::{SHARED_PREFIX, matches, shared};
use crate::codec::{QoS, ReasonCode, RetainHandling, Subscribe, Subscription, Unsubscribe};
use crate::device::LinkId;
use crate::model::{DeviceId, Props};

use super::message::Message;
use super::session_state::{Delivery, Outgoing};
use super::state::{SpaceEffect, SpaceState};
use super::topics::{SessionKey, Taker};

/// The user's devices appear below this level.
pub const DEVICES: &str = "devices";

/// Retained messages that are brought to a client at a time.
const OWED_AT_A_TIME: usize = 50;

/// The topic of a device.
pub(super) fn device_topic(device: DeviceId, leaf: &str) -> String {
    format!("{DEVICES}/{device}/{leaf}")
}

/// Whether the filter, shared or not, may take a device's topic.
pub(super) fn hears_devices(filter: &str) -> bool {
    matches!(plain(filter).split('/').next(), Some(DEVICES | "+" | "#"))
}

fn plain(filter: &str) -> &str {
    shared(filter).map_or(filter, |(_, plain)| plain)
}

impl SpaceState {
    /// A client subscribes.
    pub fn subscribe(
        &mut self,
        (key, link): (SessionKey, LinkId),
        subscribe: &Subscribe<'_>,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if !self.members.get(key).is_some_and(|member| member.is_on(link)) {
            return;
        }
        let mut codes = Vec::new();
        for wanted in subscribe.filters.iter() {
            let mut refused = self.limits.refused_filters.iter();
            let refused = refused.any(|refused| refused == wanted.filter);
            let code = if refused {
                ReasonCode::UNSPECIFIED_ERROR
            } else {
                self.subscribe_one(key, &wanted, subscribe.subscription_id, out, now_ms)
            };
            codes.push(code);
        }
        self.keep_session(key);
        self.say(key, Outgoing::Suback(subscribe.packet_id, codes.into()));
        self.bring_owed(key, now_ms);
        self.end_turn(out, now_ms);
    }

    fn subscribe_one(
        &mut self,
        key: SessionKey,
        wanted: &Subscription<'_>,
        id: Option<u32>,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) -> ReasonCode {
        let max = self.limits.subscriptions_max;
        let Some(member) = self.members.get_mut(key) else { return ReasonCode::UNSPECIFIED_ERROR };
        let taker = Taker::new(key, wanted, id);
        let (count, v5) = (member.filters.len(), member.is_v5());
        let known = member.filters.iter_mut().find(|(filter, _)| **filter == *wanted.filter);
        let is_new = known.is_none();
        match known {
            Some((_, older)) => *older = taker,
            None if count >= max && v5 => return ReasonCode::QUOTA_EXCEEDED,
            None if count >= max => return ReasonCode::UNSPECIFIED_ERROR,
            None => member.filters.push((wanted.filter.into(), taker)),
        }
        self.topics.insert(wanted.filter, taker);
        if is_new && hears_devices(wanted.filter) {
            self.listening += 1;
            if self.listening == 1 {
                out.push(SpaceEffect::WatchDevices);
            }
        }
        let brings = match wanted.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        // A shared subscription brings no retained messages (4.8.2).
        if brings && !wanted.filter.starts_with(SHARED_PREFIX) {
            self.owe_retained(key, wanted.filter, &taker, now_ms);
        }
        match wanted.qos {
            QoS::AtMostOnce => ReasonCode::SUCCESS,
            QoS::AtLeastOnce => ReasonCode::GRANTED_QOS_1,
            QoS::ExactlyOnce => ReasonCode::GRANTED_QOS_2,
        }
    }

    /// A client takes subscriptions back.
    pub fn unsubscribe(
        &mut self,
        (key, link): (SessionKey, LinkId),
        unsubscribe: &Unsubscribe<'_>,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        let Some(member) = self.members.get_mut(key).filter(|member| member.is_on(link)) else {
            return;
        };
        let mut codes = Vec::new();
        let mut gone = Vec::new();
        for filter in unsubscribe.filters.iter() {
            let place = member.filters.iter().position(|(known, _)| **known == *filter);
            codes.push(match place {
                Some(place) => {
                    gone.push(member.filters.swap_remove(place).0);
                    ReasonCode::SUCCESS
                }
                None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
            });
        }
        for filter in &gone {
            self.forget_filter(key, filter, out);
        }
        self.keep_session(key);
        self.say(key, Outgoing::Unsuback(unsubscribe.packet_id, codes.into()));
        self.end_turn(out, now_ms);
    }

    pub(super) fn forget_filter(
        &mut self,
        key: SessionKey,
        filter: &str,
        out: &mut Vec<SpaceEffect>,
    ) {
        self.topics.remove(filter, key);
        if hears_devices(filter) {
            self.listening = self.listening.saturating_sub(1);
            if self.listening == 0 {
                self.devices.clear();
                out.push(SpaceEffect::UnwatchDevices);
            }
        }
    }

    /// A device of the user's, as it is now: those who subscribed before it was known are brought
    /// its state as a retained message.
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
        if known.as_ref() == Some(reported) || reported.is_empty() {
            return;
        }
        let Some(message) = state_message(device, reported) else { return };
        let hearing: Vec<(SessionKey, Taker)> = self
            .members
            .iter()
            .flat_map(|(key, member)| member.filters.iter().map(move |filter| (key, filter)))
            .filter(|(_, (filter, taker))| {
                taker.wants_retained
                    && !filter.starts_with(SHARED_PREFIX)
                    && matches(filter, message.topic())
            })
            .map(|(key, (_, taker))| (key, *taker))
            .collect();
        for (key, taker) in hearing {
            self.owe(key, &message, &taker);
            self.bring_owed(key, now_ms);
        }
        self.end_turn(out, now_ms);
    }

    /// A device is no more, or is the user's no more.
    pub fn device_gone(&mut self, device: DeviceId) {
        self.devices.remove(&device);
    }

    fn owe_retained(&mut self, key: SessionKey, filter: &str, taker: &Taker, now_ms: u64) {
        let mut messages: Vec<Arc<Message>> = self
            .retained
            .matching(filter)
            .filter(|message| !message.is_expired(now_ms))
            .cloned()
            .collect();
        if hears_devices(filter) {
            let states = self.devices.iter().filter(|(_, reported)| !reported.is_empty());
            messages.extend(
                states
                    .filter_map(|(device, reported)| state_message(*device, reported))
                    .filter(|message| matches(filter, message.topic())),
            );
        }
        // The last is brought first.
        messages.iter().rev().for_each(|message| self.owe(key, message, taker));
    }

    fn owe(&mut self, key: SessionKey, message: &Arc<Message>, taker: &Taker) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.owed.push(Delivery {
            message: Arc::clone(message),
            qos: taker.qos.min(message.qos),
            retain: true,
            subscription_ids: (taker.id > 0).then(|| Arc::from([taker.id])),
            token: None,
        });
    }

    /// Brings a client some of the retained messages it is owed: the next when it has taken them.
    pub(super) fn bring_owed(&mut self, key: SessionKey, now_ms: u64) {
        for _ in 0..OWED_AT_A_TIME {
            let Some(member) = self.members.get_mut(key) else { return };
            let Some(line) = &member.line else { return };
            if member.session.queued() > 0 {
                return; // an acknowledgement will come, and bring more
            }
            if !line.has_room(&self.limits) {
                break;
            }
            let Some(owed) = member.owed.pop() else {
                member.owed = Vec::new();
                return;
            };
            let topic = owed.message.topic();
            let is_device = topic.starts_with(DEVICES);
            // A newer one that came meanwhile was brought by the subscription itself.
            if is_device || self.retained.is_current(&owed.message) {
                self.deliver(key, owed, now_ms);
            }
        }
        let Some(member) = self.members.get(key) else { return };
        if let Some(line) = member.line.as_ref().filter(|_| !member.owed.is_empty()) {
            line.ask_for_more();
        }
    }

    /// A client has taken what was brought: bring more of what it is owed.
    pub fn more(
        &mut self,
        (key, link): (SessionKey, LinkId),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if self.members.get(key).is_some_and(|member| member.is_on(link)) {
            self.bring_owed(key, now_ms);
            self.end_turn(out, now_ms);
        }
    }

    /// An acknowledgement from a client: of a message it was sent, or of one that it sent.
    ///
    /// # Errors
    /// [`super::ClientFault`] ends its connection.
    pub fn acknowledged(
        &mut self,
        (key, link): (SessionKey, LinkId),
        ack: (super::AckKind, NonZeroU16, ReasonCode),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) -> Result<(), super::ClientFault> {
        use super::AckKind;
        let Some(member) = self.members.get_mut(key).filter(|member| member.is_on(link)) else {
            return Ok(());
        };
        let (kind, packet_id, reason) = ack;
        let (session, effects) = (&mut member.session, &mut self.turn.effects);
        match kind {
            AckKind::Puback => session.puback(packet_id, reason, now_ms, effects)?,
            AckKind::Pubrec => session.pubrec(packet_id, reason, now_ms, effects)?,
            AckKind::Pubrel => session.pubrel(packet_id, effects)?,
            AckKind::Pubcomp => session.pubcomp(packet_id, now_ms, effects)?,
        }
        let owes = !member.owed.is_empty();
        // What is exactly once for a session that survives is stored step by step; a message at
        // least once may come again.
        if member.session.take_changed() && kind != AckKind::Puback {
            self.keep_session(key);
        }
        self.keep_packet_ids(key, now_ms);
        self.settle(key);
        if owes {
            self.bring_owed(key, now_ms);
        }
        self.end_turn(out, now_ms);
        Ok(())
    }
}

fn state_message(device: DeviceId, reported: &Props) -> Option<Arc<Message>> {
    let payload = serde_json::to_vec(reported).ok()?;
    let topic = device_topic(device, "state");
    Some(Arc::new(Message::new(&topic, &payload, QoS::AtLeastOnce, true)))
}
