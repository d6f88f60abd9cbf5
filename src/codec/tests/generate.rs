//! Packets of every type and version, generated. Their text and lists are leaked: a packet
//! borrows, and a test process ends.

use std::num::{NonZeroU16, NonZeroU32};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::codec::*;

type Any<T> = BoxedStrategy<T>;

fn text() -> Any<&'static str> {
    prop_oneof![
        4 => "[a-zé日🔥 $/]{0,12}".prop_map(|text| &*text.leak()),
        1 => Just(""),
    ]
    .boxed()
}

fn name() -> Any<&'static str> {
    "[a-zé日🔥 $][a-zé/]{0,12}".prop_map(|text| &*text.leak()).boxed()
}

fn filter() -> Any<&'static str> {
    "(\\$share/[a-z]{1,3}/)?([a-zé]{0,3}|\\+)/([a-zé]{1,3}|\\+|#)"
        .prop_map(|text| &*text.leak())
        .boxed()
}

fn binary() -> Any<&'static [u8]> {
    vec(any::<u8>(), 0..12).prop_map(|bytes| &*bytes.leak()).boxed()
}

fn payload() -> Any<&'static [u8]> {
    let large = (0..70_000_usize).prop_map(|bytes| &*vec![b'x'; bytes].leak());
    prop_oneof![20 => binary(), 1 => large].boxed()
}

fn packet_id() -> Any<NonZeroU16> {
    (1..=u16::MAX).prop_map(|id| NonZeroU16::new(id).unwrap()).boxed()
}

fn qos() -> Any<QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]).boxed()
}

fn user_properties(version: Version) -> Any<UserProperties<'static>> {
    if !version.is_v5() {
        return Just(UserProperties::default()).boxed();
    }
    vec((text(), text()), 0..3).prop_map(|pairs| UserProperties::new(pairs.leak())).boxed()
}

/// A property that MQTT 5 has and MQTT 3 has not.
fn property<T>(version: Version, value: impl Strategy<Value = T> + 'static) -> Any<Option<T>>
where
    T: Clone + std::fmt::Debug + 'static,
{
    if version.is_v5() { option::of(value).boxed() } else { Just(None).boxed() }
}

fn message(version: Version) -> Any<MessageProperties<'static>> {
    let formats = select(vec![PayloadFormat::Bytes, PayloadFormat::Utf8]);
    (
        property(version, formats),
        property(version, any::<u32>()),
        property(version, text()),
        property(version, name()),
        property(version, binary()),
        user_properties(version),
    )
        .prop_map(|(payload_format, expiry_s, content_type, response_topic, data, pairs)| {
            MessageProperties {
                payload_format,
                expiry_s,
                content_type,
                response_topic,
                correlation_data: data,
                user_properties: pairs,
            }
        })
        .boxed()
}

fn publish(version: Version) -> Any<Packet<'static>> {
    let subscription_ids = vec(1..=268_435_455_u32, if version.is_v5() { 0..4 } else { 0..1 })
        .prop_map(|ids| SubscriptionIds::new(ids.leak()));
    let subscription_ids = if version.is_v5() {
        subscription_ids.boxed()
    } else {
        Just(SubscriptionIds::default()).boxed()
    };
    (
        (any::<bool>(), qos(), any::<bool>(), name(), packet_id(), payload()),
        (property(version, packet_id()), subscription_ids, message(version)),
    )
        .prop_map(|((dup, qos, retain, topic, packet_id, payload), (alias, ids, message))| {
            let sure = qos != QoS::AtMostOnce;
            let properties =
                PublishProperties { topic_alias: alias, subscription_ids: ids, message };
            let topic = if alias.is_some() && dup { "" } else { topic };
            let packet_id = sure.then_some(packet_id);
            let dup = dup && sure;
            Packet::Publish(Publish { dup, qos, retain, topic, packet_id, properties, payload })
        })
        .boxed()
}

fn will(version: Version) -> Any<Will<'static>> {
    (name(), binary(), qos(), any::<bool>(), property(version, any::<u32>()), message(version))
        .prop_map(|(topic, payload, qos, retain, delay_s, properties)| Will {
            topic,
            payload,
            qos,
            retain,
            delay_s,
            properties,
        })
        .boxed()
}

