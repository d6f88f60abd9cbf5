//! A topic space as one would write it first: lists, looked through from one end to the other.

use std::collections::BTreeMap;

use crate::codec::QoS;

/// What a client is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sent {
    pub(super) topic: &'static str,
    pub(super) payload: String,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) ids: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) topic: &'static str,
    pub(super) payload: String,
    pub(super) qos: QoS,
    pub(super) retain: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Sub {
    pub(super) filter: &'static str,
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) as_published: bool,
    pub(super) id: u32,
}

#[derive(Debug)]
pub(super) struct Session {
    /// Its place, which says whose will is first if several are due.
    pub(super) key: usize,
    pub(super) label: usize,
    pub(super) expiry_s: u64,
    pub(super) away_since_ms: Option<u64>,
    pub(super) will: Option<(Said, u64)>,
    pub(super) subs: Vec<Sub>,
    pub(super) queue: Vec<Sent>,
}

/// One user's space.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) sessions: BTreeMap<usize, Session>,
    retained: BTreeMap<&'static str, Said>,
    /// Of each shared filter, who shares it and whose turn it is.
    groups: Vec<(&'static str, Vec<usize>, usize)>,
    /// What clients that are there are to be sent.
    pub(super) told: BTreeMap<usize, Vec<Sent>>,
}

pub(super) const CLEAN: bool = true;

impl Model {
    pub(super) fn attach(&mut self, client: usize, clean: bool, now_ms: u64) -> bool {
        self.end_if_due(client, now_ms);
        let Some(session) = self.sessions.get_mut(&client) else { return false };
        session.away_since_ms = Some(now_ms);
        if clean == CLEAN || session.expiry_s == 0 {
            self.end(client);
            return false;
        }
        if let Some((will, 0)) = session.will.take() {
            self.publish(Some(client), &will);
        }
        true
    }

    /// The client is there, and is sent what waited.
    pub(super) fn attached(&mut self, client: usize, session: Session) {
        let older = self.sessions.remove(&client);
        let (subs, queue) = older.map(|older| (older.subs, older.queue)).unwrap_or_default();
        self.told.entry(client).or_default().extend(queue);
        self.sessions.insert(client, Session { subs, ..session });
    }

    pub(super) fn leave(&mut self, client: usize, with_will: bool, now_ms: u64) {
        let Some(session) = self.sessions.get_mut(&client) else { return };
        session.away_since_ms = Some(now_ms);
        if !with_will {
            session.will = None;
        }
        self.end_if_due(client, now_ms);
    }

    pub(super) fn revoke(&mut self, label: usize) {
        let theirs = |(_, session): &(&usize, &Session)| session.label == label;
        let clients: Vec<usize> =
            self.sessions.iter().filter(theirs).map(|(client, _)| *client).collect();
        for client in clients {
            self.forget(client);
        }
    }

    /// The process ends and begins again.
    pub(super) fn restart(&mut self, now_ms: u64) {
        self.sessions.retain(|_, session| session.expiry_s > 0);
        self.groups.clear();
        let mut joined = Vec::new();
        for (place, (client, session)) in self.sessions.iter_mut().enumerate() {
            session.key = place;
            session.away_since_ms.get_or_insert(now_ms);
            joined.extend(session.subs.iter().map(|sub| (*client, sub.filter)));
        }
        for (client, filter) in joined {
            self.join(client, filter);
        }
    }

    pub(super) fn subscribe(&mut self, client: usize, sub: &Sub, retained: impl Fn(bool) -> bool) {
        let Some(session) = self.sessions.get_mut(&client) else { return };
        let older = session.subs.iter_mut().find(|older| older.filter == sub.filter);
        let is_new = older.is_none();
        match older {
            Some(older) => *older = sub.clone(),
            None => session.subs.push(sub.clone()),
        }
        if sub.filter.starts_with("$share/") {
            return self.join(client, sub.filter);
        }
        if retained(is_new) {
            let takes = |kept: &&Said| takes(sub.filter, kept.topic);
            let ids = if sub.id > 0 { vec![sub.id] } else { Vec::new() };
            let sent: Vec<Sent> = self
                .retained
                .values()
                .filter(takes)
                .map(|kept| of(kept, kept.qos.min(sub.qos), true, ids.clone()))
                .collect();
            self.told.entry(client).or_default().extend(sent);
        }
    }

    pub(super) fn unsubscribe(&mut self, client: usize, filter: &str) -> bool {
        let Some(session) = self.sessions.get_mut(&client) else { return false };
        let before = session.subs.len();
        session.subs.retain(|sub| sub.filter != filter);
        let was = session.subs.len() < before;
        self.quit(client, filter);
        was
    }

