//! A space with a store and a clock of its own, and clients whose packets are put into words.

use std::fmt::Write;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::codec::{
    QoS, ReasonCode, Subscribe, SubscribeFilters, Subscription, TopicFilters, TopicScope,
    Unsubscribe, UserProperties, Version,
};
use crate::device::LinkId;
use crate::space::message::Message;
use crate::space::row::{LastWill, Row};
use crate::space::session_state::{self, Outgoing};
use crate::space::shelf::Shelf;
use crate::space::topics::SessionKey;
use crate::space::{
    AckKind, ClientFault, Hello, Line, Published, Received, SpaceEffect, SpaceLimits, SpaceState,
    ToClient, TooManySessions, Welcome,
};
use crate::supervision::Resident;
use crate::supervision::outbox::{Inbox, outbox};

pub(super) const EVER_S: u32 = 600_000;

pub(super) struct Home {
    pub(super) space: SpaceState,
    pub(super) now_ms: u64,
    pub(super) shelf: Shelf,
    /// Whether commits are stored at once; else they wait for [`Home::store`].
    pub(super) is_quick: bool,
    pub(super) asked: Vec<(Option<u64>, Vec<Row>)>,
    /// Whether the devices are watched.
    pub(super) watches: bool,
    /// How often the shell was told of an announcement.
    pub(super) announced: u32,
    pub(super) outbox_max: usize,
    limits: Arc<SpaceLimits>,
    links: u64,
}

/// A connection.
pub(super) struct Client {
    pub(super) at: (SessionKey, LinkId),
    pub(super) session_present: bool,
    pub(super) inbox: Inbox<ToClient>,
    /// What it was sent and has not acknowledged, in order.
    pub(super) unacked: Vec<(NonZeroU16, QoS)>,
    packet_ids: u16,
}

/// How a client connects: `Connect::new("id")` and what is different.
pub(super) struct Connect {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    pub(super) scope: Option<TopicScope>,
    pub(super) clean: bool,
    pub(super) expiry_s: u32,
    pub(super) will: Option<LastWill>,
    pub(super) version: Version,
}

impl Connect {
    pub(super) const fn new(id: &'static str) -> Self {
        let version = Version::V5;
        Self { id, label: "hub", scope: None, clean: false, expiry_s: 0, will: None, version }
    }

    pub(super) fn lasting(id: &'static str) -> Self {
        Self { expiry_s: EVER_S, ..Self::new(id) }
    }

    pub(super) fn with_will(self, topic: &str, delay_s: u32) -> Self {
        let message = Arc::new(Message::new(topic, b"gone", QoS::AtLeastOnce, false));
        Self { will: Some(LastWill { message, delay_s, expiry_s: None }), ..self }
    }
}

impl Home {
    pub(super) fn new() -> Self {
        Self::with(SpaceLimits::default())
    }

    pub(super) fn with(limits: SpaceLimits) -> Self {
        let limits = Arc::new(limits);
        Self {
            space: SpaceState::new(Arc::clone(&limits)),
            now_ms: 1_000_000,
            shelf: Shelf::default(),
            is_quick: true,
            asked: Vec::new(),
            watches: false,
            announced: 0,
            outbox_max: 10_000,
            limits,
            links: 0,
        }
    }

    pub(super) fn turn<R>(
        &mut self,
        act: impl FnOnce(&mut SpaceState, &mut Vec<SpaceEffect>, u64) -> R,
    ) -> R {
        let mut out = Vec::new();
        let done = act(&mut self.space, &mut out, self.now_ms);
        for effect in out {
            match effect {
                SpaceEffect::Commit(number, rows) => self.asked.push((Some(number), rows)),
                SpaceEffect::Write(rows) => self.asked.push((None, rows)),
                SpaceEffect::WatchDevices => self.watches = true,
                SpaceEffect::UnwatchDevices => self.watches = false,
                SpaceEffect::Announced => self.announced += 1,
            }
        }
        if self.is_quick {
            self.store();
        }
        done
    }

