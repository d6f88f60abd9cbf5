//! A client of a topic space, by hand: what a library would answer by itself is seen here.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use hearth::codec::{
    Ack, Connect, Disconnect, Encoder, Packet, Publish, PublishProperties, QoS, ReasonCode,
    Subscribe, SubscribeFilters, Subscription, UserProperties, Version, decode, frame_len,
};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Person, soon};

/// What a client signs in with.
#[derive(Debug, Clone)]
pub struct Credential {
    pub mqtt: SocketAddr,
    pub username: String,
    pub password: String,
}

impl Person {
    /// Makes a client credential.
    pub async fn credential(&self, label: &str) -> Credential {
        self.credential_for(json!({ "label": label })).await
    }

    /// Makes the client credential that is asked for.
    pub async fn credential_for(&self, asked: Json) -> Credential {
        let made = self.ask("POST", "/clients", Some(asked)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Credential { mqtt: self.mqtt, username: text("username"), password: text("password") }
    }
}

/// How a client connects.
#[derive(Clone)]
pub struct Manner {
    pub version: Version,
    pub id: &'static str,
    /// Seconds that its session outlives the connection; above 0 it is resumed as well.
    pub expiry_s: u32,
}

pub const V5: Manner = Manner { version: Version::V5, id: "guest", expiry_s: 0 };
pub const LASTING: Manner = Manner { expiry_s: 3_600, ..V5 };

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Message { topic: String, payload: String, qos: QoS, retain: bool },
    Acknowledged(ReasonCode),
    Closed(Option<ReasonCode>),
}

/// A connection.
pub struct Guest {
    version: Version,
    stream: TcpStream,
    unread: Vec<u8>,
    packet_id: u16,
    /// Messages that came before an answer.
    early: VecDeque<Heard>,
    pub session_present: bool,
}

