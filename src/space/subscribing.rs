//! Subscriptions: who hears what; and what clients say of what they were sent. Pure.

use std::num::NonZeroU16;

use crate::codec::topic::{SHARED_PREFIX, plain};
use crate::codec::{QoS, ReasonCode, RetainHandling, Subscribe, Subscription, Unsubscribe};
use crate::device::LinkId;
use crate::model::DeviceId;

use super::HOUSE_CLIENT;
use super::session_state::Outgoing;
use super::state::{SpaceEffect, SpaceState};
use super::topics::{SessionKey, Taker};

/// The user's devices appear below this level.
pub const DEVICES: &str = "devices";

/// The topic of a device.
pub(super) fn device_topic(device: DeviceId, leaf: &str) -> String {
    format!("{DEVICES}/{device}/{leaf}")
}

/// Whether the filter, shared or not, may take a device's topic.
pub(super) fn hears_devices(filter: &str) -> bool {
    matches!(plain(filter).split('/').next(), Some(DEVICES | "+" | "#"))
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
            } else if !self.limits.packets.takes_filter(wanted.filter) {
                ReasonCode::TOPIC_FILTER_INVALID
            } else if !self.may_subscribe(key, wanted.filter) {
                ReasonCode::NOT_AUTHORIZED
            } else {
                self.subscribe_one(key, &wanted, subscribe.subscription_id)
            };
            codes.push(code);
        }
        self.keep_session(key);
        self.say(key, Outgoing::Suback(subscribe.packet_id, codes.into()));
        self.bring_owed(key, now_ms);
        self.end_turn(out, now_ms);
    }

    fn may_subscribe(&self, key: SessionKey, filter: &str) -> bool {
        let scope = self.members.get(key).and_then(|member| member.scope.as_ref());
        scope.is_none_or(|scope| scope.may_subscribe(filter))
    }

    fn subscribe_one(
        &mut self,
        key: SessionKey,
        wanted: &Subscription<'_>,
        id: Option<u32>,
    ) -> ReasonCode {
        let Some(member) = self.members.get_mut(key) else { return ReasonCode::UNSPECIFIED_ERROR };
        let is_the_house = *member.client_id == *HOUSE_CLIENT;
        let max = if is_the_house { usize::MAX } else { self.limits.subscriptions_max };
        let taker = Taker::new(key, wanted, id);
        let (count, v5) = (member.filters.len(), member.is_v5());
        let known = member.filters.iter_mut().find(|(filter, _)| **filter == *wanted.filter);
        let is_new = known.is_none();
        match known {
            Some((_, older)) => *older = taker,
            None if count >= max => {
                self.tally.subscriptions_refused += 1;
                return if v5 { ReasonCode::QUOTA_EXCEEDED } else { ReasonCode::UNSPECIFIED_ERROR };
            }
            None => {
                member.filters.reserve_exact(1 + count / 8);
                member.filters.push((wanted.filter.into(), taker));
            }
        }
        self.topics.insert(wanted.filter, taker);
        self.listening += usize::from(is_new && hears_devices(wanted.filter));
        let brings = match wanted.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        // A shared subscription brings no retained messages (4.8.2).
        if brings && !wanted.filter.starts_with(SHARED_PREFIX) {
            self.owe_retained(key, wanted.filter, &taker);
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
        member.owed.retain(|owed| !gone.contains(&owed.filter));
        for filter in &gone {
            self.forget_filter(key, filter);
        }
        self.keep_session(key);
        self.say(key, Outgoing::Unsuback(unsubscribe.packet_id, codes.into()));
        self.end_turn(out, now_ms);
    }

    pub(super) fn forget_filter(&mut self, key: SessionKey, filter: &str) {
        self.topics.remove(filter, key);
        self.listening -= usize::from(hears_devices(filter));
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
