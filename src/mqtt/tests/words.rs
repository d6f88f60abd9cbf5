//! What a server says, in words that a test can compare.
use std::num::NonZeroU16;

use crate::codec::{Ack, Packet, Publish, QoS, ReasonCodes};

/// A packet from the server: `a/b 'x' q1 #1 dup retain ids 3,4`, `suback 1 01 80`, …
pub(super) fn in_words(packet: &Packet<'_>) -> String {
    let coded = |name: &str, packet_id: NonZeroU16, codes: ReasonCodes<'_>| {
        let codes = codes.iter().map(|code| format!("{:02x}", code.byte()));
        let words = [name.to_owned(), packet_id.to_string()].into_iter().chain(codes);
        words.collect::<Vec<_>>().join(" ")
    };
    let ack = |name: &str, ack: &Ack<'_>| {
        assert!(ack.reason_string.is_none() && ack.user_properties.is_empty());
        format!("{name} {} {:02x}", ack.packet_id, ack.reason.byte())
    };
    match packet {
        Packet::Connack(connack) => {
            let present = if connack.session_present { " present" } else { "" };
            format!("connack {:02x}{present}", connack.reason.byte())
        }
        Packet::Publish(publish) => published(publish),
        Packet::Puback(puback) => ack("puback", puback),
        Packet::Pubrec(pubrec) => ack("pubrec", pubrec),
        Packet::Pubrel(pubrel) => ack("pubrel", pubrel),
        Packet::Pubcomp(pubcomp) => ack("pubcomp", pubcomp),
        Packet::Suback(suback) => {
            assert!(suback.reason_string.is_none() && suback.user_properties.is_empty());
            coded("suback", suback.packet_id, suback.codes)
        }
        Packet::Unsuback(answer) => {
            assert!(answer.reason_string.is_none() && answer.user_properties.is_empty());
            coded("unsuback", answer.packet_id, answer.codes)
        }
        Packet::Pingresp => "pingresp".to_owned(),
        Packet::Disconnect(disconnect) => {
            assert_eq!(disconnect.session_expiry_s, None, "3.14.2-2");
            format!("disconnect {:02x}", disconnect.reason.byte())
        }
        Packet::Connect(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Auth(_) => panic!("the server said {packet:?}"),
    }
}

fn published(publish: &Publish<'_>) -> String {
    let Publish { dup, qos, retain, topic, packet_id, properties, payload } = publish;
    assert_eq!(properties.topic_alias, None, "3.1.2-30");
    let mut words = vec![format!("{topic} '{}'", String::from_utf8_lossy(payload))];
    if *qos != QoS::AtMostOnce {
        words.push(format!("q{} #{}", qos.bits(), packet_id.unwrap()));
    }
    words.extend(dup.then(|| "dup".to_owned()));
    words.extend(retain.then(|| "retain".to_owned()));
    let ids: Vec<_> = properties.subscription_ids.iter().map(|id| format!("{id}")).collect();
    if !ids.is_empty() {
        words.push(format!("ids {}", ids.join(",")));
    }
    words.join(" ")
}
