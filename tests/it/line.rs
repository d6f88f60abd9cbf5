//! MQTT by hand, over any stream: for what a client library hides.

use std::pin::Pin;

use hearth::codec::{Connect, Packet, Publish, PublishProperties, QoS, Version, encode};
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::support::{Thing, soon};

/// A stream of bytes, whatever carries it.
pub trait Stream: AsyncRead + AsyncWrite {}

impl<S: AsyncRead + AsyncWrite> Stream for S {}

/// A connection.
pub struct Line {
    pub stream: Pin<Box<dyn Stream>>,
}

/// The bytes of a packet, as MQTT 3.1.1 has them.
pub fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(Version::V311, packet, &mut bytes).unwrap();
    bytes
}

/// CONNECT of a device, or of somebody without a name.
pub fn connect(thing: Option<&Thing>) -> Vec<u8> {
    let username = thing.map(|thing| thing.id.to_string());
    let mut connect = Connect::new(Version::V311, "by-hand", 30);
    connect.username = username.as_deref();
    connect.password = thing.map(|thing| thing.secret.as_bytes());
    bytes(&Packet::Connect(Box::new(connect)))
}

/// PUBLISH of what a device is, with an acknowledgement wanted.
pub fn report(thing: &Thing, state: &Json) -> Vec<u8> {
    let (topic, payload) = (format!("devices/{}/state", thing.id), state.to_string());
    let publish = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: &topic,
        packet_id: 7.try_into().ok(),
        properties: PublishProperties::default(),
        payload: payload.as_bytes(),
    };
    bytes(&Packet::Publish(publish))
}

impl Line {
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::pin(stream) }
    }

    pub async fn say(&mut self, bytes: &[u8]) {
        // A server that has closed is heard of at the next read.
        self.stream.write_all(bytes).await.ok();
        self.stream.flush().await.ok();
    }

    /// The next packet, which is a short one; none if the server closed.
    pub async fn hear(&mut self) -> Option<Vec<u8>> {
        let mut packet = vec![0; 2];
        soon(self.stream.read_exact(&mut packet)).await.ok()?;
        let length = usize::from(packet[1]);
        assert!(length < 0x80, "a long packet: {packet:?}");
        packet.resize(2 + length, 0);
        soon(self.stream.read_exact(&mut packet[2..])).await.ok()?;
        Some(packet)
    }

    /// Connects; how the server answers, if it does.
    pub async fn connect(&mut self, thing: Option<&Thing>) -> Option<u8> {
        self.say(&connect(thing)).await;
        let connack = self.hear().await?;
        assert_eq!(&connack[..3], [0x20, 2, 0], "no CONNACK");
        Some(connack[3])
    }

    /// Says what the device is, and waits until the server has it safe.
    pub async fn report(&mut self, thing: &Thing, state: &Json) {
        self.say(&report(thing, state)).await;
        assert_eq!(self.hear().await.as_deref(), Some(&[0x40, 2, 0, 7][..]), "no PUBACK");
    }
}