impl Guest {
    /// Connects with credentials, or without.
    pub async fn try_open(
        server: SocketAddr,
        credential: Option<&Credential>,
        manner: Manner,
    ) -> Result<Self, ReasonCode> {
        let stream = soon(TcpStream::connect(server)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let Manner { version, id, expiry_s } = manner;
        let (unread, early) = (Vec::new(), VecDeque::new());
        let mut guest =
            Self { version, stream, unread, packet_id: 0, early, session_present: false };
        let mut connect = Connect::new(version, id, 30);
        connect.username = credential.map(|credential| credential.username.as_str());
        connect.password = credential.map(|credential| credential.password.as_bytes());
        connect.clean_start = expiry_s == 0;
        connect.properties.session_expiry_s = (version.is_v5() && expiry_s > 0).then_some(expiry_s);
        guest.say(&Packet::Connect(Box::new(connect))).await;
        let frame = guest.frame().await.ok_or(ReasonCode::UNSPECIFIED_ERROR)?;
        let Packet::Connack(connack) = decode(version, &frame).unwrap() else {
            panic!("no CONNACK: {frame:02x?}");
        };
        if connack.reason.is_error() {
            return Err(connack.reason);
        }
        guest.session_present = connack.session_present;
        Ok(guest)
    }

    pub async fn open(credential: &Credential, manner: Manner) -> Self {
        Self::try_open(credential.mqtt, Some(credential), manner).await.unwrap()
    }

    /// A client that hears `filter` at `QoS` 1.
    pub async fn listening(credential: &Credential, manner: Manner, filter: &str) -> Self {
        let mut guest = Self::open(credential, manner).await;
        guest.subscribe(filter, QoS::AtLeastOnce).await;
        guest
    }

    async fn say(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        Encoder::new(self.version).packet(packet, &mut bytes).unwrap();
        // A server that has closed is heard of at the next read.
        soon(self.stream.write_all(&bytes)).await.ok();
    }

    async fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            let length = frame_len(&self.unread, u32::MAX).unwrap();
            if let Some(length) = length.filter(|length| *length <= self.unread.len()) {
                let rest = self.unread.split_off(length);
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            if soon(self.stream.read_buf(&mut self.unread)).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    const fn next_packet_id(&mut self) -> NonZeroU16 {
        self.packet_id += 1;
        NonZeroU16::new(self.packet_id).unwrap()
    }

    pub async fn subscribe(&mut self, filter: &str, qos: QoS) {
        assert_eq!(self.try_subscribe(filter, qos).await, ReasonCode::SUCCESS);
    }

    /// Subscribes, and waits for the answer.
    pub async fn try_subscribe(&mut self, filter: &str, qos: QoS) -> ReasonCode {
        let filters = [Subscription { filter, qos, ..Subscription::default() }];
        let packet_id = self.next_packet_id();
        let filters = SubscribeFilters::new(&filters);
        let user_properties = UserProperties::default();
        let subscribe = Subscribe { packet_id, subscription_id: None, user_properties, filters };
        self.say(&Packet::Subscribe(subscribe)).await;
        self.acknowledged().await
    }

    /// Publishes; above `QoS` 0 it waits for the last answer, and tells the first.
    pub async fn publish(&mut self, topic: &str, payload: &[u8], qos: QoS) -> ReasonCode {
        self.send(topic, payload, qos, false).await
    }

    pub async fn retain(&mut self, topic: &str, payload: &[u8]) -> ReasonCode {
        self.send(topic, payload, QoS::AtLeastOnce, true).await
    }

    async fn send(&mut self, topic: &str, payload: &[u8], qos: QoS, retain: bool) -> ReasonCode {
        let packet_id = (qos > QoS::AtMostOnce).then(|| self.next_packet_id());
        let properties = PublishProperties::default();
        let publish = Publish { dup: false, qos, retain, topic, packet_id, properties, payload };
        self.say(&Packet::Publish(publish)).await;
        let Some(packet_id) = packet_id else { return ReasonCode::SUCCESS };
        let reason = self.acknowledged().await;
        if qos == QoS::ExactlyOnce && !reason.is_error() {
            self.say(&Packet::Pubrel(Ack::new(packet_id, ReasonCode::SUCCESS))).await;
            self.acknowledged().await;
        }
        reason
    }

    /// Publishes `payload` so often at once, and tells the answers above `QoS` 0.
    pub async fn flood(
        &mut self,
        topic: &str,
        payload: &[u8],
        (qos, times): (QoS, usize),
    ) -> Vec<ReasonCode> {
        let mut bytes = Vec::new();
        for _ in 0..times {
            let packet_id = (qos > QoS::AtMostOnce).then(|| self.next_packet_id());
            let publish = Publish { qos, topic, packet_id, payload, ..Publish::default() };
            Encoder::new(self.version).packet(&Packet::Publish(publish), &mut bytes).unwrap();
        }
        soon(self.stream.write_all(&bytes)).await.unwrap();
        let mut answers = Vec::new();
        while qos > QoS::AtMostOnce && answers.len() < times {
            answers.push(self.acknowledged().await);
        }
        answers
    }

    /// The next answer to something of its own; messages that come before it are heard later.
    async fn acknowledged(&mut self) -> ReasonCode {
        loop {
            match self.listen().await {
                Heard::Acknowledged(reason) => return reason,
                message @ Heard::Message { .. } => self.early.push_back(message),
                Heard::Closed(reason) => return reason.unwrap_or(ReasonCode::UNSPECIFIED_ERROR),
            }
        }
    }

    /// What comes next.
    pub async fn hear(&mut self) -> Heard {
        match self.early.pop_front() {
            Some(early) => early,
            None => self.listen().await,
        }
    }

    /// What comes from the server; messages are acknowledged.
    async fn listen(&mut self) -> Heard {
        loop {
            let Some(frame) = self.frame().await else { return Heard::Closed(None) };
            let (heard, answer) = match decode(self.version, &frame).unwrap() {
                Packet::Publish(publish) => {
                    let message = Heard::Message {
                        topic: publish.topic.to_owned(),
                        payload: String::from_utf8_lossy(publish.payload).into_owned(),
                        qos: publish.qos,
                        retain: publish.retain,
                    };
                    let ack = publish.packet_id.map(|id| Ack::new(id, ReasonCode::SUCCESS));
                    let exactly_once = publish.qos == QoS::ExactlyOnce;
                    let answer = ack.map(|ack| {
                        if exactly_once { Packet::Pubrec(ack) } else { Packet::Puback(ack) }
                    });
                    (Some(message), answer)
                }
                Packet::Pubrel(ack) => {
                    (None, Some(Packet::Pubcomp(Ack::new(ack.packet_id, ReasonCode::SUCCESS))))
                }
                Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                    (Some(Heard::Acknowledged(ack.reason)), None)
                }
                Packet::Suback(suback) => {
                    let code = suback.codes.iter().next().unwrap();
                    let granted = if code.is_error() { code } else { ReasonCode::SUCCESS };
                    (Some(Heard::Acknowledged(granted)), None)
                }
                Packet::Disconnect(disconnect) => {
                    (Some(Heard::Closed(Some(disconnect.reason))), None)
                }
                _ => (None, None),
            };
            if let Some(answer) = answer {
                self.say(&answer).await;
            }
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// The next message, as `topic payload`.
    pub async fn message(&mut self) -> String {
        match self.hear().await {
            Heard::Message { topic, payload, retain, .. } => {
                format!("{topic} {payload}{}", if retain { " retained" } else { "" })
            }
            other => panic!("no message, but {other:?}"),
        }
    }

    /// Waits until the server has closed, with which reason.
    pub async fn closed(&mut self) -> Option<ReasonCode> {
        loop {
            if let Heard::Closed(reason) = self.hear().await {
                return reason;
            }
        }
    }

    /// Says goodbye.
    pub async fn leave(mut self) {
        self.say(&Packet::Disconnect(Disconnect::new(ReasonCode::SUCCESS))).await;
    }
}
