use super::*;
use crate::codec::{PACKET_BYTES_MAX, PacketType, frame_len};

#[test]
fn a_frame_is_as_long_as_its_header_says() {
    assert_eq!(frame_len(&bytes("C0 00"), 100), Ok(Some(2)));
    assert_eq!(frame_len(&bytes("30 7F"), 1_000), Ok(Some(129)));
    assert_eq!(frame_len(&bytes("30 80 01"), 1_000), Ok(Some(131)));
    assert_eq!(frame_len(&bytes("30 FF FF FF 7F"), PACKET_BYTES_MAX), Ok(Some(268_435_460)));
}

#[test]
fn a_header_that_is_not_whole_waits() {
    for part in ["", "30", "30 80", "30 80 80", "30 FF FF FF"] {
        assert_eq!(frame_len(&bytes(part), PACKET_BYTES_MAX), Ok(None), "{part}");
    }
}

#[test]
fn a_length_of_five_bytes_is_malformed() {
    let found = frame_len(&bytes("30 FF FF FF FF"), PACKET_BYTES_MAX);
    assert_eq!(found, Err(DecodeError::VariableByteInteger));
}

#[test]
fn v5_1_5_5_1_a_length_in_a_longer_form_than_needed_is_malformed() {
    for long in ["C0 80 00", "30 FF 00", "30 80 80 00", "30 81 80 80 00"] {
        let found = frame_len(&bytes(long), PACKET_BYTES_MAX);
        assert_eq!(found, Err(DecodeError::VariableByteInteger), "{long}");
    }
}

#[test]
fn a_packet_beyond_the_limit_is_refused_as_soon_as_its_length_is_known() {
    let header = bytes("30 FF FF 7F");
    let length = 2_097_151 + 4;
    assert_eq!(frame_len(&header, length), Ok(Some(length as usize)));
    let limit = length - 1;
    let error = DecodeError::PacketTooLarge { length, limit };
    assert_eq!(frame_len(&header, limit), Err(error));
    assert_eq!(error.reason().byte(), 0x95);
}

#[test]
fn a_frame_must_be_whole_and_alone() {
    assert_eq!(decode(Version::V5, &[]), Err(DecodeError::Truncated));
    assert_eq!(decode(Version::V5, &bytes("C0")), Err(DecodeError::Truncated));
    assert_eq!(decode(Version::V5, &bytes("C0 01")), Err(DecodeError::Truncated));
    assert_eq!(decode(Version::V5, &bytes("C0 00 00")), Err(DecodeError::TrailingBytes));
}

#[test]
fn packet_type_0_does_not_exist_and_15_only_in_mqtt_5() {
    refused(&ALL, 0x00, "", DecodeError::PacketType(0));
    refused(&MQTT3, 0xF0, "", DecodeError::PacketType(15));
    taken(&[Version::V5], 0xF0, "");
}

#[test]
fn v311_2_2_2_1_and_2_v5_2_1_3_1_header_flags_are_those_of_the_type() {
    let strict = [Version::V311, Version::V5];
    for packet_type in 2..=15_u8 {
        let Some(right) = PacketType::of_first_byte(packet_type << 4).map(PacketType::first_byte)
        else {
            panic!("type {packet_type} is missing");
        };
        for flags in 0..16 {
            let first = (packet_type << 4) | flags;
            if packet_type == 3 || first == right {
                continue;
            }
            for version in strict {
                let found = decode(version, &frame(first, "0001")).map(|_| ());
                let too_new = packet_type == 15 && version == Version::V311;
                let error =
                    if too_new { DecodeError::PacketType(15) } else { DecodeError::HeaderFlags };
                assert_eq!(found, Err(error), "{version:?} {first:02x}");
            }
        }
    }
}

#[test]
fn mqtt_3_1_clients_may_use_header_flags_as_they_did() {
    taken(&[Version::V31], 0x8A, "0001 0001'a' 00");
    taken(&[Version::V31], 0x68, "0001");
}

#[test]
fn pings_are_empty() {
    for first in [0xC0, 0xD0] {
        taken(&ALL, first, "");
        refused(&ALL, first, "00", DecodeError::TrailingBytes);
    }
}
