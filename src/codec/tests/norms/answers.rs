use super::*;
use crate::codec::*;

#[test]
fn v311_3_2_2_6_what_no_return_code_fits_is_not_answered() {
    let unreadable =
        [DecodeError::ReservedBit, DecodeError::WillFlags, DecodeError::Utf8, DecodeError::QoS];
    for error in unreadable {
        assert_eq!(error.connect_return_code(), None, "{error}");
    }
}

#[test]
fn v311_3_2_2_4_v5_3_2_2_6_a_refusal_is_written_without_session_present() {
    for version in ALL {
        let connack =
            Connack { session_present: true, ..Connack::new(false, ReasonCode::NOT_AUTHORIZED) };
        let mut out = Vec::new();
        encode(version, &Packet::Connack(connack), &mut out).unwrap();
        assert_eq!(out[2], 0, "{version:?}");
    }
}

/// A packet that explains itself is written whole or not at all, so that the writer can leave the
/// explanation out.
#[track_caller]
fn is_never_larger_than_the_client_takes(bare: &Packet<'_>, explained: &Packet<'_>) {
    let encoder = Encoder::new(Version::V5);
    let mut out = Vec::new();
    encoder.packet(bare, &mut out).unwrap();
    let limit = u32::try_from(out.len()).unwrap();
    let encoder = encoder.with_packet_bytes_max(limit);
    out.clear();
    let refused = encoder.packet(explained, &mut out);
    assert!(matches!(refused, Err(EncodeError::PacketTooLarge { .. })), "{refused:?}");
    assert!(out.is_empty());
    encoder.packet(bare, &mut out).unwrap();
}

const PAIRS: [(&str, &str); 1] = [("name", "value")];

#[track_caller]
fn acknowledgement_fits<'a>(packet: fn(Ack<'a>) -> Packet<'a>) {
    let bare = Ack::new(std::num::NonZeroU16::MIN, ReasonCode::SUCCESS);
    let reasoned = Ack { reason_string: Some("why"), ..bare };
    let paired = Ack { user_properties: UserProperties::new(&PAIRS), ..bare };
    is_never_larger_than_the_client_takes(&packet(bare), &packet(reasoned));
    is_never_larger_than_the_client_takes(&packet(bare), &packet(paired));
}

#[test]
fn v5_3_2_2_19_and_20_a_connack_is_not_explained_beyond_the_maximum_packet_size() {
    let bare = Connack::new(false, ReasonCode::SUCCESS);
    let mut reasoned = bare;
    reasoned.properties.reason_string = Some("why");
    let mut paired = bare;
    paired.properties.user_properties = UserProperties::new(&PAIRS);
    is_never_larger_than_the_client_takes(&Packet::Connack(bare), &Packet::Connack(reasoned));
    is_never_larger_than_the_client_takes(&Packet::Connack(bare), &Packet::Connack(paired));
}

#[test]
fn v5_3_4_2_2_and_3_a_puback_is_not_explained_beyond_the_maximum_packet_size() {
    acknowledgement_fits(Packet::Puback);
}

#[test]
fn v5_3_5_2_2_and_3_a_pubrec_is_not_explained_beyond_the_maximum_packet_size() {
    acknowledgement_fits(Packet::Pubrec);
}

#[test]
fn v5_3_6_2_2_and_3_a_pubrel_is_not_explained_beyond_the_maximum_packet_size() {
    acknowledgement_fits(Packet::Pubrel);
}

#[test]
fn v5_3_7_2_2_and_3_a_pubcomp_is_not_explained_beyond_the_maximum_packet_size() {
    acknowledgement_fits(Packet::Pubcomp);
}

#[test]
fn v5_3_9_2_1_and_2_a_suback_is_not_explained_beyond_the_maximum_packet_size() {
    let codes = [ReasonCode::SUCCESS];
    let bare = Suback::new(std::num::NonZeroU16::MIN, ReasonCodes::new(&codes));
    let reasoned = Suback { reason_string: Some("why"), ..bare };
    let paired = Suback { user_properties: UserProperties::new(&PAIRS), ..bare };
    is_never_larger_than_the_client_takes(&Packet::Suback(bare), &Packet::Suback(reasoned));
    is_never_larger_than_the_client_takes(&Packet::Suback(bare), &Packet::Suback(paired));
}

#[test]
fn v5_3_11_2_1_and_2_an_unsuback_is_not_explained_beyond_the_maximum_packet_size() {
    let codes = [ReasonCode::SUCCESS];
    let bare = Unsuback::new(std::num::NonZeroU16::MIN, ReasonCodes::new(&codes));
    let reasoned = Unsuback { reason_string: Some("why"), ..bare };
    let paired = Unsuback { user_properties: UserProperties::new(&PAIRS), ..bare };
    is_never_larger_than_the_client_takes(&Packet::Unsuback(bare), &Packet::Unsuback(reasoned));
    is_never_larger_than_the_client_takes(&Packet::Unsuback(bare), &Packet::Unsuback(paired));
}

#[test]
fn v5_3_14_2_3_and_4_a_disconnect_is_not_explained_beyond_the_maximum_packet_size() {
    let bare = Disconnect::new(ReasonCode::SERVER_BUSY);
    let reasoned = Disconnect { reason_string: Some("why"), ..bare };
    let paired = Disconnect { user_properties: UserProperties::new(&PAIRS), ..bare };
    let bare = Packet::Disconnect(bare);
    is_never_larger_than_the_client_takes(&bare, &Packet::Disconnect(reasoned));
    is_never_larger_than_the_client_takes(&bare, &Packet::Disconnect(paired));
}