fn connect(version: Version) -> Any<Packet<'static>> {
    let properties = (
        property(version, any::<u32>()),
        property(version, packet_id()),
        property(version, packet_id().prop_map(NonZeroU32::from)),
        property(version, any::<u16>()),
        property(version, any::<bool>()),
        property(version, any::<bool>()),
        user_properties(version),
        property(version, text()),
        property(version, binary()),
    )
        .prop_map(|(expiry, receive, size, alias, response, problem, pairs, method, data)| {
            ConnectProperties {
                session_expiry_s: expiry,
                receive_maximum: receive,
                maximum_packet_size: size,
                topic_alias_maximum: alias,
                request_response_information: response,
                request_problem_information: problem,
                user_properties: pairs,
                authentication_method: method,
                authentication_data: method.and(data),
            }
        });
    (
        any::<bool>(),
        any::<u16>(),
        name(),
        option::of(will(version)),
        option::of(text()),
        option::of(binary()),
        properties,
    )
        .prop_map(move |(clean_start, keep_alive_s, client_id, will, username, password, all)| {
            let password = if version.is_v5() { password } else { username.and(password) };
            Packet::Connect(Box::new(Connect {
                version,
                clean_start,
                keep_alive_s,
                client_id,
                will,
                username,
                password,
                properties: all,
            }))
        })
        .boxed()
}

fn reason(of: PacketType) -> Any<ReasonCode> {
    let codes = (0..=0xFF).filter_map(|byte| ReasonCode::of_packet(of, byte)).collect::<Vec<_>>();
    select(codes).boxed()
}

fn ack(version: Version, of: PacketType) -> Any<Ack<'static>> {
    let reason = if version.is_v5() { reason(of) } else { Just(ReasonCode::SUCCESS).boxed() };
    (packet_id(), reason, property(version, text()), user_properties(version))
        .prop_map(|(packet_id, reason, reason_string, user_properties)| Ack {
            packet_id,
            reason,
            reason_string,
            user_properties,
        })
        .boxed()
}

fn subscribe(version: Version) -> Any<Packet<'static>> {
    let handling =
        select(vec![RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
    let entry = (filter(), qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(filter, qos, no_local, retain_as_published, retain_handling)| {
            let plain = Subscription { filter, qos, ..Subscription::default() };
            if !version.is_v5() {
                return plain;
            }
            let no_local = no_local && topic::shared(filter).is_none();
            Subscription { no_local, retain_as_published, retain_handling, ..plain }
        },
    );
    let subscription_id = property(version, 1..=268_435_455_u32);
    (packet_id(), subscription_id, user_properties(version), vec(entry, 1..5))
        .prop_map(|(packet_id, subscription_id, user_properties, entries)| {
            let filters = SubscribeFilters::new(entries.leak());
            Packet::Subscribe(Subscribe { packet_id, subscription_id, user_properties, filters })
        })
        .boxed()
}

fn unsubscribe(version: Version) -> Any<Packet<'static>> {
    (packet_id(), user_properties(version), vec(filter(), 1..5))
        .prop_map(|(packet_id, user_properties, filters)| {
            let filters = TopicFilters::new(filters.leak());
            Packet::Unsubscribe(Unsubscribe { packet_id, user_properties, filters })
        })
        .boxed()
}

fn suback(version: Version) -> Any<Packet<'static>> {
    let code = match version {
        Version::V5 => reason(PacketType::Suback),
        Version::V31 | Version::V311 => {
            select(vec![ReasonCode::SUCCESS, ReasonCode::GRANTED_QOS_1, ReasonCode::GRANTED_QOS_2])
                .boxed()
        }
    };
    (packet_id(), property(version, text()), user_properties(version), vec(code, 1..5))
        .prop_map(|(packet_id, reason_string, user_properties, codes)| {
            let codes = ReasonCodes::new(codes.leak());
            Packet::Suback(Suback { packet_id, reason_string, user_properties, codes })
        })
        .boxed()
}

fn unsuback(version: Version) -> Any<Packet<'static>> {
    let codes = if version.is_v5() { 1..5 } else { 0..1 };
    let codes = vec(reason(PacketType::Unsuback), codes);
    (packet_id(), property(version, text()), user_properties(version), codes)
        .prop_map(|(packet_id, reason_string, user_properties, codes)| {
            let codes = ReasonCodes::new(codes.leak());
            Packet::Unsuback(Unsuback { packet_id, reason_string, user_properties, codes })
        })
        .boxed()
}

