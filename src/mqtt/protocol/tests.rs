//! A device's link, byte by byte: what it answers, and every packet in every state.
use std::sync::LazyLock;

use bytes::Bytes;

use super::*;
use crate::codec::{DecodeError, Packet, decode};
use crate::kind::Kinds;

static LIGHT: LazyLock<Arc<Kind>> =
    LazyLock::new(|| Kinds::load([]).unwrap().get("light").unwrap().clone());

/// A link and what it has answered.
struct Wired {
    protocol: Protocol,
    out: Vec<u8>,
}

impl Wired {
    fn new(version: Version) -> Self {
        let kind = LIGHT.clone();
        let connect = Connect::new(version, "lamp", 60);
        let id = "7".parse().unwrap();
        let protocol = Protocol::new(id, kind, &connect, Arc::default()).unwrap();
        Self { protocol, out: Vec::new() }
    }

    fn take(&mut self, frame: &[u8]) -> Result<Said, Fatal> {
        self.protocol.take(frame, &mut self.out)
    }

    fn send(&mut self, message: ToLink) -> Option<u64> {
        self.protocol.send(message, &mut self.out).unwrap()
    }

    /// The first bytes of the packets answered since last asked, and their identifiers.
    fn answers(&mut self) -> Vec<(u8, u16)> {
        let out = std::mem::take(&mut self.out);
        let mut rest = &out[..];
        let mut found = Vec::new();
        while let Some(length) = crate::codec::frame_len(rest, u32::MAX).unwrap() {
            let (frame, later) = rest.split_at(length);
            decode(self.protocol.encoder.version(), frame).unwrap();
            found.push((
                frame[0],
                u16::from_be_bytes([
                    frame.get(2).copied().unwrap_or(0),
                    frame.get(3).copied().unwrap_or(0),
                ]),
            ));
            rest = later;
        }
        found
    }
}

const BOTH: [Version; 2] = [Version::V311, Version::V5];

fn bytes_of(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(version).packet(packet, &mut out).unwrap();
    out
}

fn publish(version: Version, topic: &str, qos: QoS, packet_id: u16) -> Vec<u8> {
    let packet_id = NonZeroU16::new(packet_id);
    let publish = Publish { topic, qos, packet_id, payload: b"{}", ..Publish::default() };
    bytes_of(version, &Packet::Publish(publish))
}

fn subscribe(version: Version, filters: &[&str]) -> Vec<u8> {
    let qos = QoS::ExactlyOnce;
    let entry = |filter| crate::codec::Subscription { filter, qos, ..Default::default() };
    let entries: Vec<_> = filters.iter().copied().map(entry).collect();
    let filters = crate::codec::SubscribeFilters::new(&entries);
    let packet_id = NonZeroU16::new(0x0102).unwrap();
    let user_properties = crate::codec::UserProperties::default();
    let subscribe = Subscribe { packet_id, subscription_id: None, user_properties, filters };
    bytes_of(version, &Packet::Subscribe(subscribe))
}

fn unsubscribe(version: Version, filters: &[&str]) -> Vec<u8> {
    let filters = crate::codec::TopicFilters::new(filters);
    let packet_id = NonZeroU16::new(0x0102).unwrap();
    let user_properties = crate::codec::UserProperties::default();
    bytes_of(version, &Packet::Unsubscribe(Unsubscribe { packet_id, user_properties, filters }))
}

/// Brings a fresh link into a state.
type Lead = fn(&mut Wired, Version);

/// Every state a link can be in, by what leads there.
const STATES: [(&str, Lead); 5] = [
    ("fresh", |_, _| {}),
    ("listening", |wired, version| {
        let said = wired.take(&subscribe(version, &["devices/7/set"]));
        assert_eq!(said, Ok(Said::Listens(true)));
    }),
    ("a set on its way", |wired, version| {
        wired.take(&subscribe(version, &["devices/7/set"])).unwrap();
        wired.send(ToLink::Set(Bytes::from_static(b"{}"), 1));
    }),
    ("a message half received", |wired, version| {
        wired.take(&publish(version, "devices/7/state", QoS::ExactlyOnce, 1)).unwrap();
    }),
    ("a message waiting for PUBREL", |wired, version| {
        wired.take(&publish(version, "devices/7/state", QoS::ExactlyOnce, 1)).unwrap();
        wired.send(ToLink::Handled(1 | EXACTLY_ONCE));
    }),
];

/// A link of each version in each state.
fn each_state(mut look: impl FnMut(&str, Version, Wired)) {
    for version in BOTH {
        for (state, lead) in STATES {
            let mut wired = Wired::new(version);
            lead(&mut wired, version);
            wired.out.clear();
            look(state, version, wired);
        }
    }
}

/// Bodies that packets of some type have, and some that no packet has.
const BODIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x00\x01",
    b"\x00\x01\x00",
    b"\x00\x01\x00\x00",
    b"\x00\x01\x00\x00\x01a\x00",
    b"\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x01a",
    b"\xFF\xFF\xFF\xFF\xFF\xFF",
];

