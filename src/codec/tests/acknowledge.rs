use super::*;
use crate::codec::ReasonCode;

/// First bytes of PUBACK, PUBREC, PUBREL, PUBCOMP.
const FIRST: [u8; 4] = [0x40, 0x50, 0x62, 0x70];

#[test]
fn an_acknowledgement_names_a_packet() {
    for first in FIRST {
        taken(&ALL, first, "0001");
        refused(&ALL, first, "0000", DecodeError::PacketId);
        refused(&ALL, first, "01", DecodeError::Truncated);
        refused(&ALL, first, "", DecodeError::Truncated);
    }
}

#[test]
fn an_acknowledgement_before_mqtt_5_says_nothing_else() {
    for first in FIRST {
        refused(&MQTT3, first, "0001 00", DecodeError::TrailingBytes);
    }
}

#[test]
fn an_acknowledgement_may_leave_out_success_and_an_empty_section() {
    for first in FIRST {
        for body in ["0001", "0001 00", "0001 00 00"] {
            taken(&[Version::V5], first, body);
        }
        refused(&[Version::V5], first, "0001 00 00 00", DecodeError::TrailingBytes);
        refused(&[Version::V5], first, "0001 00 01", DecodeError::Truncated);
    }
}

#[test]
fn v5_3_4_2_1_v5_3_5_2_1_v5_3_6_2_1_v5_3_7_2_1_acknowledgements_have_their_own_reasons() {
    let publishing = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    let releasing = [0x00, 0x92];
    for first in FIRST {
        let allowed = if first < 0x60 { &publishing[..] } else { &releasing[..] };
        for code in 0..=0xFF {
            let expected =
                if allowed.contains(&code) { Ok(()) } else { Err(DecodeError::ReasonCode(code)) };
            check(&[Version::V5], first, &format!("0001 {code:02x}"), expected);
        }
    }
}

#[test]
fn a_disconnect_before_mqtt_5_is_empty() {
    taken(&MQTT3, 0xE0, "");
    refused(&MQTT3, 0xE0, "00", DecodeError::TrailingBytes);
}

#[test]
fn v5_3_14_2_1_a_disconnect_has_its_own_reasons() {
    let reason = |body: &str| {
        decoded(Version::V5, &frame(0xE0, body), |packet| {
            let Packet::Disconnect(disconnect) = packet else { panic!("{packet:?}") };
            disconnect.reason
        })
    };
    assert_eq!(reason(""), ReasonCode::SUCCESS);
    assert_eq!(reason("04"), ReasonCode::DISCONNECT_WITH_WILL);
    assert_eq!(reason("8E 00"), ReasonCode::SESSION_TAKEN_OVER);
    for code in [0x01, 0x05, 0x86, 0x8A, 0x91, 0xA3, 0xFF] {
        let body = format!("{code:02x}");
        refused(&[Version::V5], 0xE0, &body, DecodeError::ReasonCode(code));
    }
    refused(&[Version::V5], 0xE0, "00 00 00", DecodeError::TrailingBytes);
}

#[test]
fn an_auth_names_its_method() {
    taken(&[Version::V5], 0xF0, "");
    taken(&[Version::V5], 0xF0, "18 04 15 0001'm'");
    let error = DecodeError::AuthenticationMethodMissing;
    refused(&[Version::V5], 0xF0, "18 00", error);
    refused(&[Version::V5], 0xF0, "18 04 16 0001'd'", error);
    refused(&[Version::V5], 0xF0, "18", DecodeError::Truncated);
    refused(&[Version::V5], 0xF0, "01 00", DecodeError::ReasonCode(1));
}

#[test]
fn every_reason_has_a_name() {
    for packet_type in [2, 4, 5, 6, 7, 9, 11, 14, 15_u8] {
        let of = crate::codec::PacketType::of_first_byte(packet_type << 4).unwrap();
        for byte in 0..=0xFF {
            if let Some(code) = ReasonCode::of_packet(of, byte) {
                assert!(!code.name().is_empty(), "{byte:02x}");
                assert_eq!(code.byte(), byte);
            }
        }
    }
}