    /// The store takes what it was given, and says so.
    pub(super) fn store(&mut self) {
        while !self.asked.is_empty() {
            let (number, rows) = self.asked.remove(0);
            self.shelf.write(rows);
            if let Some(number) = number {
                self.turn(|space, out, now| space.stored(number, true, out, now));
            }
        }
    }

    /// Time passes, and the bell rings.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        if self.space.due_ms().is_some_and(|due_ms| due_ms <= self.now_ms) {
            self.turn(SpaceState::wake);
        }
    }

    /// The process ends at once, and begins again with what is stored by now.
    pub(super) fn restart(&mut self) {
        self.asked.clear();
        let (limits, stored) = (Arc::clone(&self.limits), self.shelf.load());
        self.space = SpaceState::restore(limits, stored, self.now_ms);
        self.watches = false;
        self.pass(0);
    }

    pub(super) fn try_connect(&mut self, connect: Connect) -> Result<Client, TooManySessions> {
        self.links += 1;
        let (outbox, inbox) = outbox(self.outbox_max);
        let line = Line {
            id: LinkId(self.links),
            outbox,
            unwritten_bytes: Arc::new(AtomicUsize::new(0)),
            link: session_state::Link::new(connect.version),
        };
        let hello = Hello {
            client_id: connect.id.into(),
            label: connect.label.into(),
            scope: connect.scope.map(Arc::new),
            clean_start: connect.clean,
            expiry_s: connect.expiry_s,
            will: connect.will.map(Box::new),
            line,
        };
        let Welcome { key, session_present, .. } =
            self.turn(|space, out, now| space.attach(hello, out, now))?;
        let at = (key, LinkId(self.links));
        Ok(Client { at, session_present, inbox, unacked: Vec::new(), packet_ids: 0 })
    }

    pub(super) fn connect(&mut self, connect: Connect) -> Client {
        self.try_connect(connect).unwrap()
    }

    /// A client that subscribes to `filter` and is told so.
    pub(super) fn listener(&mut self, connect: Connect, filter: &str, qos: QoS) -> Client {
        let mut client = self.connect(connect);
        self.subscribe(&mut client, Subscription { filter, qos, ..Subscription::default() });
        client.words();
        client
    }

    pub(super) fn subscribe(&mut self, client: &mut Client, wanted: Subscription<'_>) {
        self.subscribe_as(client, wanted, None);
    }

    pub(super) fn subscribe_as(
        &mut self,
        client: &mut Client,
        wanted: Subscription<'_>,
        subscription_id: Option<u32>,
    ) {
        let filters = [wanted];
        let subscribe = Subscribe {
            packet_id: client.next_packet_id(),
            subscription_id,
            user_properties: UserProperties::default(),
            filters: SubscribeFilters::new(&filters),
        };
        let at = client.at;
        self.turn(|space, out, now| space.subscribe(at, &subscribe, out, now));
    }

    pub(super) fn unsubscribe(&mut self, client: &mut Client, filter: &str) {
        let filters = [filter];
        let unsubscribe = Unsubscribe {
            packet_id: client.next_packet_id(),
            user_properties: UserProperties::default(),
            filters: TopicFilters::new(&filters),
        };
        let at = client.at;
        self.turn(|space, out, now| space.unsubscribe(at, &unsubscribe, out, now));
    }

    pub(super) fn send(
        &mut self,
        client: &mut Client,
        message: Message,
    ) -> Result<Received, ClientFault> {
        let packet_id = (message.qos > QoS::AtMostOnce).then(|| client.next_packet_id());
        let published = Published { message: Arc::new(message), packet_id };
        let at = client.at;
        self.turn(|space, out, now| space.publish(at, published, out, now))
    }

    pub(super) fn publish(&mut self, client: &mut Client, topic: &str, payload: &str, qos: QoS) {
        let message = Message::new(topic, payload.as_bytes(), qos, false);
        self.send(client, message).unwrap();
    }

    pub(super) fn retain(&mut self, client: &mut Client, topic: &str, payload: &str, qos: QoS) {
        self.send(client, Message::new(topic, payload.as_bytes(), qos, true)).unwrap();
    }

    pub(super) fn ack(&mut self, client: &Client, kind: AckKind, packet_id: u16) {
        let packet_id = NonZeroU16::new(packet_id).unwrap();
        let (at, ack) = (client.at, (kind, packet_id, ReasonCode::SUCCESS));
        self.turn(|space, out, now| space.acknowledged(at, ack, out, now)).unwrap();
    }

    /// The client acknowledges what it was sent at `QoS` 1.
    pub(super) fn ack_all(&mut self, client: &mut Client) {
        for (packet_id, _) in std::mem::take(&mut client.unacked) {
            self.ack(client, AckKind::Puback, packet_id.get());
        }
    }

    pub(super) fn lose(&mut self, client: &Client) {
        let at = client.at;
        self.turn(|space, out, now| space.link_lost(at, out, now));
    }

    pub(super) fn goodbye(&mut self, client: &Client, with_will: bool, expiry_s: Option<u32>) {
        let at = client.at;
        self.turn(|space, out, now| space.goodbye(at, (with_will, expiry_s), out, now));
    }

    pub(super) fn revoke(&mut self, label: &str) {
        self.turn(|space, out, now| space.revoke(label, out, now));
    }

    /// The client says that it has taken what it was brought.
    pub(super) fn more(&mut self, client: &Client) {
        let at = client.at;
        self.turn(|space, out, now| space.more(at, out, now));
    }
}

