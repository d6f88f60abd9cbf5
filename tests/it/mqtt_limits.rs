//! The limits at the MQTT doors, each crossed: who crosses is told or closed, and counted; nobody
//! else notices.

use hearth::codec::{
    Connack, Connect, Packet, Publish, PublishProperties, QoS, ReasonCode, Version, decode, encode,
};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::line::{Line, bytes, connect, report};
use crate::support::{Open, PASSWORD, Thing, raw, rest, soon, until};

/// Connections turned away so far, for this reason.
async fn turned_away(open: &Open, reason: &str) -> f64 {
    open.metric(&format!("hearth_mqtt_turned_away_total{{reason=\"{reason}\"}}")).await
}

async fn line(open: &Open) -> Line {
    Line::new(soon(TcpStream::connect(open.house.mqtt)).await.unwrap())
}

/// What a v5 client hears that connects as `thing`.
async fn refusal_v5(open: &Open, thing: &Thing) -> ReasonCode {
    let username = thing.id.to_string();
    let mut connect = Connect::new(Version::V5, "by-hand", 30);
    connect.username = Some(&username);
    connect.password = Some(thing.secret.as_bytes());
    let mut bytes = Vec::new();
    encode(Version::V5, &Packet::Connect(Box::new(connect)), &mut bytes).unwrap();
    let mut line = line(open).await;
    line.say(&bytes).await;
    let answer = line.hear().await.expect("an answer");
    let Ok(Packet::Connack(Connack { reason, .. })) = decode(Version::V5, &answer) else {
        panic!("no CONNACK but {answer:?}")
    };
    reason
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_a_place_that_is_free_again_is_given() {
    let open = Open::with(&[("MQTT__CONNECTIONS_MAX", "2")]).await;
    let bob = open.person("bob").await;
    let (lamp, other) = (bob.add("light", "lamp").await, bob.add("light", "other").await);
    let before = turned_away(&open, "connections").await;
    let (mut first, mut second) = (line(&open).await, line(&open).await);
    assert_eq!(first.connect(Some(&lamp)).await, Some(0));
    assert_eq!(second.connect(Some(&other)).await, Some(0));
    assert_eq!(line(&open).await.connect(Some(&lamp)).await, Some(3));
    assert_eq!(refusal_v5(&open, &lamp).await, ReasonCode::SERVER_BUSY);
    assert!(turned_away(&open, "connections").await >= before + 2.0);
    first.report(&lamp, &json!({"on": true})).await;
    drop(second);
    until(async || (line(&open).await.connect(Some(&other)).await == Some(0)).then_some(())).await;
}

#[tokio::test]
async fn one_connection_too_many_from_an_address_is_told_so() {
    let open = Open::with(&[("MQTT__ADDRESS_CONNECTIONS_MAX", "1")]).await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let before = turned_away(&open, "address_connections").await;
    let mut first = line(&open).await;
    assert_eq!(first.connect(Some(&lamp)).await, Some(0));
    assert_eq!(line(&open).await.connect(Some(&lamp)).await, Some(3));
    assert_eq!(refusal_v5(&open, &lamp).await, ReasonCode::QUOTA_EXCEEDED);
    assert!(turned_away(&open, "address_connections").await >= before + 2.0);
    first.report(&lamp, &json!({"on": true})).await;
}

#[tokio::test]
async fn one_connection_too_many_that_says_nothing_is_closed_at_once() {
    let keys = [("HALF_OPEN_MAX", "half_open"), ("ADDRESS_HALF_OPEN_MAX", "address_half_open")];
    for (key, reason) in keys {
        let open = Open::with(&[(&format!("MQTT__{key}"), "1")]).await;
        let lamp = open.person("bob").await.add("light", "lamp").await;
        let before = turned_away(&open, reason).await;
        let mut link = line(&open).await;
        assert_eq!(link.connect(Some(&lamp)).await, Some(0));
        let silent = line(&open).await;
        until(async || line(&open).await.connect(Some(&lamp)).await.is_none().then_some(())).await;
        assert!(turned_away(&open, reason).await > before, "{reason}");
        link.report(&lamp, &json!({"on": true})).await;
        drop(silent);
        until(async || line(&open).await.connect(Some(&lamp)).await.map(drop)).await;
    }
}

#[tokio::test]
async fn who_connects_too_fast_is_told_so_and_let_in_later() {
    let keys = [("CONNECT", "rate"), ("ADDRESS_CONNECT", "address_rate")];
    for (key, reason) in keys {
        let (rate, burst) = (format!("MQTT__{key}_RATE_MAX"), format!("MQTT__{key}_BURST_MAX"));
        let open = Open::with(&[(&rate, "1"), (&burst, "1")]).await;
        let lamp = open.person("bob").await.add("light", "lamp").await;
        let before = turned_away(&open, reason).await;
        until(async || (line(&open).await.connect(Some(&lamp)).await == Some(3)).then_some(()))
            .await;
        until(async || {
            let told = refusal_v5(&open, &lamp).await;
            (told == ReasonCode::CONNECTION_RATE_EXCEEDED).then_some(())
        })
        .await;
        assert!(turned_away(&open, reason).await >= before + 2.0, "{reason}");
        until(async || (line(&open).await.connect(Some(&lamp)).await == Some(0)).then_some(()))
            .await;
    }
}

#[tokio::test]
async fn a_device_that_fails_too_often_has_to_wait_and_its_neighbour_does_not() {
    let keys = [("AUTH__ACCOUNT_FAILURES_MAX", "3"), ("AUTH__ADDRESS_FAILURES_MAX", "3")];
    let open = Open::with(&keys).await;
    let bob = open.person("bob").await;
    let (lamp, other) = (bob.add("light", "lamp").await, bob.add("light", "other").await);
    let before = turned_away(&open, "failed_sign_ins").await;
    let wrong = Thing { secret: "wrong".to_owned(), ..lamp.clone() };
    for _ in 0..3 {
        assert_eq!(line(&open).await.connect(Some(&wrong)).await, Some(5));
    }
    assert_eq!(line(&open).await.connect(Some(&wrong)).await, Some(3));
    assert_eq!(refusal_v5(&open, &lamp).await, ReasonCode::CONNECTION_RATE_EXCEEDED);
    assert!(turned_away(&open, "failed_sign_ins").await >= before + 2.0);
    assert_eq!(line(&open).await.connect(Some(&other)).await, Some(0));
}

#[tokio::test]
async fn failures_over_mqtt_and_on_the_web_count_together() {
    let open = Open::with(&[("AUTH__ADDRESS_FAILURES_MAX", "3")]).await;
    open.person("bob").await;
    let login = async |password: &str| {
        let who = json!({"username": "bob", "password": password});
        rest(open.house.http, "POST", "/auth/login", None, Some(&who), &[]).await.status
    };
    for id in 1..3 {
        let nobody = Thing { mqtt: open.house.mqtt, id, secret: "wrong".to_owned() };
        assert_eq!(line(&open).await.connect(Some(&nobody)).await, Some(5));
    }
    assert_eq!(login("wrong").await, 401);
    assert_eq!(login(PASSWORD).await, 429);
}

#[tokio::test]
async fn a_first_packet_that_is_too_large_is_counted_and_closed() {
    let open = Open::with(&[("MQTT__CONNECT_BYTES_MAX", "256")]).await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let before = open.metric("hearth_mqtt_refused_total").await;
    let name = "n".repeat(255);
    let large = bytes(&Packet::Connect(Box::new(Connect::new(Version::V311, &name, 30))));
    assert!(raw(open.house.mqtt, &large).await.is_empty());
    assert!(open.metric("hearth_mqtt_refused_total").await > before);
    assert_eq!(line(&open).await.connect(Some(&lamp)).await, Some(0));
}

#[tokio::test]
async fn a_later_packet_that_is_too_large_is_counted_and_ends_the_link() {
    let keys = [("MQTT__CONNECT_BYTES_MAX", "1024"), ("MQTT__PACKET_BYTES_MAX", "1024")];
    let open = Open::with(&keys).await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let before = open.metric("hearth_mqtt_refused_total").await;
    let mut link = line(&open).await;
    assert_eq!(link.connect(Some(&lamp)).await, Some(0));
    link.say(&report(&lamp, &json!({"on": "x".repeat(1_024)}))).await;
    assert_eq!(link.hear().await, None);
    assert!(open.metric("hearth_mqtt_refused_total").await > before);
}

#[tokio::test]
async fn who_says_no_connect_in_time_is_counted_and_closed() {
    let open = Open::with(&[("MQTT__CONNECT_S_MAX", "1")]).await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let before = open.metric("hearth_mqtt_refused_total").await;
    let connect = connect(Some(&lamp));
    assert!(raw(open.house.mqtt, &connect[..connect.len() - 1]).await.is_empty());
    assert!(open.metric("hearth_mqtt_refused_total").await > before);
}

#[tokio::test]
async fn who_falls_silent_is_counted_and_closed() {
    let open = Open::new().await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let before = open.metric("hearth_mqtt_ended_total{reason=\"silent\"}").await;
    let username = lamp.id.to_string();
    let mut connect = Connect::new(Version::V311, "by-hand", 1);
    connect.username = Some(&username);
    connect.password = Some(lamp.secret.as_bytes());
    let mut link = line(&open).await;
    link.say(&bytes(&Packet::Connect(Box::new(connect)))).await;
    assert_eq!(link.hear().await.as_deref(), Some(&[0x20, 2, 0, 0][..]));
    assert_eq!(link.hear().await, None);
    until(async || {
        let silent = open.metric("hearth_mqtt_ended_total{reason=\"silent\"}").await;
        (silent > before).then_some(())
    })
    .await;
}

/// A client of the space that is open to everybody.
async fn guest(open: &Open, client_id: &str) -> Line {
    let connect = Connect::new(Version::V311, client_id, 30);
    let mut line = line(open).await;
    line.say(&bytes(&Packet::Connect(Box::new(connect)))).await;
    assert_eq!(line.hear().await.as_deref(), Some(&[0x20, 2, 0, 0][..]));
    line
}

fn publish(topic: &str, payload: &[u8], retain: bool) -> Vec<u8> {
    bytes(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain,
        topic,
        packet_id: None,
        properties: PublishProperties::default(),
        payload,
    }))
}

