//! Bad input over MQTT: the guilty connection ends or is told, nobody else notices.

use rumqttc::{AsyncClient, ConnectReturnCode, ConnectionError, QoS};
use serde_json::json;

use crate::support::{Open, Thing, raw, soon};

/// How a connection attempt of a device ends.
async fn refusal(thing: &Thing) -> ConnectReturnCode {
    let (_client, mut events) = AsyncClient::new(thing.options(), 8);
    match soon(events.poll()).await {
        Err(ConnectionError::ConnectionRefused(code)) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_alike_and_counted() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let before = open.metric("hearth_sign_in_failures_total{door=\"mqtt\"}").await;
    for wrong in [
        Thing { secret: "0".repeat(32), ..lamp.clone() },
        Thing { id: 1, ..lamp.clone() },
        Thing { id: 0, secret: String::new(), ..lamp.clone() },
    ] {
        assert_eq!(refusal(&wrong).await, ConnectReturnCode::NotAuthorized);
    }
    let after = open.metric("hearth_sign_in_failures_total{door=\"mqtt\"}").await;
    assert!(after >= before + 3.0, "{before} {after}");
    lamp.connect().await;
}

#[tokio::test]
async fn an_old_secret_is_worth_nothing_once_there_is_a_new_one() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let link = lamp.connect().await;
    let made = bob.ask("POST", &format!("/devices/{}/secret", lamp.id), None).await;
    assert_eq!(made.status, 200, "{made:?}");
    link.closed().await;
    assert_eq!(refusal(&lamp).await, ConnectReturnCode::NotAuthorized);
    let secret = made.json()["mqtt"]["password"].as_str().unwrap().to_owned();
    Thing { secret, ..lamp }.connect().await;
}

#[tokio::test]
async fn a_topic_that_is_not_its_own_closes_a_devices_link() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let (lamp, other) = (bob.add("light", "lamp").await, bob.add("light", "other").await);
    let mut watched = other.connect().await;
    let link = lamp.connect().await;
    let foreign = format!("devices/{}/state", other.id);
    link.client.publish(foreign, QoS::AtLeastOnce, false, r#"{"on":true}"#).await.unwrap();
    link.closed().await;
    let link = lamp.connect().await;
    link.client.subscribe("#", QoS::AtMostOnce).await.unwrap();
    link.closed().await;
    assert_eq!(bob.see(&other).await["reported"], json!({}));
    watched.report(json!({"on": true})).await;
}

#[tokio::test]
async fn hostile_bytes_end_their_own_connection_and_nobody_elses() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let connect = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id";
    let hostile: [&[u8]; 8] = [
        b"\xff\xff\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\x7f",
        b"\x00\x00",
        b"\x20\x02\x00\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\x0e\x00\x04MQTT\x09\x02\x00\x3c\x00\x02id",
        &[0x30; 5_000],
        connect,
    ];
    for bytes in hostile {
        raw(open.house.mqtt, bytes).await;
    }
    link.report(json!({"on": true})).await;
    assert!(open.metric("hearth_mqtt_refused_total").await > 0.0);
}

#[tokio::test]
async fn payloads_that_are_not_the_contracts_are_counted_shown_and_survived() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let before = open.metric("hearth_mqtt_dropped_total{reason=\"contract\"}").await;
    let huge = vec![b'['; 60_000];
    let payloads: [(&str, &[u8]); 5] = [
        ("state", b"not json"),
        ("state", &huge),
        ("telemetry", b"[]"),
        ("event", b"{}"),
        ("nowhere", b"{}"),
    ];
    for (leaf, payload) in payloads {
        link.publish(leaf, payload).await;
    }
    link.publish("state", br#"{"on":true}"#).await;
    bob.sees(&lamp, |seen| seen["reported"]["on"] == true).await;
    assert!(bob.see(&lamp).await["problem"].is_string());
    let after = open.metric("hearth_mqtt_dropped_total{reason=\"contract\"}").await;
    assert!(after >= before + 5.0, "{before} {after}");
    link.report(json!({"on": false})).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let open = Open::with(&[("MQTT__CONNECT_S_MAX", "1")]).await;
    assert!(raw(open.house.mqtt, b"").await.is_empty());
    assert!(raw(open.house.mqtt, b"\x10").await.is_empty());
}
