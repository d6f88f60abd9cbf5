//! Faults that other MQTT codecs have had, each named after what went wrong.
use std::num::NonZeroU16;

use super::*;
use crate::codec::{topic, *};

const V5: [Version; 1] = [Version::V5];

#[test]
fn a_bare_disconnect_of_mqtt_5_is_a_clean_goodbye() {
    let goodbye = decode(Version::V5, &[0xE0, 0]);
    assert_eq!(goodbye, Ok(Packet::Disconnect(Disconnect::new(ReasonCode::SUCCESS))));
}

#[test]
fn a_disconnect_of_one_byte_keeps_its_reason() {
    for byte in [0x04, 0x8E] {
        let reason = decoded(Version::V5, &[0xE0, 1, byte], |packet| {
            let Packet::Disconnect(disconnect) = packet else { panic!("{packet:?}") };
            disconnect.reason.byte()
        });
        assert_eq!(reason, byte);
    }
}

#[test]
fn an_auth_is_known() {
    assert!(matches!(decode(Version::V5, &[0xF0, 0]), Ok(Packet::Auth(_))));
}

#[test]
fn a_field_cut_off_in_a_whole_packet_is_a_fault_and_not_a_wait() {
    for (first, body) in [(0x82, "0001"), (0x30, "0005'a'"), (0xA2, "00"), (0x62, "00")] {
        refused(&V5, first, body, DecodeError::Truncated);
    }
}

#[test]
fn a_letter_of_two_bytes_before_a_slash_is_not_cut_in_half() {
    assert!(topic::matches("#", "é/x") && topic::matches("é/+", "é/x"));
    assert!(!topic::matches("+", "é/x") && !topic::matches("/x", "é/x"));
}

#[test]
fn a_topic_of_the_server_is_taken_by_a_filter_that_names_its_root() {
    assert!(topic::matches("$SYS/#", "$SYS/x") && !topic::matches("#", "$SYS/x"));
}

#[test]
fn every_refusal_of_a_connect_can_be_written() {
    let codes = (0..=0xFF).filter_map(|byte| ReasonCode::of_packet(PacketType::Connack, byte));
    for reason in codes {
        for version in ALL {
            let connack = Packet::Connack(Connack::new(false, reason));
            let mut out = Vec::new();
            encode(version, &connack, &mut out).unwrap();
            assert!(decode(version, &out).is_ok(), "{version:?} {reason}");
        }
    }
}

#[test]
fn a_text_of_65_540_bytes_does_not_become_one_of_4() {
    let long = "x".repeat(65_540);
    let one = NonZeroU16::MIN;
    let entries = [Subscription { filter: &long, ..Subscription::default() }];
    let pairs = [(long.as_str(), "")];
    let packets = [
        Packet::Publish(Publish { topic: &long, ..Publish::default() }),
        Packet::Connect(Box::new(Connect::new(Version::V5, &long, 0))),
        Packet::Puback(Ack { reason_string: Some(&long), ..Ack::new(one, ReasonCode::SUCCESS) }),
        Packet::Pubrel(Ack {
            user_properties: UserProperties::new(&pairs),
            ..Ack::new(one, ReasonCode::SUCCESS)
        }),
        Packet::Subscribe(Subscribe {
            packet_id: one,
            subscription_id: None,
            user_properties: UserProperties::default(),
            filters: SubscribeFilters::new(&entries),
        }),
    ];
    for packet in packets {
        let mut out = Vec::new();
        assert_eq!(encode(Version::V5, &packet, &mut out), Err(EncodeError::FieldTooLong));
        assert!(out.is_empty());
    }
}

#[test]
fn three_subscription_identifiers_stay_out_of_the_payload() {
    let message = frame(0x30, "0001't' 06 0B 01 0B 02 0B 03 'payload'");
    let publish = decode_publish(Version::V5, &message).unwrap();
    assert_eq!(publish.properties.subscription_ids.iter().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(publish.payload, b"payload");
}

#[test]
fn a_topic_alias_maximum_of_0_is_legal() {
    connect_is("0004'MQTT'05 02 003C 03 22 0000 0001'a'", Ok(()));
}

#[test]
fn a_message_expiry_of_0_is_legal() {
    taken(&V5, 0x30, "0001't' 05 02 00000000");
}

#[test]
fn a_password_that_is_not_text_and_an_empty_one_are_what_they_are() {
    let password =
        |body: &str| decode_connect(&frame(0x10, body)).unwrap().password.map(<[u8]>::to_vec);
    assert_eq!(password("0004'MQTT'04 C2 003C 0001'a' 0000 0002 FFFE"), Some(vec![0xFF, 0xFE]));
    assert_eq!(password("0004'MQTT'04 C2 003C 0001'a' 0000 0000"), Some(Vec::new()));
    assert_eq!(password("0004'MQTT'04 82 003C 0001'a' 0000"), None);
}