/// What only servers send, a second CONNECT, and what a device has no use for.
const NEVER_WELCOME: [u8; 9] = [0, 1, 2, 5, 7, 9, 11, 13, 15];

#[test]
fn every_packet_in_every_state_is_taken_or_ends_the_link_with_a_reason() {
    for first in 0..=0xFF_u8 {
        let welcome = !NEVER_WELCOME.contains(&(first >> 4));
        for body in BODIES {
            let frame = [&[first, u8::try_from(body.len()).unwrap()], body].concat();
            each_state(|state, version, mut wired| {
                let said = wired.take(&frame);
                wired.answers();
                assert!(welcome || said.is_err(), "{state} {version:?} {frame:02x?}");
                if let Err(fatal) = said {
                    assert!(fatal.reason().is_error(), "{state} {version:?} {frame:02x?}");
                }
            });
        }
    }
}

#[test]
fn what_only_servers_send_is_a_protocol_error_in_every_state() {
    for first in [0x20, 0x90, 0xB0, 0xD0] {
        each_state(|state, _, mut wired| {
            let fatal = wired.take(&[first, 0]).unwrap_err();
            assert_eq!(fatal.reason(), ReasonCode::PROTOCOL_ERROR, "{state} {first:02x}");
        });
    }
}

#[test]
fn a_device_cannot_have_more_half_received_messages_than_announced() {
    let mut wired = Wired::new(Version::V5);
    let topic = "devices/7/state";
    for packet_id in 1..=20 {
        wired.take(&publish(Version::V5, topic, QoS::ExactlyOnce, packet_id)).unwrap();
        wired.send(ToLink::Handled(u32::from(packet_id) | EXACTLY_ONCE));
    }
    let one_more = wired.take(&publish(Version::V5, topic, QoS::ExactlyOnce, 21));
    assert_eq!(one_more, Err(Fatal::TooManyInFlight), "PUBREC does not end a message");
    assert_eq!(wired.take(&[0x62, 2, 0, 1]), Ok(Said::Nothing));
    assert!(wired.take(&publish(Version::V5, topic, QoS::ExactlyOnce, 21)).is_ok());
}

#[test]
fn a_device_before_mqtt_5_may_have_a_thousand_half_received_messages() {
    let mut wired = Wired::new(Version::V311);
    let topic = "devices/7/state";
    for packet_id in 1..=1_000 {
        wired.take(&publish(Version::V311, topic, QoS::ExactlyOnce, packet_id)).unwrap();
        wired.send(ToLink::Handled(u32::from(packet_id) | EXACTLY_ONCE));
    }
    let one_more = wired.take(&publish(Version::V311, topic, QoS::ExactlyOnce, 1_001));
    assert_eq!(one_more, Err(Fatal::TooManyInFlight));
}

#[test]
fn sixty_five_thousand_slashes_end_a_link_or_are_refused() {
    let slashes = format!("devices/7/{}", "/".repeat(65_000));
    for version in BOTH {
        let mut wired = Wired::new(version);
        let said = wired.take(&publish(version, &slashes, QoS::AtMostOnce, 0));
        assert_eq!(said, Err(Fatal::Packet(DecodeError::TopicTooLong)));
        let mut wired = Wired::new(version);
        assert_eq!(wired.take(&subscribe(version, &[&slashes])), Ok(Said::Nothing));
        assert!(matches!(wired.answers()[..], [(0x90, 0x0102)]));
    }
}

#[test]
fn a_topic_alias_stands_for_its_topic_once_it_was_given() {
    let aliased = |topic: &str| {
        let properties = crate::codec::PublishProperties {
            topic_alias: NonZeroU16::new(10),
            ..Default::default()
        };
        let publish = Publish { topic, properties, payload: b"{}", ..Publish::default() };
        bytes_of(Version::V5, &Packet::Publish(publish))
    };
    let mut wired = Wired::new(Version::V5);
    assert_eq!(wired.take(&aliased("")), Err(Fatal::UnknownAlias));
    let given = wired.take(&aliased("devices/7/state"));
    assert!(matches!(given, Ok(Said::Report(Report::State(..), None))), "{given:?}");
    assert_eq!(wired.take(&aliased("")), given);
}

#[test]
fn a_ping_is_answered_in_every_state() {
    each_state(|state, _, mut wired| {
        assert_eq!(wired.take(&[0xC0, 0]), Ok(Said::Nothing), "{state}");
        assert_eq!(wired.answers(), [(0xD0, 0)], "{state}");
    });
}

#[test]
fn what_is_subscribed_and_unsubscribed_is_answered_filter_by_filter() {
    let filters = ["devices/7/set", "devices/7/nothing", "devices/8/set"];
    let mut wired = Wired::new(Version::V5);
    wired.take(&subscribe(Version::V5, &filters)).unwrap();
    assert_eq!(wired.out, [0x90, 6, 0x01, 0x02, 0, 1, 1, 0x87]);
    wired.out.clear();
    wired.take(&unsubscribe(Version::V5, &filters)).unwrap();
    assert_eq!(wired.out, [0xB0, 6, 0x01, 0x02, 0, 0, 0x11, 0x11]);
}
