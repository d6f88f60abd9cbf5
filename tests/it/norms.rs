//! Normative statements that only a connection shows (`docs/conformance.md`), and a slow drip.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use hearth::codec::{
    Connect, Encoder, Packet, Publish, QoS, ReasonCode, Subscribe, SubscribeFilters, Subscription,
    Version, Will, decode, frame_len,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Open, Person, Thing, soon};

/// A connection that speaks by the byte.
struct Wire {
    version: Version,
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    async fn open(server: SocketAddr, version: Version) -> Self {
        let stream = soon(TcpStream::connect(server)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { version, stream, unread: Vec::new() }
    }

    /// Says this, if the other side still listens.
    async fn say(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.ok();
    }

    /// The next whole packet, or none if the server has closed.
    async fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            let length = frame_len(&self.unread, u32::MAX).unwrap();
            if let Some(length) = length.filter(|length| *length <= self.unread.len()) {
                let rest = self.unread.split_off(length);
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            if soon(self.stream.read_buf(&mut self.unread)).await.unwrap_or(0) == 0 {
                assert!(self.unread.is_empty(), "the last packet is whole");
                return None;
            }
        }
    }

    async fn connack(&mut self) -> ReasonCode {
        let frame = self.hear().await.unwrap();
        let Packet::Connack(connack) = decode(self.version, &frame).unwrap() else {
            panic!("the first packet is {frame:02x?}");
        };
        assert!(!connack.session_present);
        connack.reason
    }

    /// Everything said until the server closes, as the first bytes of its packets and what follows.
    async fn until_closed(&mut self) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        while let Some(frame) = self.hear().await {
            heard.push(frame);
        }
        heard
    }
}

fn bytes(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(version).packet(packet, &mut out).unwrap();
    out
}