#[tokio::test]
async fn who_does_not_read_is_counted_and_closed() {
    let keys = [("MQTT__WRITE_STUCK_S_MAX", "1"), ("MQTT__ANONYMOUS_USER", "bob")];
    let open = Open::with(&keys).await;
    open.person("bob").await;
    let (mut reader, mut writer) = (guest(&open, "reader").await, guest(&open, "writer").await);
    reader.say(b"\x82\x06\0\x01\0\x01x\0").await;
    assert_eq!(reader.hear().await.as_deref(), Some(&[0x90, 3, 0, 1, 0][..]));
    let stuck = async || open.metric("hearth_mqtt_ended_total{reason=\"stuck\"}").await;
    let (before, large) = (stuck().await, publish("x", &vec![b'x'; 200_000], false));
    soon(async {
        while stuck().await <= before {
            writer.say(&large).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_has_no_room_in_one_turn_follows_in_the_next_without_another_word() {
    let open = Open::with(&[("MQTT__ANONYMOUS_USER", "bob")]).await;
    open.person("bob").await;
    let (mut reader, mut writer) = (guest(&open, "reader").await, guest(&open, "writer").await);
    let mut expected = 5;
    for topic in ["kept/1", "kept/2", "kept/3", "kept/4", "kept/5"] {
        let large = publish(topic, &vec![b'x'; 150_000], true);
        expected += large.len();
        writer.say(&large).await;
    }
    // Answered once all before it is done.
    writer.say(&[0xC0, 0]).await;
    assert_eq!(writer.hear().await.as_deref(), Some(&[0xD0, 0][..]));
    reader.say(b"\x82\x0b\0\x01\0\x06kept/+\0").await;
    let mut all = vec![0; expected];
    soon(reader.stream.read_exact(&mut all)).await.unwrap();
}

#[tokio::test]
async fn a_device_that_is_ahead_of_its_actor_is_not_read_on_and_loses_nothing() {
    let open = Open::with(&[("MQTT__PERMITS_MAX", "1")]).await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let before = open.metric("hearth_mqtt_pauses_total").await;
    let mut link = line(&open).await;
    assert_eq!(link.connect(Some(&lamp)).await, Some(0));
    let reports: Vec<u8> =
        (1..=100).flat_map(|level| report(&lamp, &json!({"brightness": level}))).collect();
    link.say(&reports).await;
    for _ in 0..100 {
        assert_eq!(link.hear().await.as_deref(), Some(&[0x40, 2, 0, 7][..]));
    }
    assert_eq!(bob.see(&lamp).await["reported"]["brightness"], 100);
    assert!(open.metric("hearth_mqtt_pauses_total").await > before);
}
