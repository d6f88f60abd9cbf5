//! Our codec against another one: what we write it reads, and what we read it reads the same.

use super::*;
use crate::mqtt::Options;
use mqttrs2::{Packet as Theirs, Pid, QosPid, decode_slice};
use proptest::prelude::*;
use std::borrow::ToOwned;
use std::vec::Vec;

fn text(max: usize) -> impl Strategy<Value = std::string::String> {
    prop::collection::vec("[a-z0-9/_-]", 1..max).prop_map(|parts| parts.concat())
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max)
}

fn pid(id: u16) -> Pid {
    Pid::try_from(id).unwrap()
}

/// Our reading in the words of the other codec; `None` where it has none.
fn same(ours: &Packet<'_>, theirs: &Theirs<'_>) -> bool {
    match (ours, theirs) {
        (Packet::ConnAck { code }, Theirs::Connack(theirs)) => *code == theirs.code as u8,
        (Packet::PubAck { id }, Theirs::Puback(pid)) => *id == pid.get(),
        (Packet::SubAck { id, .. }, Theirs::Suback(theirs)) => *id == theirs.pid.get(),
        (Packet::PingResp, Theirs::Pingresp) => true,
        (Packet::Publish { topic, id, payload }, Theirs::Publish(theirs)) => {
            *topic == theirs.topic_name
                && *id == theirs.qospid.pid().map(Pid::get)
                && *payload == theirs.payload
        }
        _ => false,
    }
}

fn ours(bytes: &[u8]) -> Result<Option<Packet<'_>>, Malformed> {
    let Some(found) = frame(bytes)? else { return Ok(None) };
    let body = bytes.get(found.header_len..found.header_len + found.body_len);
    body.map(|body| decode(found.head, body)).transpose()
}

#[test]
fn a_length_of_five_bytes_is_malformed() {
    assert_eq!(frame(&[0x30, 0xff, 0xff, 0xff, 0xff, 1]), Err(Malformed));
    assert_eq!(frame(&[0x30, 0xff, 0xff]), Ok(None));
    let longest = Frame { head: 0x30, header_len: 5, body_len: 268_435_455 };
    assert_eq!(frame(&[0x30, 0xff, 0xff, 0xff, 0x7f]), Ok(Some(longest)));
}

#[test]
fn what_the_specification_forbids_is_malformed() {
    for packet in [
        &[0x20, 2, 0, 6][..],         // no such return code
        &[0x20, 2, 1, 5],             // refused, with a session
        &[0x40, 2, 0, 0],             // identifier 0
        &[0x41, 2, 0, 1],             // reserved flag
        &[0x36, 5, 0, 1, b'a', 0, 1], // QoS 3
        &[0x34, 5, 0, 1, b'a', 0, 1], // QoS 2 was not asked for
        &[0x38, 3, 0, 1, b'a'],       // again at QoS 0
        &[0x30, 3, 0, 1, b'#'],       // a filter as topic
        &[0x30, 2, 0, 0],             // no topic
        &[0x30, 3, 0, 2, b'a'],       // cut short
        &[0x82, 2, 0, 1],             // a client's packet
    ] {
        assert_eq!(ours(packet), Err(Malformed), "{packet:x?}");
    }
}

proptest! {
    #[test]
    fn another_codec_reads_our_connect(
        client in text(20), username in text(20), password in text(40), keepalive_s: u16,
        will in prop::option::of((text(20), bytes(40), any::<bool>())),
    ) {
        let ours = will.as_ref().map(|(topic, payload, retain)| {
            Will { topic, payload, retain: *retain }
        });
        let options = Options {
            client: &client, username: &username, password: &password, keepalive_s, will: ours,
            filter: "",
        };
        let mut room = [0; 512];
        let length = connect(&mut room, &options).unwrap();
        let Ok(Some(Theirs::Connect(theirs))) = decode_slice(&room[..length]) else {
            return Err(TestCaseError::fail("not a CONNECT"));
        };
        prop_assert_eq!(theirs.client_id, client);
        prop_assert_eq!(theirs.username, Some(username.as_str()));
        prop_assert_eq!(theirs.password, Some(password.as_bytes()));
        prop_assert_eq!(theirs.keep_alive, keepalive_s);
        prop_assert!(theirs.clean_session);
        let their_will = theirs.last_will.map(|will| {
            (will.topic.to_owned(), will.message.to_vec(), will.retain)
        });
        prop_assert_eq!(their_will, will);
    }

    #[test]
    fn another_codec_reads_our_publish(
        topic in text(30), payload in prop::collection::vec(any::<u8>(), 0..300),
        id in prop::option::of(1_u16..),
    ) {
        let mut room = [0; 600];
        let length = publish(&mut room, id, &topic, &payload).unwrap();
        let Ok(Some(Theirs::Publish(theirs))) = decode_slice(&room[..length]) else {
            return Err(TestCaseError::fail("not a PUBLISH"));
        };
        prop_assert_eq!(theirs.topic_name, topic.as_str());
        prop_assert_eq!(theirs.payload, payload.as_slice());
        let qos = id.map_or(QosPid::AtMostOnce, |id| QosPid::AtLeastOnce(pid(id)));
        prop_assert_eq!(theirs.qospid, qos);
        let mut small = [0; 600];
        prop_assert!(publish(&mut small[..length - 1], id, &topic, &payload).is_none());
    }

    #[test]
    fn another_codec_reads_our_subscribe_and_puback(id in 1_u16.., filter in text(30)) {
        let mut room = [0; 256];
        let length = subscribe(&mut room, id, &filter).unwrap();
        let Ok(Some(Theirs::Subscribe(theirs))) = decode_slice(&room[..length]) else {
            return Err(TestCaseError::fail("not a SUBSCRIBE"));
        };
        prop_assert_eq!(theirs.pid.get(), id);
        prop_assert_eq!(theirs.topics[0].topic_path.as_str(), filter);
        prop_assert_eq!(theirs.topics[0].qos, mqttrs2::QoS::AtLeastOnce);
        let length = puback(&mut room, id).unwrap();
        prop_assert_eq!(decode_slice(&room[..length]), Ok(Some(Theirs::Puback(pid(id)))));
    }

    #[test]
    fn whatever_we_accept_another_codec_reads_the_same(
        head in prop_oneof![
            Just(0x20_u8), Just(0x40), Just(0x90), Just(0xd0), 0x30_u8..0x40, any::<u8>(),
        ],
        body in prop_oneof![
            prop::collection::vec(0_u8..6, 0..6),
            (text(6), prop::collection::vec(any::<u8>(), 0..8)).prop_map(|(topic, rest)| {
                let mut body = std::vec![0, topic.len() as u8];
                body.extend(topic.as_bytes());
                body.extend(rest);
                body
            }),
        ],
    ) {
        let mut packet: Vec<u8> = std::vec![head, body.len() as u8];
        packet.extend(&body);
        if let Ok(Some(read)) = ours(&packet) {
            let theirs = decode_slice(&packet);
            prop_assert!(
                matches!(&theirs, Ok(Some(theirs)) if same(&read, theirs)),
                "{:?} {:?}", read, theirs
            );
        }
    }
}