/// The CONNECT of a device, changed by `edit`.
fn connect(version: Version, thing: &Thing, edit: impl Fn(&mut Connect<'_>)) -> Vec<u8> {
    let username = thing.id.to_string();
    let mut connect = Connect::new(version, "wire", 30);
    connect.username = Some(&username);
    connect.password = Some(thing.secret.as_bytes());
    edit(&mut connect);
    bytes(version, &Packet::Connect(Box::new(connect)))
}

fn subscribe(version: Version, filter: &str) -> Vec<u8> {
    let entries = [Subscription { filter, qos: QoS::AtLeastOnce, ..Subscription::default() }];
    let subscribe = Subscribe {
        packet_id: std::num::NonZeroU16::MIN,
        subscription_id: None,
        user_properties: hearth::codec::UserProperties::default(),
        filters: SubscribeFilters::new(&entries),
    };
    bytes(version, &Packet::Subscribe(subscribe))
}

const BOTH: [Version; 2] = [Version::V311, Version::V5];
const PINGREQ: [u8; 2] = [0xC0, 0];
const PINGRESP: [u8; 2] = [0xD0, 0];

/// A house, somebody in it, and a lamp.
async fn lamp() -> (Open, Person, Thing) {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    (open, bob, lamp)
}

/// An open connection of a device.
async fn connected(open: &Open, version: Version, thing: &Thing) -> Wire {
    let mut wire = Wire::open(open.house.mqtt, version).await;
    wire.say(&connect(version, thing, |_| {})).await;
    assert_eq!(wire.connack().await, ReasonCode::SUCCESS);
    wire
}

#[tokio::test]
async fn v311_3_1_4_4_v5_3_1_4_5_mqtt_3_2_0_1_an_accepted_connect_is_answered_first_with_success() {
    let (open, _, lamp) = lamp().await;
    for version in BOTH {
        let mut wire = Wire::open(open.house.mqtt, version).await;
        let eager = [connect(version, &lamp, |_| {}), PINGREQ.to_vec()].concat();
        wire.say(&eager).await;
        assert_eq!(wire.connack().await, ReasonCode::SUCCESS);
        assert_eq!(wire.hear().await.unwrap(), PINGRESP);
    }
}

#[tokio::test]
async fn v5_3_2_0_2_there_is_one_connack_though_there_are_two_connects() {
    let (open, _, lamp) = lamp().await;
    let mut wire = connected(&open, Version::V5, &lamp).await;
    wire.say(&connect(Version::V5, &lamp, |_| {})).await;
    let disconnect = [0xE0, 1, ReasonCode::PROTOCOL_ERROR.byte()];
    assert_eq!(wire.until_closed().await, [disconnect]);
}

#[tokio::test]
async fn v311_3_1_4_5_v311_3_2_2_5_v5_3_1_4_2_and_6_v5_3_2_2_7_a_refusal_is_the_last_word() {
    let (open, _, lamp) = lamp().await;
    let stranger = Thing { secret: "0".repeat(32), ..lamp };
    for version in BOTH {
        let mut wire = Wire::open(open.house.mqtt, version).await;
        let eager = [connect(version, &stranger, |_| {}), PINGREQ.to_vec()].concat();
        wire.say(&eager).await;
        assert_eq!(wire.connack().await, ReasonCode::NOT_AUTHORIZED);
        assert!(wire.until_closed().await.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_takes_no_packet_as_large_as_its_connack_hears_why_if_that_fits() {
    let (open, _, lamp) = lamp().await;
    let too_large = [0x20, 3, 0, 0x95, 0];
    for (bytes_max, heard) in [(4, vec![]), (5, vec![too_large.to_vec()])] {
        let tight = connect(Version::V5, &lamp, |connect| {
            connect.properties.maximum_packet_size = NonZeroU32::new(bytes_max);
        });
        let mut wire = Wire::open(open.house.mqtt, Version::V5).await;
        wire.say(&tight).await;
        assert_eq!(wire.until_closed().await, heard, "{bytes_max}");
    }
}

#[tokio::test]
async fn v5_3_14_0_1_nothing_is_said_to_a_peer_that_does_not_connect() {
    let (open, ..) = lamp().await;
    for first in [&PINGREQ[..], &[0xE0, 0], &[0x10, 0x80, 0x80, 0x80, 0x80], &[0xF0, 0]] {
        let mut wire = Wire::open(open.house.mqtt, Version::V5).await;
        wire.say(first).await;
        assert!(wire.until_closed().await.is_empty(), "{first:02x?}");
    }
}

#[tokio::test]
async fn v5_4_12_0_1_and_4_an_unknown_authentication_method_is_refused() {
    let (open, _, lamp) = lamp().await;
    let mut wire = Wire::open(open.house.mqtt, Version::V5).await;
    let scram = |connect: &mut Connect<'_>| {
        connect.properties.authentication_method = Some("SCRAM-SHA-256");
    };
    wire.say(&connect(Version::V5, &lamp, scram)).await;
    assert_eq!(wire.connack().await, ReasonCode::BAD_AUTHENTICATION_METHOD);
    assert!(wire.until_closed().await.is_empty());
}

#[tokio::test]
async fn v5_4_12_0_7_an_auth_without_a_method_ends_the_connection() {
    let (open, _, lamp) = lamp().await;
    let mut wire = connected(&open, Version::V5, &lamp).await;
    wire.say(&[0xF0, 0]).await;
    let disconnect = [0xE0, 1, ReasonCode::PROTOCOL_ERROR.byte()];
    assert_eq!(wire.until_closed().await, [disconnect]);
}

#[tokio::test]
async fn v311_4_8_0_1_v5_4_13_1_1_v5_4_13_2_1_a_broken_rule_ends_the_connection() {
    let (open, _, lamp) = lamp().await;
    let broken: [(&[u8], ReasonCode); 4] = [
        (&[0x36, 4, 0, 1, b't', 0], ReasonCode::MALFORMED_PACKET),
        (&[0x60, 2, 0, 1], ReasonCode::MALFORMED_PACKET),
        (&[0xD0, 0], ReasonCode::PROTOCOL_ERROR),
        (&[0x00, 0], ReasonCode::PROTOCOL_ERROR),
    ];
    for (packet, reason) in broken {
        let mut wire = connected(&open, Version::V311, &lamp).await;
        wire.say(packet).await;
        assert!(wire.until_closed().await.is_empty(), "{packet:02x?}");
        let mut wire = connected(&open, Version::V5, &lamp).await;
        wire.say(packet).await;
        assert_eq!(wire.until_closed().await, [[0xE0, 1, reason.byte()]], "{packet:02x?}");
    }
}

#[tokio::test]
async fn v5_3_2_2_15_a_packet_beyond_the_servers_maximum_ends_the_connection() {
    let (open, _, lamp) = lamp().await;
    let mut wire = connected(&open, Version::V5, &lamp).await;
    wire.say(&[0x30, 0x80, 0x80, 0x10]).await;
    let disconnect = [0xE0, 1, ReasonCode::PACKET_TOO_LARGE.byte()];
    assert_eq!(wire.until_closed().await, [disconnect]);
}

#[tokio::test]
async fn v5_3_14_4_1_and_2_the_last_word_of_the_server_is_disconnect() {
    let (open, _, lamp) = lamp().await;
    let mut wire = connected(&open, Version::V5, &lamp).await;
    // What follows the fault would be answered if it were read.
    wire.say(&[[0xD0, 0], PINGREQ, PINGREQ].concat()).await;
    let heard = wire.until_closed().await;
    assert_eq!(heard.len(), 1, "{heard:02x?}");
}

#[tokio::test]
async fn v311_3_1_2_24_v5_3_1_2_22_a_client_that_falls_silent_is_closed_after_its_keep_alive() {
    let (open, _, lamp) = lamp().await;
    for version in BOTH {
        let mut wire = Wire::open(open.house.mqtt, version).await;
        wire.say(&connect(version, &lamp, |connect| connect.keep_alive_s = 1)).await;
        assert_eq!(wire.connack().await, ReasonCode::SUCCESS);
        wire.until_closed().await;
    }
}

#[tokio::test]
async fn mqtt_7_0_0_2_mqtt_7_1_1_1_an_ordinary_client_is_served_over_a_stream_of_bytes() {
    let (_open, bob, lamp) = lamp().await;
    let mut link = lamp.connect().await;
    link.report(json!({"on": true})).await;
    bob.sees(&lamp, |seen| seen["reported"]["on"] == true).await;
}

#[tokio::test]
async fn mqtt_3_1_3_6_v5_3_1_3_7_v5_3_2_2_16_a_client_without_identifier_gets_a_new_one() {
    let open = Open::with(&[("MQTT__ANONYMOUS_USER", "bob")]).await;
    open.person("bob").await;
    let mut wires = Vec::new();
    let mut assigned = BTreeSet::new();
    for version in [Version::V311, Version::V311, Version::V5, Version::V5] {
        let mut wire = Wire::open(open.house.mqtt, version).await;
        let nameless = Connect::new(version, "", 30);
        wire.say(&bytes(version, &Packet::Connect(Box::new(nameless)))).await;
        let frame = wire.hear().await.unwrap();
        let Packet::Connack(connack) = decode(version, &frame).unwrap() else {
            panic!("the first packet is {frame:02x?}");
        };
        assert_eq!(connack.reason, ReasonCode::SUCCESS);
        assigned.extend(connack.properties.assigned_client_id.map(str::to_owned));
        wires.push(wire);
    }
    assert_eq!(assigned.len(), 2, "each client of MQTT 5 is told its own: {assigned:?}");
    for mut wire in wires {
        wire.say(&PINGREQ).await;
        assert_eq!(wire.hear().await.unwrap(), PINGRESP, "nobody took another's place");
    }
}

#[tokio::test]
async fn a_devices_will_is_said_after_a_disconnect_that_asks_for_it() {
    let (open, bob, lamp) = lamp().await;
    let topic = format!("devices/{}/state", lamp.id);
    let will = Will { topic: &topic, payload: br#"{"on":true}"#, ..Will::default() };
    let mut wire = Wire::open(open.house.mqtt, Version::V5).await;
    let username = lamp.id.to_string();
    let mut connect = Connect::new(Version::V5, "wire", 30);
    connect.username = Some(&username);
    connect.password = Some(lamp.secret.as_bytes());
    connect.will = Some(will);
    wire.say(&bytes(Version::V5, &Packet::Connect(Box::new(connect)))).await;
    assert_eq!(wire.connack().await, ReasonCode::SUCCESS);
    wire.say(&[0xE0, 1, ReasonCode::DISCONNECT_WITH_WILL.byte()]).await;
    bob.sees(&lamp, |seen| seen["reported"]["on"] == true).await;
}

/// Packets that come a byte at a time, as from the worst of modems.
#[tokio::test]
async fn a_slow_drip_is_served_like_a_flood() {
    let (open, bob, lamp) = lamp().await;
    for (version, on) in BOTH.into_iter().zip([true, false]) {
        let topic = format!("devices/{}/state", lamp.id);
        let state = json!({"on": on}).to_string();
        let publish = Publish {
            qos: QoS::AtLeastOnce,
            topic: &topic,
            packet_id: std::num::NonZeroU16::new(7),
            payload: state.as_bytes(),
            ..Publish::default()
        };
        let drip = [
            connect(version, &lamp, |_| {}),
            subscribe(version, &format!("devices/{}/set", lamp.id)),
            bytes(version, &Packet::Publish(publish)),
            PINGREQ.to_vec(),
        ];
        let mut wire = Wire::open(open.house.mqtt, version).await;
        for byte in drip.concat() {
            wire.say(&[byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(wire.connack().await, ReasonCode::SUCCESS);
        let mut answers = Vec::new();
        while answers.len() < 3 {
            answers.push(wire.hear().await.unwrap()[0]);
        }
        answers.sort_unstable();
        assert_eq!(answers, [0x40, 0x90, 0xD0], "PUBACK, SUBACK, PINGRESP");
        bob.sees(&lamp, |seen| seen["reported"]["on"] == on).await;
    }
}

/// A client that says what only servers say, and comes back under the same name.
#[tokio::test]
async fn a_client_that_poses_as_a_server_takes_nobody_with_it() {
    let (open, bob, lamp) = lamp().await;
    let other = bob.add("light", "other").await;
    let mut bystander = other.connect().await;
    for server_only in [[0x20, 2, 0, 0], [0x90, 2, 0, 1], [0xB0, 2, 0, 1]] {
        let mut wire = connected(&open, Version::V5, &lamp).await;
        wire.say(&server_only).await;
        let disconnect = [0xE0, 1, ReasonCode::PROTOCOL_ERROR.byte()];
        assert_eq!(wire.until_closed().await, [disconnect]);
    }
    connected(&open, Version::V5, &lamp).await;
    bystander.report(json!({"on": true})).await;
}

#[tokio::test]
async fn a_packet_of_many_kib_that_comes_in_two_parts_is_whole() {
    let (open, bob, lamp) = lamp().await;
    let topic = format!("devices/{}/state", lamp.id);
    let mut state = json!({"on": true}).to_string();
    state.push_str(&" ".repeat(40_000));
    let publish = Publish {
        qos: QoS::AtLeastOnce,
        topic: &topic,
        packet_id: std::num::NonZeroU16::new(7),
        payload: state.as_bytes(),
        ..Publish::default()
    };
    let packet = bytes(Version::V311, &Packet::Publish(publish));
    let mut wire = connected(&open, Version::V311, &lamp).await;
    let (one, two) = packet.split_at(9_000);
    wire.say(one).await;
    // The answer to nothing: a round trip that the server makes with half a packet in hand.
    bob.see(&lamp).await;
    wire.say(two).await;
    assert_eq!(wire.hear().await.unwrap(), [0x40, 2, 0, 7]);
    bob.sees(&lamp, |seen| seen["reported"]["on"] == true).await;
}
