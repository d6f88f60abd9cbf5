use proptest::prelude::*;

use super::generate::versioned;
use crate::codec::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_written_is_read_again((version, packet) in versioned()) {
        let mut out = vec![0xAA];
        encode(version, &packet, &mut out).unwrap();
        let frame = &out[1..];
        prop_assert_eq!(frame_len(frame, PACKET_BYTES_MAX), Ok(Some(frame.len())));
        let found = decode(version, frame);
        prop_assert_eq!(found.as_ref(), Ok(&packet));
        if let Packet::Connect(connect) = &packet {
            prop_assert_eq!(decode_connect(frame), Ok(**connect));
        }
    }

    #[test]
    fn every_cut_of_a_frame_waits_or_is_refused((version, packet) in versioned()) {
        let mut out = Vec::new();
        encode(version, &packet, &mut out).unwrap();
        for cut in 0..out.len().min(300) {
            let part = &out[..cut];
            let length = frame_len(part, PACKET_BYTES_MAX).unwrap();
            prop_assert!(length.is_none_or(|length| length == out.len()));
            prop_assert!(decode(version, part).is_err());
        }
    }

    #[test]
    fn a_packet_is_written_whole_or_not_at_all((version, packet) in versioned()) {
        let mut whole = Vec::new();
        encode(version, &packet, &mut whole).unwrap();
        let length = u32::try_from(whole.len()).unwrap();
        let encoder = Encoder::new(version);
        let mut out = Vec::new();
        encoder.with_packet_bytes_max(length).packet(&packet, &mut out).unwrap();
        prop_assert_eq!(&out, &whole);
        let limit = length - 1;
        let refused = encoder.with_packet_bytes_max(limit).packet(&packet, &mut out);
        prop_assert_eq!(refused, Err(EncodeError::PacketTooLarge { length, limit }));
        prop_assert_eq!(&out, &whole, "a refused packet leaves no trace");
    }
}

fn written(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    encode(version, packet, &mut out).map(|()| out)
}

#[test]
fn a_string_of_65_535_bytes_is_the_longest() {
    let topic = "t".repeat(65_536);
    let publish = |topic| Packet::Publish(Publish { topic, ..Publish::default() });
    let longest = written(&publish(&topic[1..]), Version::V311).unwrap();
    assert!(decode(Version::V311, &longest).is_ok());
    let refused = written(&publish(&topic), Version::V311);
    assert_eq!(refused, Err(EncodeError::FieldTooLong));
}

#[test]
fn a_message_above_qos_0_needs_a_packet_id() {
    let publish = Publish { topic: "t", qos: QoS::AtLeastOnce, ..Publish::default() };
    let refused = written(&Packet::Publish(publish), Version::V5);
    assert_eq!(refused, Err(EncodeError::PacketIdMissing));
}

#[test]
fn what_a_version_does_not_know_is_left_out() {
    let one = std::num::NonZeroU16::MIN;
    let ack = Packet::Puback(Ack::new(one, ReasonCode::NOT_AUTHORIZED));
    assert_eq!(written(&ack, Version::V311), Ok(vec![0x40, 2, 0, 1]));
    assert_eq!(written(&ack, Version::V5), Ok(vec![0x40, 3, 0, 1, 0x87]));

    let codes = [ReasonCode::TOPIC_FILTER_INVALID];
    let suback = Packet::Suback(Suback::new(one, ReasonCodes::new(&codes)));
    assert_eq!(written(&suback, Version::V311), Ok(vec![0x90, 3, 0, 1, 0x80]));

    let disconnect = Packet::Disconnect(Disconnect::new(ReasonCode::SERVER_BUSY));
    assert_eq!(written(&disconnect, Version::V311), Ok(vec![0xE0, 0]));

    let auth = Packet::Auth(Auth::new(ReasonCode::SUCCESS));
    assert_eq!(written(&auth, Version::V311), Err(EncodeError::NotInThisVersion));
}

#[test]
fn the_direct_writers_say_the_same_as_their_packets() {
    let id = std::num::NonZeroU16::MIN;
    let encoder = Encoder::new(Version::V5);
    let mut out = Vec::new();
    encoder.puback(id, ReasonCode::SUCCESS, &mut out).unwrap();
    encoder.pubrec(id, ReasonCode::QUOTA_EXCEEDED, &mut out).unwrap();
    encoder.pubrel(id, ReasonCode::SUCCESS, &mut out).unwrap();
    encoder.pubcomp(id, ReasonCode::PACKET_IDENTIFIER_NOT_FOUND, &mut out).unwrap();
    encoder.pingresp(&mut out);
    let expected = super::bytes("40020001 5003000197 62020001 7003000192 D000");
    assert_eq!(out, expected);
}

#[test]
fn properties_may_need_a_longer_length_than_one_byte() {
    let value = "v".repeat(20_000);
    let pairs = [("name", value.as_str())];
    let message =
        MessageProperties { user_properties: UserProperties::new(&pairs), ..Default::default() };
    let properties = PublishProperties { message, ..Default::default() };
    let publish = Packet::Publish(Publish { topic: "t", properties, ..Publish::default() });
    let frame = written(&publish, Version::V5).unwrap();
    assert_eq!(decode(Version::V5, &frame), Ok(publish));
}