fn connack(version: Version) -> Any<Packet<'static>> {
    if !version.is_v5() {
        return (any::<bool>(), 0..=5_u8)
            .prop_map(move |(present, code)| {
                let reason = ConnectReturnCode::from_byte(code).unwrap().reason();
                let present = present && !reason.is_error() && version != Version::V31;
                Packet::Connack(Connack::new(present, reason))
            })
            .boxed();
    }
    let numbers = (
        option::of(any::<u32>()),
        option::of(packet_id()),
        option::of(select(vec![QoS::AtMostOnce, QoS::AtLeastOnce])),
        option::of(packet_id().prop_map(NonZeroU32::from)),
        option::of(any::<u16>()),
        option::of(any::<u16>()),
    );
    let flags = vec(option::of(any::<bool>()), 4);
    let texts = vec(option::of(text()), 5);
    (any::<bool>(), reason(PacketType::Connack), numbers, flags, texts, user_properties(version))
        .prop_map(|(present, reason, numbers, flags, texts, user_properties)| {
            let (expiry, receive_maximum, maximum_qos, size, alias, keep_alive) = numbers;
            let properties = ConnackProperties {
                session_expiry_s: expiry,
                receive_maximum,
                maximum_qos,
                retain_available: flags[0],
                maximum_packet_size: size,
                assigned_client_id: texts[0],
                topic_alias_maximum: alias,
                reason_string: texts[1],
                user_properties,
                wildcard_subscription_available: flags[1],
                subscription_ids_available: flags[2],
                shared_subscription_available: flags[3],
                server_keep_alive_s: keep_alive,
                response_information: texts[2],
                server_reference: texts[3],
                authentication_method: texts[4],
                authentication_data: texts[4].map(|_| &[0, 1, 2][..]),
            };
            let session_present = present && !reason.is_error();
            Packet::Connack(Connack { session_present, reason, properties })
        })
        .boxed()
}

fn disconnect(version: Version) -> Any<Packet<'static>> {
    if !version.is_v5() {
        return Just(Packet::Disconnect(Disconnect::new(ReasonCode::SUCCESS))).boxed();
    }
    let reason = reason(PacketType::Disconnect);
    let (reason_string, reference) = (option::of(text()), option::of(text()));
    (reason, option::of(any::<u32>()), reason_string, user_properties(version), reference)
        .prop_map(|(reason, expiry, reason_string, user_properties, server_reference)| {
            Packet::Disconnect(Disconnect {
                reason,
                session_expiry_s: expiry,
                reason_string,
                user_properties,
                server_reference,
            })
        })
        .boxed()
}

fn auth() -> Any<Packet<'static>> {
    let pairs = user_properties(Version::V5);
    (reason(PacketType::Auth), text(), option::of(binary()), option::of(text()), pairs)
        .prop_map(|(reason, method, data, reason_string, user_properties)| {
            let method = Some(method);
            Packet::Auth(Auth { reason, method, data, reason_string, user_properties })
        })
        .boxed()
}

/// Any packet of `version`.
fn packet(version: Version) -> Any<Packet<'static>> {
    let mqtt3 = prop_oneof![
        2 => connect(version),
        1 => connack(version),
        4 => publish(version),
        1 => ack(version, PacketType::Puback).prop_map(Packet::Puback),
        1 => ack(version, PacketType::Pubrec).prop_map(Packet::Pubrec),
        1 => ack(version, PacketType::Pubrel).prop_map(Packet::Pubrel),
        1 => ack(version, PacketType::Pubcomp).prop_map(Packet::Pubcomp),
        2 => subscribe(version),
        1 => suback(version),
        1 => unsubscribe(version),
        1 => unsuback(version),
        1 => select(vec![Packet::Pingreq, Packet::Pingresp]),
        1 => disconnect(version),
    ];
    if version.is_v5() { prop_oneof![15 => mqtt3, 1 => auth()].boxed() } else { mqtt3.boxed() }
}

/// Any packet and its version.
pub(super) fn versioned() -> Any<(Version, Packet<'static>)> {
    select(vec![Version::V31, Version::V311, Version::V5])
        .prop_flat_map(|version| (Just(version), packet(version)))
        .boxed()
}