    /// Says whether anybody takes it.
    pub(super) fn publish(&mut self, from: Option<usize>, said: &Said) -> bool {
        if said.retain && said.payload.is_empty() {
            self.retained.remove(said.topic);
        } else if said.retain {
            self.retained.insert(said.topic, said.clone());
        }
        let mut all: Vec<(usize, Sent)> = Vec::new();
        for (client, session) in &self.sessions {
            let mut merged: Option<Sent> = None;
            for sub in session.subs.iter().filter(|sub| takes(sub.filter, said.topic)) {
                if sub.no_local && from == Some(*client) {
                    continue;
                }
                let sent = merged.get_or_insert_with(|| of(said, QoS::AtMostOnce, false, vec![]));
                sent.qos = sent.qos.max(sub.qos.min(said.qos));
                sent.retain |= said.retain && sub.as_published;
                sent.ids.extend((sub.id > 0).then_some(sub.id));
                sent.ids.sort_unstable();
            }
            all.extend(merged.map(|sent| (*client, sent)));
        }
        for (filter, members, turn) in &mut self.groups {
            let plain = filter.splitn(3, '/').nth(2).unwrap();
            if !takes(plain, said.topic) {
                continue;
            }
            let in_turn: Vec<usize> =
                (0..members.len()).map(|step| (*turn + step) % members.len()).collect();
            let there = |place: &&usize| self.sessions[&members[**place]].away_since_ms.is_none();
            let place = *in_turn.iter().find(there).unwrap_or(&in_turn[0]);
            *turn = place + 1;
            let session = &self.sessions[&members[place]];
            let sub = session.subs.iter().find(|sub| sub.filter == *filter).unwrap();
            let ids = if sub.id > 0 { vec![sub.id] } else { Vec::new() };
            let retain = said.retain && sub.as_published;
            all.push((members[place], of(said, sub.qos.min(said.qos), retain, ids)));
        }
        let any = !all.is_empty();
        for (client, sent) in all {
            let session = self.sessions.get_mut(&client).unwrap();
            if session.away_since_ms.is_none() {
                self.told.entry(client).or_default().push(sent);
            } else if sent.qos > QoS::AtMostOnce {
                session.queue.push(sent);
            }
        }
        any
    }

    /// The bell rings.
    pub(super) fn ring(&mut self, now_ms: u64) {
        let mut clients: Vec<(usize, usize)> =
            self.sessions.iter().map(|(client, session)| (session.key, *client)).collect();
        clients.sort_unstable();
        for (_, client) in clients {
            self.end_if_due(client, now_ms);
        }
    }

    fn end_if_due(&mut self, client: usize, now_ms: u64) {
        let Some(session) = self.sessions.get_mut(&client) else { return };
        let Some(away_since_ms) = session.away_since_ms else { return };
        if now_ms >= away_since_ms + session.expiry_s * 1_000 {
            self.end(client);
        } else if let Some((will, _)) =
            session.will.take_if(|(_, delay_s)| now_ms >= away_since_ms + *delay_s * 1_000)
        {
            self.publish(Some(client), &will);
        }
    }

    fn end(&mut self, client: usize) {
        let will = self.sessions.get_mut(&client).and_then(|session| session.will.take());
        self.forget(client);
        if let Some((will, _)) = will {
            self.publish(None, &will);
        }
    }

    fn forget(&mut self, client: usize) {
        let Some(session) = self.sessions.remove(&client) else { return };
        for sub in session.subs {
            self.quit(client, sub.filter);
        }
    }

    fn join(&mut self, client: usize, filter: &'static str) {
        if !filter.starts_with("$share/") {
            return;
        }
        match self.groups.iter_mut().find(|(known, ..)| *known == filter) {
            Some((_, members, _)) if members.contains(&client) => {}
            Some((_, members, _)) => members.push(client),
            None => self.groups.push((filter, vec![client], 0)),
        }
    }

    fn quit(&mut self, client: usize, filter: &str) {
        for (_, members, _) in self.groups.iter_mut().filter(|(known, ..)| *known == filter) {
            members.retain(|member| *member != client);
        }
        self.groups.retain(|(_, members, _)| !members.is_empty());
    }
}

fn of(said: &Said, qos: QoS, retain: bool, ids: Vec<u32>) -> Sent {
    Sent { topic: said.topic, payload: said.payload.clone(), qos, retain, ids }
}

/// Whether a filter takes a topic: word by word from the standard (4.7).
fn takes(filter: &str, topic: &str) -> bool {
    fn rest(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, topic @ ..]) => rest(filter, topic),
            ([level, filter @ ..], [name, topic @ ..]) => level == name && rest(filter, topic),
            (_, _) => false,
        }
    }
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let (filter, topic): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), topic.split('/').collect());
    rest(&filter, &topic)
}
