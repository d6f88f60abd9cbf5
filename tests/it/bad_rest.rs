//! Bad input over REST: a clear error, and nothing is lost.

use serde_json::{Value as Json, json};

use crate::support::{Open, raw, rest};

#[tokio::test]
async fn what_is_wrong_is_named_field_by_field() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let path = format!("/devices/{}", lamp.id);
    for (patch, field, code) in [
        (json!({"colour": 1}), "colour", "unknown_field"),
        (json!({"desired": {"colour": 1}}), "desired.colour", "unknown_property"),
        (json!({"desired": {"brightness": 101}}), "desired.brightness", "out_of_range"),
        (json!({"desired": {"on": "yes"}}), "desired.on", "wrong_type"),
        (json!({"desired": 7}), "desired", "wrong_type"),
        (json!({"ttl_s": 0}), "ttl_s", "out_of_range"),
        (json!({"description": ""}), "description", "bad_text"),
        (json!({"description": "x".repeat(201)}), "description", "bad_text"),
        (json!({"room": "x".repeat(65)}), "room", "bad_text"),
    ] {
        let refused = bob.ask("PATCH", &path, Some(patch.clone())).await;
        assert_eq!(refused.status, 422, "{patch}: {refused:?}");
        let kind = refused.header("content-type");
        assert_eq!(kind.as_deref(), Some("application/problem+json"));
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{patch}");
    }
    assert_eq!(bob.see(&lamp).await["rev"], 1, "nothing was changed");
}

#[tokio::test]
async fn a_strangers_device_does_not_exist() {
    let open = Open::new().await;
    let (bob, eve) = (open.person("bob").await, open.person("eve").await);
    let lamp = bob.add("light", "lamp").await;
    let path = format!("/devices/{}", lamp.id);
    for (method, path, body) in [
        ("GET", path.clone(), None),
        ("PATCH", path.clone(), Some(json!({"desired": {"on": true}}))),
        ("DELETE", path.clone(), None),
        ("POST", format!("{path}/secret"), None),
        ("GET", format!("{path}/commands"), None),
        ("GET", format!("{path}/history?property=brightness"), None),
        ("GET", "/devices/1".into(), None),
        ("GET", "/devices/x".into(), None),
    ] {
        let refused = eve.ask(method, &path, body).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (404, json!("not_found")));
    }
    assert_eq!(eve.ask("GET", "/devices", None).await.json(), json!([]));
    assert_eq!(bob.see(&lamp).await["rev"], 1);
}

#[tokio::test]
async fn who_does_not_sign_in_gets_nothing() {
    let open = Open::new().await;
    for token in [None, Some("nonsense"), Some("a.b.c")] {
        let refused = rest(open.house.http, "GET", "/devices", token, None, &[]).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn an_expired_token_is_none() {
    let open = Open::with(&[("AUTH__ACCESS_TOKEN_S", "10")]).await;
    let bob = open.person("bob").await;
    let user = hearth::store::accounts::user_named(&open.house.store, "bob").unwrap().unwrap();
    let key = hearth::store::credentials::signing_key(&open.house.store).unwrap().unwrap();
    let tokens = hearth::http::auth::tokens::Tokens::new(&key);
    let claims = hearth::http::auth::tokens::Claims {
        sub: user.id,
        name: "bob".into(),
        admin: false,
        login: None,
        iat: 0,
        exp: 1,
    };
    let expired = tokens.make(&claims).unwrap();
    let refused = rest(bob.http, "GET", "/devices", Some(&expired), None, &[]).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (401, json!("token_expired")));
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_large_is_refused() {
    let open = Open::with(&[("HTTP__BODY_BYTES_MAX", "1024")]).await;
    let bob = open.person("bob").await;
    let large = bob.ask("POST", "/devices", Some(json!({"kind": "x".repeat(2_000)}))).await;
    assert_eq!(large.status, 413, "{large:?}");
    let head = format!(
        "POST /devices HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 8\r\n\r\n{{\"kind\":",
        bob.token
    );
    let answer = String::from_utf8(raw(bob.http, head.as_bytes()).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn hostile_bytes_disturb_nobody() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    for bytes in
        [&b"\x00\xff\xfe garbage\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", &vec![b'A'; 100_000]]
    {
        raw(bob.http, bytes).await;
    }
    let names = ["<script>alert(1)</script>", "'; DROP TABLE users; --", "../../etc/passwd"];
    for name in names {
        bob.add("light", name).await;
    }
    let list: Vec<Json> = bob.ask("GET", "/devices", None).await.json().as_array().unwrap().clone();
    assert_eq!(list.len(), names.len());
}
