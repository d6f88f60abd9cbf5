use std::num::NonZeroU16;
use std::sync::Arc;

use super::{Effects, Link, Outgoing, SessionEffect, SessionError, SessionLimits};
use crate::codec::{QoS, ReasonCode};

/// Whether a PUBLISH above QoS 0 is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// To be passed on.
    Fresh,
    /// Passed on before, or about to be: nothing to do.
    Duplicate,
}

/// The way from the client: identifiers of messages that are not done yet, few and sorted.
#[derive(Debug)]
pub(super) struct Incoming {
    limits: Arc<SessionLimits>,
    link: Option<Link>,
    open: Vec<(NonZeroU16, Stage)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// QoS 1, to be acknowledged.
    Arrived,
    /// QoS 2, to be acknowledged.
    ArrivedExactlyOnce,
    /// QoS 2, acknowledged with PUBREC: whatever comes under this identifier is the same message.
    Held,
}

impl Incoming {
    pub(super) const fn new(limits: Arc<SessionLimits>) -> Self {
        Self { limits, link: None, open: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) const fn attach(&mut self, link: Link) {
        self.link = Some(link);
    }

    /// QoS 1 begins anew on the next connection; of QoS 2 nothing may be forgotten.
    pub(super) fn detach(&mut self) {
        self.link = None;
        self.open.retain(|(_, stage)| *stage != Stage::Arrived);
        self.give_back();
    }

    /// Idle sessions are many: what is empty holds no memory.
    pub(super) fn give_back(&mut self) {
        if self.open.is_empty() {
            self.open = Vec::new();
        }
    }

    pub(super) fn clear(&mut self) {
        self.open = Vec::new();
    }

    pub(super) fn publish(
        &mut self,
        qos: QoS,
        packet_id: NonZeroU16,
        effects: &mut Effects,
    ) -> Result<Received, SessionError> {
        let stage = match qos {
            QoS::AtMostOnce => return Ok(Received::Fresh),
            QoS::AtLeastOnce => Stage::Arrived,
            QoS::ExactlyOnce => Stage::ArrivedExactlyOnce,
        };
        match self.position(packet_id) {
            Ok(at) => {
                if self.open.get(at).is_some_and(|(_, stage)| *stage == Stage::Held) {
                    // An identifier is one message's until PUBCOMP, of whatever QoS it now claims.
                    self.write(Outgoing::Pubrec(packet_id, ReasonCode::SUCCESS), effects);
                }
                Ok(Received::Duplicate)
            }
            Err(_) if self.open.len() >= self.window() => Err(SessionError::ReceiveMaximumExceeded),
            Err(at) => {
                self.open.insert(at, (packet_id, stage));
                Ok(Received::Fresh)
            }
        }
    }

    /// Whether what must survive has become another.
    pub(super) fn accept(
        &mut self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        effects: &mut Effects,
    ) -> bool {
        let Ok(at) = self.position(packet_id) else {
            return false;
        };
        let Some((_, stage)) = self.open.get_mut(at) else {
            return false;
        };
        match *stage {
            Stage::Held => false,
            Stage::Arrived => {
                self.open.remove(at);
                self.write(Outgoing::Puback(packet_id, reason), effects);
                false
            }
            Stage::ArrivedExactlyOnce => {
                let held = !reason.is_error();
                if held {
                    *stage = Stage::Held;
                } else {
                    self.open.remove(at);
                }
                self.write(Outgoing::Pubrec(packet_id, reason), effects);
                held
            }
        }
    }

    pub(super) fn pubrel(
        &mut self,
        packet_id: NonZeroU16,
        effects: &mut Effects,
    ) -> Result<bool, SessionError> {
        let at = self.position(packet_id).ok();
        let stage = at.and_then(|at| self.open.get(at)).map(|(_, stage)| *stage);
        let (reason, changed) = match (at, stage) {
            (Some(at), Some(Stage::Held)) => {
                self.open.remove(at);
                (ReasonCode::SUCCESS, true)
            }
            (Some(_), Some(Stage::Arrived | Stage::ArrivedExactlyOnce)) => {
                return Err(SessionError::OutOfTurn);
            }
            (_, _) => (ReasonCode::PACKET_IDENTIFIER_NOT_FOUND, false),
        };
        self.write(Outgoing::Pubcomp(packet_id, reason), effects);
        Ok(changed)
    }

    /// Identifiers that must survive.
    pub(super) fn held(&self) -> impl Iterator<Item = NonZeroU16> {
        self.open.iter().filter(|(_, stage)| *stage == Stage::Held).map(|(packet_id, _)| *packet_id)
    }

    pub(super) fn fill(&mut self, held: Vec<NonZeroU16>) {
        self.open = held.into_iter().map(|packet_id| (packet_id, Stage::Held)).collect();
        self.open.sort_by_key(|(packet_id, _)| *packet_id);
    }

    fn window(&self) -> usize {
        let mqtt5 = self.link.is_some_and(|link| link.version.is_v5());
        usize::from(if mqtt5 {
            self.limits.receive_maximum
        } else {
            self.limits.receive_maximum_mqtt3
        })
    }

    fn position(&self, packet_id: NonZeroU16) -> Result<usize, usize> {
        self.open.binary_search_by_key(&packet_id, |(open, _)| *open)
    }

    fn write(&self, packet: Outgoing, effects: &mut Effects) {
        if self.link.is_some() {
            effects.push(SessionEffect::Write(packet));
        }
    }
}
