//! Bad input over the WebSocket: a clear error frame, and the tab goes on.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::Open;

#[tokio::test]
async fn a_bad_frame_is_answered_and_the_next_good_one_works() {
    let open = Open::new().await;
    let (bob, eve) = (open.person("bob").await, open.person("eve").await);
    let (lamp, foreign) = (bob.add("light", "lamp").await, eve.add("light", "eve's").await);
    let mut tab = bob.tab().await;
    tab.frame().await;
    for (frame, code) in [
        (json!({"type": "dance", "ref": "r"}), "invalid"),
        (json!({"type": "set", "ref": "r", "device": lamp.id, "desired": {}, "x": 1}), "invalid"),
        (json!({"type": "set", "ref": "r", "device": lamp.id, "desired": {"x": 1}}), "invalid"),
        (
            json!({"type": "set", "ref": "r", "device": foreign.id, "desired": {"on": true}}),
            "not_found",
        ),
        (json!({"type": "set", "ref": "r", "device": 1, "desired": {"on": true}}), "not_found"),
    ] {
        tab.say(&frame).await;
        let answer = tab.frame().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{frame}");
        assert_eq!(answer["ref"], "r", "{frame}");
    }
    tab.say_raw(Message::text("{")).await;
    assert_eq!(tab.frame().await["type"], "error");
    tab.say(&json!({"type": "ping"})).await;
    assert_eq!(tab.frame().await["type"], "pong");
    assert_eq!(eve.see(&foreign).await["rev"], 1);
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_only_its_own_socket() {
    let open = Open::with(&[("HTTP__FRAME_BYTES_MAX", "1024")]).await;
    let bob = open.person("bob").await;
    let (mut one, mut other) = (bob.tab().await, bob.tab().await);
    one.frame().await;
    other.frame().await;
    one.say_raw(Message::text("x".repeat(10_000))).await;
    one.closed().await;
    other.say(&json!({"type": "ping"})).await;
    other.wait_for(|frame| frame["type"] == "pong").await;
}

#[tokio::test]
async fn a_foreign_page_and_a_bad_token_stay_outside() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let url = format!("ws://{}/ws?token={}", bob.http, bob.token);
    let mut foreign = url.clone().into_client_request().unwrap();
    foreign.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    assert!(tokio_tungstenite::connect_async(foreign).await.is_err());
    let mut own = url.into_client_request().unwrap();
    own.headers_mut().insert("origin", format!("http://{}", bob.http).parse().unwrap());
    assert!(tokio_tungstenite::connect_async(own).await.is_ok());
    let bad = format!("ws://{}/ws?token=nonsense", bob.http);
    assert!(tokio_tungstenite::connect_async(bad).await.is_err());
}
