//! A space and its clients on a bench: bytes in, bytes out, and a clock that the test moves.
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Waker};

use super::words::in_words;
use crate::codec::{
    Connect, Encoder, Packet, Publish, QoS, ReasonCode, Subscribe, SubscribeFilters, Subscription,
    TopicFilters, Unsubscribe, UserProperties, Version, decode, decode_connect, frame_len,
};
use crate::device::LinkId;
use crate::mqtt::MqttLimits;
use crate::mqtt::client::{Asked, ClientProtocol};
use crate::mqtt::fatal::Fatal;
use crate::mqtt::greeting::{Granted, connack, hello, session_link};
use crate::space::topics::SessionKey;
use crate::space::{Line, Received, SpaceEffect, SpaceLimits, SpaceState, ToClient};
use crate::supervision::Resident;
use crate::supervision::outbox::{Inbox, outbox};

pub(super) const BOTH: [Version; 2] = [Version::V311, Version::V5];

/// A connection on the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conn(usize);

pub(super) struct Bench {
    pub(super) space: SpaceState,
    pub(super) limits: Arc<MqttLimits>,
    /// Whether the store can't take anything.
    pub(super) store_fails: bool,
    now_ms: u64,
    effects: Vec<SpaceEffect>,
    ends: Vec<End>,
}

/// The client's end of a connection, and the server's state of it.
struct End {
    version: Version,
    protocol: ClientProtocol,
    at: (SessionKey, LinkId),
    inbox: Inbox<ToClient>,
    packet_bytes_max: u32,
    /// Written by the server, not yet read.
    heard: Vec<u8>,
    /// Why the server closed, once it has.
    closed: Option<ReasonCode>,
}

/// CONNECT of a client, version 3.1.1 clean, version 5 without a session that stays.
pub(super) fn connect(version: Version, id: &str) -> Connect<'_> {
    Connect::new(version, id, 60)
}

/// The same, with a session that stays.
pub(super) fn staying(version: Version, id: &str) -> Connect<'_> {
    let mut connect = Connect { clean_start: false, ..connect(version, id) };
    connect.properties.session_expiry_s = version.is_v5().then_some(100);
    connect
}

pub(super) fn bytes_of(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(version).packet(packet, &mut out).unwrap();
    out
}

