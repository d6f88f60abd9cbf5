use std::num::NonZeroU16;

use super::*;
use crate::codec::*;

/// The header flags of a packet type are these and no others.
#[track_caller]
fn flags_are(first: u8, body: &str, versions: &[Version]) {
    taken(versions, first, body);
    for flags in (0..16).filter(|flags| *flags != first & 0x0F) {
        refused(versions, (first & 0xF0) | flags, body, DecodeError::HeaderFlags);
    }
}

const STRICT: [Version; 2] = [Version::V311, Version::V5];

#[test]
fn mqtt_3_6_1_1_a_pubrel_has_its_flags() {
    flags_are(0x62, "0001", &STRICT);
}

#[test]
fn mqtt_3_8_1_1_a_subscribe_has_its_flags() {
    flags_are(0x82, "0001 0001'a' 00", &[Version::V311]);
    flags_are(0x82, "0001 00 0001'a' 00", &[Version::V5]);
}

#[test]
fn mqtt_3_10_1_1_an_unsubscribe_has_its_flags() {
    flags_are(0xA2, "0001 0001'a'", &[Version::V311]);
    flags_are(0xA2, "0001 00 0001'a'", &[Version::V5]);
}

#[test]
fn mqtt_3_14_1_1_a_disconnect_has_its_flags() {
    flags_are(0xE0, "", &STRICT);
    assert_eq!(DecodeError::HeaderFlags.reason(), ReasonCode::MALFORMED_PACKET);
}

#[test]
fn v5_3_15_1_1_an_auth_has_its_flags() {
    flags_are(0xF0, "", &[Version::V5]);
}

#[test]
fn v311_2_3_1_1_v5_2_2_1_3_requests_carry_an_identifier_that_is_not_0() {
    for first in [0x32, 0x34] {
        taken(&ALL, first, "0001't' 0001 00");
        refused(&ALL, first, "0001't' 0000 00", DecodeError::PacketId);
    }
    for (first, body) in [(0x82, "0001'a' 00"), (0xA2, "0001'a'")] {
        taken(&MQTT3, first, &format!("0001 {body}"));
        refused(&MQTT3, first, &format!("0000 {body}"), DecodeError::PacketId);
        taken(&[Version::V5], first, &format!("0001 00 {body}"));
        refused(&[Version::V5], first, &format!("0000 00 {body}"), DecodeError::PacketId);
    }
}

#[test]
fn v311_2_3_1_5_v5_2_2_1_2_a_qos_0_message_has_no_identifier() {
    let identifier = NonZeroU16::new(0x4142);
    for version in ALL {
        let publish = Publish { topic: "t", packet_id: identifier, ..Publish::default() };
        let mut out = Vec::new();
        encode(version, &Packet::Publish(publish), &mut out).unwrap();
        let read = decoded(version, &out, |packet| {
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            (publish.packet_id, publish.payload.to_vec())
        });
        assert_eq!(read, (None, Vec::new()), "{version:?}");
    }
}

#[test]
fn v5_2_2_2_1_no_properties_are_a_length_of_zero() {
    let one = NonZeroU16::MIN;
    let codes = [ReasonCode::SUCCESS];
    let codes = ReasonCodes::new(&codes);
    let bare = [
        (Packet::Connack(Connack::new(false, ReasonCode::SUCCESS)), "20 03 00 00 00"),
        (Packet::Publish(Publish { topic: "t", ..Publish::default() }), "30 04 0001't' 00"),
        (Packet::Suback(Suback::new(one, codes)), "90 04 0001 00 00"),
        (Packet::Unsuback(Unsuback::new(one, codes)), "B0 04 0001 00 00"),
    ];
    for (packet, expected) in bare {
        let mut out = Vec::new();
        encode(Version::V5, &packet, &mut out).unwrap();
        assert_eq!(out, bytes(expected));
    }
    for (first, without) in [(0x20, "00 00"), (0x30, "0001't'"), (0x90, "0001"), (0x82, "0001")] {
        refused(&[Version::V5], first, without, DecodeError::Truncated);
    }
}