impl Client {
    pub(super) fn next_packet_id(&mut self) -> NonZeroU16 {
        self.packet_ids += 1;
        NonZeroU16::new(self.packet_ids).unwrap()
    }

    /// What it was sent since last asked: `t on q1` is the payload `on` of the topic `t` at QoS 1.
    pub(super) fn words(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(told) = self.inbox.try_recv() {
            words.push(self.in_words(told));
        }
        words
    }

    fn in_words(&mut self, told: ToClient) -> String {
        let first = |codes: &[ReasonCode]| codes.first().map_or(0, |code| code.byte());
        match told {
            ToClient::Packet(Outgoing::Publish(publish)) => {
                let delivery = &publish.delivery;
                let payload = String::from_utf8_lossy(delivery.message.payload()).into_owned();
                self.unacked.extend(publish.packet_id.map(|packet_id| (packet_id, delivery.qos)));
                let mut words =
                    format!("{} {payload} q{}", delivery.message.topic(), delivery.qos.bits());
                words.push_str(if delivery.retain { " retained" } else { "" });
                words.push_str(if publish.dup { " again" } else { "" });
                if let Some(ids) = &delivery.subscription_ids {
                    write!(words, " {ids:?}").unwrap();
                }
                words
            }
            ToClient::Packet(Outgoing::Puback(id, reason)) => {
                format!("puback {id} {:02x}", reason.byte())
            }
            ToClient::Packet(Outgoing::Pubrec(id, reason)) => {
                format!("pubrec {id} {:02x}", reason.byte())
            }
            ToClient::Packet(Outgoing::Pubrel(id, _)) => format!("pubrel {id}"),
            ToClient::Packet(Outgoing::Pubcomp(id, _)) => format!("pubcomp {id}"),
            ToClient::Packet(Outgoing::Suback(id, codes)) => {
                format!("suback {id} {:02x}", first(&codes))
            }
            ToClient::Packet(Outgoing::Unsuback(id, codes)) => {
                format!("unsuback {id} {:02x}", first(&codes))
            }
            ToClient::More => "more".to_owned(),
            ToClient::Close(why) => format!("close {why:?}"),
        }
    }
}