pub(super) fn id(packet_id: u16) -> NonZeroU16 {
    NonZeroU16::new(packet_id).unwrap()
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::limited(SpaceLimits::default())
    }

    pub(super) fn limited(limits: SpaceLimits) -> Self {
        Self {
            space: SpaceState::new(Arc::new(limits)),
            limits: Arc::default(),
            store_fails: false,
            now_ms: 1_000_000,
            effects: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Connects; the first words heard are the CONNACK.
    pub(super) fn open(&mut self, connect: &Connect<'_>) -> Conn {
        let version = connect.version;
        let frame = bytes_of(version, &Packet::Connect(Box::new(*connect)));
        let connect = decode_connect(&frame).unwrap();
        let number = LinkId(self.ends.len() as u64);
        let assigned = connect.client_id.is_empty().then(|| format!("assigned-{}", number.0));
        let (outbox, inbox) = outbox(self.limits.client_outbox_max);
        let unwritten_bytes = Arc::new(AtomicUsize::new(0));
        let line = Line { id: number, outbox, unwritten_bytes, link: session_link(&connect) };
        let hello = hello(&connect, ("label".into(), None), assigned.as_deref(), line).unwrap();
        let expiry_s = hello.expiry_s;
        let welcome = self.space.attach(hello, &mut self.effects, self.now_ms).unwrap();
        let granted = Granted::by_space(welcome, expiry_s, assigned);
        let answer = connack(&connect, &granted, &self.limits);
        self.ends.push(End {
            version,
            protocol: ClientProtocol::new(&connect, Arc::clone(&self.limits), None),
            at: (welcome.key, number),
            inbox,
            packet_bytes_max: session_link(&connect).packet_bytes_max,
            heard: bytes_of(version, &answer),
            closed: None,
        });
        self.store();
        Conn(self.ends.len() - 1)
    }

    /// Connects, and has heard that it is welcome.
    pub(super) fn join(&mut self, connect: &Connect<'_>) -> Conn {
        let conn = self.open(connect);
        let packet = self.packet(conn);
        let welcome = in_words(&decoded(connect.version, &packet));
        assert!(welcome.starts_with("connack 00"), "{welcome}");
        conn
    }

    /// What was to be stored is, and those who wait for it are told.
    fn store(&mut self) {
        loop {
            let commits: Vec<u64> = std::mem::take(&mut self.effects)
                .into_iter()
                .filter_map(|effect| match effect {
                    SpaceEffect::Commit(number, _) => Some(number),
                    SpaceEffect::Write(_)
                    | SpaceEffect::WatchDevices
                    | SpaceEffect::UnwatchDevices
                    | SpaceEffect::Announced => None,
                })
                .collect();
            if commits.is_empty() {
                return;
            }
            for number in commits {
                self.space.stored(number, !self.store_fails, &mut self.effects, self.now_ms);
            }
        }
    }

    /// Lets time pass, with everything that falls due.
    pub(super) fn wait_s(&mut self, seconds: u64) {
        let until_ms = self.now_ms + seconds * 1_000;
        while let Some(due_ms) = self.space.due_ms().filter(|due_ms| *due_ms <= until_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.space.wake(&mut self.effects, self.now_ms);
            self.store();
        }
        self.now_ms = until_ms;
    }

    /// A client says whole packets; a fault of its closes its connection.
    pub(super) fn say(&mut self, conn: Conn, mut bytes: &[u8]) {
        while let Some(length) = frame_len(bytes, self.limits.packet_bytes_max).unwrap() {
            let (frame, rest) = bytes.split_at(length);
            bytes = rest;
            if self.ends[conn.0].closed.is_none()
                && let Err(fatal) = self.take(conn, frame)
            {
                self.close(conn, &fatal);
            }
            self.store();
            self.write(conn);
        }
        assert!(bytes.is_empty(), "half a packet");
    }

    fn take(&mut self, conn: Conn, frame: &[u8]) -> Result<(), Fatal> {
        let Self { space, effects, now_ms, ends, .. } = self;
        let End { protocol, at, heard, closed, .. } = &mut ends[conn.0];
        let (at, now_ms) = (*at, *now_ms);
        match protocol.take(frame, now_ms, heard)? {
            Asked::Nothing => {}
            Asked::Publish(published) => {
                let wants_ack = published.packet_id.is_some();
                let received = space.publish(at, published, effects, now_ms)?;
                if wants_ack && received == Received::Fresh {
                    protocol.owes_acknowledgement();
                }
            }
            Asked::Command { qos, packet_id, .. } => {
                space.take_command(at, (qos, packet_id), effects, now_ms)?;
            }
            Asked::Ack(kind, packet_id, reason) => {
                space.acknowledged(at, (kind, packet_id, reason), effects, now_ms)?;
            }
            Asked::Subscribe(subscribe) => space.subscribe(at, &subscribe, effects, now_ms),
            Asked::Unsubscribe(unsubscribe) => {
                space.unsubscribe(at, &unsubscribe, effects, now_ms);
            }
            Asked::Goodbye { with_will, expiry_s } => {
                space.goodbye(at, (with_will, expiry_s), effects, now_ms);
                *closed = Some(ReasonCode::SUCCESS);
            }
        }
        Ok(())
    }

    /// The server closes a connection, as `mqtt/connection` does: says why, then tells the space.
    fn close(&mut self, conn: Conn, fatal: &Fatal) {
        let end = &mut self.ends[conn.0];
        end.protocol.farewell(fatal.reason(), &mut end.heard);
        end.closed = Some(fatal.reason());
        self.space.link_lost(end.at, &mut self.effects, self.now_ms);
        self.store();
    }

    /// The network fails.
    pub(super) fn cut(&mut self, conn: Conn) {
        let end = &mut self.ends[conn.0];
        end.closed = Some(ReasonCode::SUCCESS);
        self.space.link_lost(end.at, &mut self.effects, self.now_ms);
        self.store();
    }

    /// Carries what the space sends to where the client can read it; nothing follows a farewell.
    fn write(&mut self, conn: Conn) {
        loop {
            let end = &mut self.ends[conn.0];
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(Some(message)) = end.inbox.poll_recv(&mut cx) else { return };
            if end.closed.is_some() {
                continue;
            }
            match end.protocol.send(&message, &mut end.heard) {
                Err(fatal) => self.close(conn, &fatal),
                Ok(()) if message == ToClient::More => {
                    self.space.more(end.at, &mut self.effects, self.now_ms);
                    self.store();
                }
                Ok(()) => {}
            }
        }
    }

    /// The next packet that a client hears.
    #[track_caller]
    pub(super) fn packet(&mut self, conn: Conn) -> Vec<u8> {
        self.write(conn);
        let end = &mut self.ends[conn.0];
        let length = frame_len(&end.heard, u32::MAX).unwrap().expect("nothing is heard");
        assert!(u32::try_from(length).unwrap() <= end.packet_bytes_max, "3.1.2-27");
        let rest = end.heard.split_off(length);
        std::mem::replace(&mut end.heard, rest)
    }

    /// Everything a client hears by now, in words.
    #[track_caller]
    pub(super) fn hears(&mut self, conn: Conn) -> Vec<String> {
        let mut words = Vec::new();
        self.write(conn);
        while !self.ends[conn.0].heard.is_empty() {
            let packet = self.packet(conn);
            words.push(in_words(&decoded(self.ends[conn.0].version, &packet)));
        }
        words
    }

    /// The reason for which the server closed, if it has.
    pub(super) fn closed(&mut self, conn: Conn) -> Option<ReasonCode> {
        self.write(conn);
        self.ends[conn.0].closed
    }

    pub(super) fn publish(&mut self, conn: Conn, publish: &Publish<'_>) {
        let frame = bytes_of(self.ends[conn.0].version, &Packet::Publish(*publish));
        self.say(conn, &frame);
    }

    /// Publishes, with identifier 1 above `QoS` 0, completes the exchange, and hears nothing else.
    #[track_caller]
    pub(super) fn send(&mut self, conn: Conn, topic: &str, payload: &str, qos: QoS) {
        self.exchange(
            conn,
            &Publish { topic, payload: payload.as_bytes(), qos, ..Publish::default() },
        );
    }

    /// The same with RETAIN.
    #[track_caller]
    pub(super) fn retain(&mut self, conn: Conn, topic: &str, payload: &str, qos: QoS) {
        let publish = Publish { topic, payload: payload.as_bytes(), qos, ..Publish::default() };
        self.exchange(conn, &Publish { retain: true, ..publish });
    }

    #[track_caller]
    fn exchange(&mut self, conn: Conn, publish: &Publish<'_>) {
        let packet_id = (publish.qos != QoS::AtMostOnce).then_some(id(1));
        self.publish(conn, &Publish { packet_id, ..*publish });
        if publish.qos == QoS::ExactlyOnce {
            self.say(conn, &[0x62, 2, 0, 1]);
        }
        let answers = self.hears(conn);
        let answered = |word: &String| word.starts_with("pub") && word.contains(" 1 ");
        assert!(answers.iter().all(answered), "{answers:?}");
    }

    /// Subscribes to one filter under identifier 1, and hears what follows the SUBACK.
    #[track_caller]
    pub(super) fn subscribe(&mut self, conn: Conn, filter: &str, qos: QoS) -> Vec<String> {
        self.subscribe_as(conn, &[Subscription { filter, qos, ..Subscription::default() }], None)
    }

    #[track_caller]
    pub(super) fn subscribe_as(
        &mut self,
        conn: Conn,
        entries: &[Subscription<'_>],
        subscription_id: Option<u32>,
    ) -> Vec<String> {
        let subscribe = Subscribe {
            packet_id: id(1),
            subscription_id,
            user_properties: UserProperties::default(),
            filters: SubscribeFilters::new(entries),
        };
        let frame = bytes_of(self.ends[conn.0].version, &Packet::Subscribe(subscribe));
        self.say(conn, &frame);
        let mut words = self.hears(conn);
        let codes = entries.iter().map(|entry| format!("{:02x}", entry.qos.bits()));
        let suback = format!("suback 1 {}", codes.collect::<Vec<_>>().join(" "));
        let at =
            words.iter().position(|word| *word == suback).expect("the subscription is granted");
        words.remove(at);
        words
    }

    pub(super) fn unsubscribe(&mut self, conn: Conn, packet_id: u16, filters: &[&str]) {
        let unsubscribe = Unsubscribe {
            packet_id: id(packet_id),
            user_properties: UserProperties::default(),
            filters: TopicFilters::new(filters),
        };
        let frame = bytes_of(self.ends[conn.0].version, &Packet::Unsubscribe(unsubscribe));
        self.say(conn, &frame);
    }
}

pub(super) fn decoded(version: Version, packet: &[u8]) -> Packet<'_> {
    decode(version, packet).unwrap()
}
