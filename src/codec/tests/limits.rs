use super::*;
use crate::codec::{Limits, PACKET_BYTES_MAX, Publish, ReasonCode, frame_len};

fn limited(version: Version, first: u8, body: &str) -> Result<(), DecodeError> {
    Limits::default().decode(version, &frame(first, body)).map(|_| ())
}

fn publish(topic: &str) -> Result<(), DecodeError> {
    Limits::default().publish(&Publish { topic, ..Publish::default() })
}

#[test]
fn what_only_servers_send_is_refused_unread() {
    for (packet_type, first) in [(2, 0x20), (9, 0x90), (11, 0xB0), (13, 0xD0), (1, 0x10)] {
        for body in ["", "0001 00", "garbage"] {
            let error = DecodeError::UnexpectedPacket(packet_type);
            assert_eq!(limited(Version::V5, first, body), Err(error));
            assert_eq!(limited(Version::V311, first, body), Err(error));
            assert_eq!(error.reason(), ReasonCode::PROTOCOL_ERROR);
        }
    }
}

#[test]
fn a_topic_has_at_most_1_024_bytes_and_16_levels() {
    assert_eq!(publish(&"x".repeat(1_024)), Ok(()));
    assert_eq!(publish(&"x".repeat(1_025)), Err(DecodeError::TopicTooLong));
    assert_eq!(publish(&"/".repeat(15)), Ok(()));
    assert_eq!(publish(&"/".repeat(16)), Err(DecodeError::TopicTooLong));
    assert_eq!(DecodeError::TopicTooLong.reason(), ReasonCode::TOPIC_NAME_INVALID);
}

#[test]
fn a_response_topic_has_the_limits_of_a_topic() {
    let body = "0001't' 14 08 0011 '////////////////x'";
    assert_eq!(limited(Version::V5, 0x30, body), Err(DecodeError::TopicTooLong));
}

#[test]
fn sixty_five_thousand_slashes_are_refused_quickly() {
    let mut packet = vec![0x30, 0x81, 0x80, 0x04, 0xFF, 0xFF];
    packet.resize(6 + 65_535, b'/');
    assert_eq!(frame_len(&packet, PACKET_BYTES_MAX), Ok(Some(packet.len())));
    let found = Limits::default().decode(Version::V311, &packet).map(|_| ());
    assert_eq!(found, Err(DecodeError::TopicTooLong));
}

#[test]
fn a_filter_beyond_the_limits_is_for_suback_to_refuse() {
    let limits = Limits::default();
    assert!(limits.takes_filter(&format!("{}#", "+/".repeat(15))));
    assert!(!limits.takes_filter(&format!("{}#", "+/".repeat(16))));
    assert!(limits.takes_filter(&format!("$share/group/{}#", "+/".repeat(15))));
    assert!(!limits.takes_filter(&"x".repeat(1_025)));
}

#[test]
fn a_subscribe_has_at_most_16_filters() {
    let entries = |count: usize| format!("0001 {}", "0001'a' 00".repeat(count));
    assert_eq!(limited(Version::V311, 0x82, &entries(16)), Ok(()));
    let error = DecodeError::TooManyFilters;
    assert_eq!(limited(Version::V311, 0x82, &entries(17)), Err(error));
    assert_eq!(error.reason(), ReasonCode::QUOTA_EXCEEDED);
}

#[test]
fn a_packet_has_at_most_32_user_properties_of_8_kib() {
    let pairs = |count: usize| {
        let section = "26 0001'k' 0000".repeat(count);
        let length = bytes(&section).len();
        let (low, high) = (length % 128 + 128, length / 128);
        format!("0001't' {low:02x} {high:02x} {section}")
    };
    assert_eq!(limited(Version::V5, 0x30, &pairs(32)), Ok(()));
    assert_eq!(limited(Version::V5, 0x30, &pairs(33)), Err(DecodeError::UserProperties));
    let large = format!("0001't' 87 40 26 0001'k' 2001 '{}'", "v".repeat(8_193));
    assert_eq!(limited(Version::V5, 0x30, &large), Err(DecodeError::UserProperties));
}

#[test]
fn a_client_id_has_at_most_256_bytes() {
    let connect = |bytes: usize| {
        let body = format!("0004'MQTT'04 02 003C {bytes:04x} '{}'", "c".repeat(bytes));
        let frame = frame(0x10, &body);
        Limits::default().connect(&decode_connect(&frame).unwrap())
    };
    assert_eq!(connect(256), Ok(()));
    assert_eq!(connect(257), Err(DecodeError::ClientId));
}

#[test]
fn v5_3_2_2_17_v5_3_3_2_9_and_12_every_alias_up_to_the_maximum_is_taken() {
    assert_eq!(limited(Version::V5, 0x30, "0001't' 03 23 000A"), Ok(()));
    let error = DecodeError::TopicAlias;
    assert_eq!(limited(Version::V5, 0x30, "0001't' 03 23 000B"), Err(error));
}

#[test]
fn v5_3_3_4_6_a_client_sends_no_subscription_id_with_a_message() {
    let error = DecodeError::SubscriptionIdFromClient;
    assert_eq!(limited(Version::V5, 0x30, "0001't' 02 0B 01"), Err(error));
}

#[test]
fn a_client_disconnects_with_reasons_of_clients() {
    assert_eq!(limited(Version::V5, 0xE0, "04"), Ok(()));
    for code in [0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9D, 0xA2] {
        let error = DecodeError::ReasonCode(code);
        assert_eq!(limited(Version::V5, 0xE0, &format!("{code:02x}")), Err(error));
    }
    let error = DecodeError::PropertyNotAllowed(0x1C);
    assert_eq!(limited(Version::V5, 0xE0, "00 04 1C 0001's'"), Err(error));
}
