use super::*;
use crate::codec::{Connect, ConnectReturnCode, Limits, QoS, ReasonCode};

/// The CONNECT that `flags` and `payload` make in MQTT 3.1.1, and in MQTT 5 without properties.
fn both(flags: u8, payload: &str) -> [String; 2] {
    let v311 = format!("0004'MQTT'04 {flags:02x} 003C {payload}");
    [v311, format!("0004'MQTT'05 {flags:02x} 003C 00 {payload}")]
}

#[track_caller]
fn both_are(flags: u8, payload: &str, expected: Result<(), DecodeError>) {
    for body in both(flags, payload) {
        connect_is(&body, expected);
    }
}

fn read<T>(body: &str, read: impl Fn(&Connect<'_>) -> T) -> T {
    read(&decode_connect(&frame(0x10, body)).unwrap())
}

#[test]
fn mqtt_3_1_0_2_a_second_connect_is_a_protocol_error() {
    for body in both(0x02, "0001'a'") {
        for version in ALL {
            let second = frame(0x10, &body);
            let found = Limits::default().decode(version, &second).map(|_| ());
            let error = DecodeError::UnexpectedPacket(1);
            assert_eq!(found, Err(error));
            assert_eq!(error.reason(), ReasonCode::PROTOCOL_ERROR);
        }
    }
}

#[test]
fn mqtt_3_1_2_9_a_will_has_topic_message_qos_and_retain() {
    let v311 = "0004'MQTT'04 36 003C 0001'a' 0001't' 0002'by'";
    read(v311, |connect| {
        let will = connect.will.unwrap();
        assert_eq!((will.topic, will.payload), ("t", "by".as_bytes()));
        assert_eq!((will.qos, will.retain), (QoS::ExactlyOnce, true));
    });
    connect_is("0004'MQTT'05 06 003C 00 0001'a' 00 0001't' 0000", Ok(()));
    both_are(0x06, "0001'a'", Err(DecodeError::Truncated));
    connect_is("0004'MQTT'04 06 003C 0001'a' 0001't'", Err(DecodeError::Truncated));
    connect_is("0004'MQTT'05 06 003C 00 0001'a' 00 0001't'", Err(DecodeError::Truncated));
}

#[test]
fn v311_3_1_2_18_and_20_v5_3_1_2_16_and_18_what_no_flag_announces_must_not_follow() {
    both_are(0x02, "0001'a'", Ok(()));
    both_are(0x02, "0001'a' 0001'u'", Err(DecodeError::TrailingBytes));
    both_are(0x82, "0001'a' 0001'u' 0001'p'", Err(DecodeError::TrailingBytes));
}

#[test]
fn v311_3_1_2_19_and_21_v5_3_1_2_17_and_19_what_a_flag_announces_must_follow() {
    both_are(0xC2, "0001'a' 0001'u' 0001'p'", Ok(()));
    both_are(0x82, "0001'a'", Err(DecodeError::Truncated));
    both_are(0xC2, "0001'a' 0001'u'", Err(DecodeError::Truncated));
}

#[test]
fn mqtt_3_1_3_1_fields_have_their_order() {
    let in_order = "0004'MQTT'04 C6 003C 0001'c' 0001't' 0001'm' 0001'u' 0001'p'";
    read(in_order, |connect| {
        let will = connect.will.unwrap();
        let fields = [will.payload, connect.password.unwrap()];
        assert_eq!([connect.client_id, will.topic, connect.username.unwrap()], ["c", "t", "u"]);
        assert_eq!(fields, ["m".as_bytes(), "p".as_bytes()]);
    });
}

#[test]
fn mqtt_3_1_3_3_a_client_identifier_is_present_and_first() {
    both_are(0x02, "", Err(DecodeError::Truncated));
    for body in both(0x82, "0002'id' 0001'u'") {
        assert_eq!(read(&body, |connect| connect.client_id.to_owned()), "id");
    }
}

#[test]
fn mqtt_3_1_3_5_identifiers_of_23_letters_and_digits_are_taken() {
    let letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for length in 1..=23 {
        for start in [0, 20, letters.len() - length] {
            let id = &letters[start..start + length];
            for body in both(0x02, &format!("{length:04x}'{id}'")) {
                let fits = read(&body, |connect| Limits::default().connect(connect));
                assert_eq!(fits, Ok(()), "{id}");
            }
        }
    }
}

#[test]
fn v311_3_1_3_9_v5_3_1_3_8_a_rejected_identifier_is_answered_with_its_code() {
    let error = DecodeError::ClientId;
    for body in both(0x02, &format!("0101'{}'", "c".repeat(257))) {
        assert_eq!(read(&body, |connect| Limits::default().connect(connect)), Err(error));
    }
    assert_eq!(error.connect_return_code(), Some(ConnectReturnCode::IdentifierRejected));
    assert_eq!(error.reason(), ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
}

#[test]
fn mqtt_3_1_4_1_a_connect_that_breaks_a_rule_is_refused() {
    let whole = bytes("0004'MQTT'04 C6 003C 0001'c' 0001't' 0001'm' 0001'u' 0001'p'");
    for cut in 0..whole.len() {
        let mut packet = vec![0x10, u8::try_from(cut).unwrap()];
        packet.extend_from_slice(&whole[..cut]);
        let error = decode_connect(&packet).map(|_| ()).unwrap_err();
        assert_eq!(error, DecodeError::Truncated, "{cut}");
        assert_eq!(error.connect_return_code(), None, "closed without CONNACK");
    }
}
