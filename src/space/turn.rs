//! One turn of a space: what it collects, and how it ends. Pure.
//!
//! What has nothing to wait for is sent at the turn's end; what depends on rows is held back until
//! the store has them, and with it all that would overtake it.

use crate::codec::QoS;
use crate::device::LinkId;

use super::ClientEnd;
use super::member::Line;
use super::row::{QueueRow, Row};
use super::session_state::{Outgoing, OutgoingPublish, SessionEffect};
use super::state::{SpaceEffect, SpaceState};
use super::topics::SessionKey;

/// What one turn collects.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) effects: Vec<SessionEffect>,
    pub(super) writes: Vec<(SessionKey, Outgoing)>,
    /// What is to be stored, in the order in which it came to be so.
    pub(super) rows: Vec<Row>,
    /// Whether they must be stored before anybody is told.
    pub(super) urgent: bool,
    /// Who is asked to say when it has taken what it is sent.
    pub(super) asks: Vec<SessionKey>,
}

impl Turn {
    /// Stores a row before anybody is told.
    pub(super) fn store(&mut self, row: Row) {
        self.rows.push(row);
        self.urgent = true;
    }

    /// Stores a row in time: forgetting it costs a message that comes twice.
    pub(super) fn store_later(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Stores a row: before anybody is told, if a message above `QoS` 0 depends on it.
    pub(super) fn keep(&mut self, row: Row, qos: QoS) {
        self.rows.push(row);
        self.urgent |= qos > QoS::AtMostOnce;
    }
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) stored: bool,
    pub(super) writes: Vec<(SessionKey, LinkId, Outgoing)>,
}

/// How long rows that are in no hurry wait for company, in milliseconds, and how many of them.
const LAZY_MS: u64 = 200;
const LAZY_ROWS_MAX: usize = 256;
impl SpaceState {
    /// Takes over what a session said in this turn: packets to be sent, messages that are done.
    pub(super) fn settle(&mut self, key: SessionKey) {
        let Some(member) = self.members.get(key) else { return };
        for effect in self.turn.effects.drain(..) {
            let done = match effect {
                SessionEffect::Write(packet) => {
                    self.turn.writes.push((key, packet));
                    continue;
                }
                SessionEffect::Delivered(number) => Some(number),
                SessionEffect::Dropped { token, reason } => {
                    self.tally.drop_for(reason);
                    token
                }
            };
            let row = done.map(|number| Row::Unqueue(member.client_id.clone(), number));
            self.turn.rows.extend(row);
        }
    }

    /// Notes that what must survive of a session has changed.
    pub(super) fn keep_session(&mut self, key: SessionKey) {
        let Some(member) = self.members.get_mut(key) else { return };
        // One that is stored and is to end with its connection is stored as such.
        if member.is_persistent() || member.is_stored {
            member.is_stored = true;
            self.turn.store(Row::Session(Box::new(member.row())));
        }
    }

    /// Notes the packet identifiers under which stored messages are sent now, which exactly once
    /// depends on.
    pub(super) fn keep_packet_ids(&mut self, key: SessionKey, now_ms: u64) {
        let Some(member) = self.members.get(key).filter(|member| member.is_persistent()) else {
            return;
        };
        for effect in &self.turn.effects {
            let SessionEffect::Write(Outgoing::Publish(publish)) = effect else { continue };
            let OutgoingPublish { delivery, packet_id, dup: false, .. } = publish else { continue };
            let Some(number) = delivery.token.filter(|_| delivery.qos == QoS::ExactlyOnce) else {
                continue;
            };
            let (packet_id, delivery) = (*packet_id, delivery.clone());
            let row = QueueRow { since_ms: now_ms, packet_id, delivery };
            let row = Row::Queue(member.client_id.clone(), number, Box::new(row));
            self.turn.rows.push(row);
            self.turn.urgent = true;
        }
    }

    /// Says something to a client in its turn among the packets.
    pub(super) fn say(&mut self, key: SessionKey, packet: Outgoing) {
        self.turn.writes.push((key, packet));
    }

    /// Ends the turn: what has nothing to wait for is sent now, the rest when it is stored.
    pub(super) fn end_turn(&mut self, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        let mut writes = std::mem::take(&mut self.turn.writes);
        if !self.turn.urgent && self.pending.is_empty() {
            for (key, packet) in writes.drain(..) {
                self.send(key, packet, now_ms);
            }
        } else {
            self.hold(&mut writes, out, now_ms);
        }
        self.turn.writes = writes;
        for key in std::mem::take(&mut self.turn.asks) {
            let line = self.members.get(key).and_then(|member| member.line.as_ref());
            line.into_iter().for_each(Line::ask_for_more);
        }
        if self.turn.rows.len() >= LAZY_ROWS_MAX {
            self.write_rows(out);
        } else if !self.turn.rows.is_empty() {
            self.be_woken(now_ms + LAZY_MS);
        }
        if std::mem::take(&mut self.announces) {
            out.push(SpaceEffect::Announced);
        }
        // Last, because what follows from it is stored after what this turn stores.
        if self.watches != (self.listening > 0) {
            self.watches = !self.watches;
            if self.watches {
                out.push(SpaceEffect::WatchDevices);
            } else {
                self.devices.clear();
                out.push(SpaceEffect::UnwatchDevices);
            }
        }
    }

    fn hold(
        &mut self,
        writes: &mut Vec<(SessionKey, Outgoing)>,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if std::mem::take(&mut self.turn.urgent) {
            self.commits += 1;
            out.push(SpaceEffect::Commit(self.commits, std::mem::take(&mut self.turn.rows)));
            let pending = Pending { number: self.commits, stored: false, writes: Vec::new() };
            self.pending.push_back(pending);
        }
        for (key, packet) in writes.drain(..) {
            let at_once = matches!(
                &packet,
                Outgoing::Publish(publish) if publish.delivery.qos == QoS::AtMostOnce
            );
            if at_once {
                self.send(key, packet, now_ms);
                continue;
            }
            let link = self.members.get(key).and_then(|member| Some(member.line.as_ref()?.id));
            // Behind all that waits already, so that nothing overtakes.
            if let (Some(link), Some(last)) = (link, self.pending.back_mut()) {
                last.writes.push((key, link, packet));
            }
        }
    }

    /// Hands a packet to the session's connection; one that takes no more is ended.
    pub(super) fn send(&mut self, key: SessionKey, packet: Outgoing, now_ms: u64) {
        let Some(member) = self.members.get(key) else { return };
        let Some(line) = &member.line else { return };
        if matches!(packet, Outgoing::Publish(_)) {
            self.tally.sent += 1;
        }
        if !line.send(packet) {
            self.tally.slow += 1;
            self.end_line(key, ClientEnd::TooSlow, now_ms);
        }
    }
}
