//! What a person gives to programs: API tokens and client credentials.

use std::path::Path;
use std::time::{Duration, Instant};

use hearth::codec::{QoS, ReasonCode};
use hearth::store::{accounts, credentials};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::guest::{Guest, V5};
use crate::process::{Server, change_store};
use crate::support::{Answer, Open, Person, Tab, Thing, rest, until};

/// A program with an API token of `person`, as somebody who asks.
async fn program(person: &Person, new: Json) -> Person {
    let made = person.ask("POST", "/tokens", Some(new)).await;
    assert_eq!(made.status, 201, "{made:?}");
    Person { token: made.json()["token"].as_str().unwrap().to_owned(), ..person.clone() }
}

#[tokio::test]
async fn a_token_that_reads_sees_all_and_changes_nothing() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let reader = program(&ann, json!({"label": "grafana"})).await;
    assert_eq!(reader.see(&lamp).await["id"], lamp.id);
    assert_eq!(reader.want(&lamp, json!({"on": true})).await.status, 403);
    let mut tab = Tab::open(ann.http, &reader.token).await;
    tab.say(&json!({"type": "set", "ref": "a", "device": lamp.id, "desired": {"on": true}})).await;
    assert_eq!(tab.wait_for(|frame| frame["type"] == "error").await["code"], "forbidden");
}

#[tokio::test]
async fn a_token_for_one_device_knows_of_no_other() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let (lamp, other) = (ann.add("light", "lamp").await, ann.add("light", "other").await);
    let new = json!({"label": "button", "scope": "control", "devices": [lamp.id]});
    let button = program(&ann, new).await;
    assert_eq!(button.want(&lamp, json!({"on": true})).await.status, 200);
    assert_eq!(button.want(&other, json!({"on": true})).await.status, 404);
    let mut tab = Tab::open(ann.http, &button.token).await;
    assert_eq!(tab.frame().await["devices"].as_array().unwrap().len(), 1);
    ann.want(&other, json!({"on": true})).await;
    ann.want(&lamp, json!({"on": false})).await;
    assert_eq!(tab.wait_for(|frame| frame["type"] == "delta").await["id"], lamp.id);
    let commands = format!("/devices/{}/commands", lamp.id);
    let by = ann.ask("GET", &commands, None).await.json();
    assert_eq!(by[1]["via"], json!({"token": "button"}));
}

#[tokio::test]
async fn a_token_is_no_person() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let button = program(&ann, json!({"label": "button", "scope": "control"})).await;
    let device = format!("/devices/{}", lamp.id);
    for (method, path) in [
        ("DELETE", device.clone()),
        ("POST", format!("{device}/secret")),
        ("GET", format!("{device}/grants")),
        ("GET", "/tokens".into()),
        ("GET", "/clients".into()),
        ("POST", "/auth/ticket".into()),
    ] {
        assert_eq!(button.ask(method, &path, None).await.status, 403, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_that_was_taken_back_opens_nothing_and_its_sockets_close() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let reader = program(&ann, json!({"label": "grafana"})).await;
    let mut tab = Tab::open(ann.http, &reader.token).await;
    let shown = ann.ask("GET", "/tokens", None).await;
    assert!(!shown.text.contains("hearth_"), "{shown:?}");
    assert_eq!(ann.ask("DELETE", "/tokens/grafana", None).await.status, 204);
    assert_eq!(tab.closed().await, 4401);
    assert_eq!(reader.ask("GET", "/devices", None).await.status, 401);
}

/// The phase, and the way it came in, of every command of a device by its list, newest first.
async fn commands(owner: &Person, lamp: &Thing) -> Vec<(Json, Json)> {
    let path = format!("/devices/{}/commands", lamp.id);
    let listed = owner.ask("GET", &path, None).await.json();
    let listed = listed.as_array().unwrap();
    listed.iter().map(|command| (command["phase"].clone(), command["via"].clone())).collect()
}

#[tokio::test]
async fn what_a_token_asked_and_is_not_done_ends_when_it_is_taken_back() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let grants = format!("/devices/{}/grants/bob", lamp.id);
    ann.ask("PUT", &grants, Some(json!({"role": "operator"}))).await;
    let button = program(&bob, json!({"label": "button", "scope": "control"})).await;
    assert_eq!(button.want(&lamp, json!({"on": true})).await.status, 200);
    assert_eq!(bob.want(&lamp, json!({"hue": 20})).await.status, 200);
    let mut tab = ann.tab().await;
    let since = Instant::now();
    assert_eq!(bob.ask("DELETE", "/tokens/button", None).await.status, 204);
    tab.wait_for(|frame| frame["phase"] == "failed").await;
    assert!(since.elapsed() < Duration::from_secs(1));
    let token = json!({"token": "button"});
    let expected = [(json!("accepted"), json!("login")), (json!("failed"), token)];
    assert_eq!(commands(&ann, &lamp).await, expected, "what its user asked goes on");
    assert!(ann.see(&lamp).await["desired"]["on"].is_null());
    assert_eq!(button.want(&lamp, json!({"on": true})).await.status, 401);
}

#[tokio::test]
async fn what_a_client_asked_and_is_not_done_ends_when_its_credential_is_taken_back() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let mut guest = Guest::open(&ann.credential("nodered").await, V5).await;
    let topic = format!("devices/{}/set", lamp.id);
    let done = guest.publish(&topic, br#"{"on":true}"#, QoS::AtLeastOnce).await;
    assert_eq!(done, ReasonCode::SUCCESS);
    let by = json!({"client": "nodered"});
    let ended = |phase: &'static str| {
        let (ann, lamp, by) = (&ann, &lamp, &by);
        async move { (commands(ann, lamp).await == [(json!(phase), by.clone())]).then_some(()) }
    };
    until(|| ended("accepted")).await;
    assert_eq!(ann.ask("DELETE", "/clients/nodered", None).await.status, 204);
    until(|| ended("failed")).await;
    assert!(ann.see(&lamp).await["desired"]["on"].is_null());
}

#[tokio::test]
async fn what_a_token_asks_is_given_up_when_the_token_is_over() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let ends = hearth::host::now_ms() + 2_500;
    let new = json!({"label": "button", "scope": "control", "until": ends});
    let button = program(&ann, new).await;
    assert_eq!(button.want(&lamp, json!({"on": true})).await.status, 200);
    let path = format!("/devices/{}/commands", lamp.id);
    let listed = ann.ask("GET", &path, None).await.json();
    assert!(listed[0]["expires"].as_i64().unwrap() <= ends, "{listed}");
}

#[tokio::test]
async fn a_device_that_was_down_when_a_token_was_taken_back_gives_up_what_it_asked() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let ann = Person::register(server.http, server.mqtt, "ann").await;
    let lamp = ann.add("light", "lamp").await;
    let button = program(&ann, json!({"label": "button", "scope": "control"})).await;
    assert_eq!(button.want(&lamp, json!({"on": true})).await.status, 200);
    server.kill();
    take_token_away(folder.path(), "ann", "button").await;
    server = Server::start(folder.path());
    let ann = Person::login(server.http, server.mqtt, "ann").await;
    // Its actor starts with whoever first wants something of it.
    ann.want(&lamp, json!({"hue": 20})).await;
    let failed = || async {
        let ended = commands(&ann, &lamp).await;
        (ended[1].0 == "failed").then_some(())
    };
    until(failed).await;
    server.kill();
}

/// As if the server had been killed between that and telling anybody.
async fn take_token_away(folder: &Path, user: &str, label: &str) {
    change_store(folder, |store, batch| {
        let user = accounts::user_named(store, user).unwrap().unwrap();
        let token = credentials::token(store, user.id, label).unwrap().unwrap();
        credentials::remove_token(batch, &token);
    })
    .await;
}

#[tokio::test]
async fn who_asks_too_fast_is_told_when_to_come_back() {
    let open = Open::with(&[("HTTP__TOKEN_BURST_MAX", "5"), ("HTTP__TOKEN_RATE_MAX", "1")]).await;
    let ann = open.person("ann").await;
    let reader = program(&ann, json!({"label": "grafana"})).await;
    let mut served = 0;
    let refused = loop {
        let answer = rest(ann.http, "GET", "/kinds", Some(&reader.token), None, &[]).await;
        if answer.status == 429 {
            break answer;
        }
        served += 1;
        assert!(served < 100);
    };
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(ann.ask("GET", "/devices", None).await.status, 200);
}

/// Asks until the answer is 429, which says when to come back.
async fn is_told_to_wait(asks: impl AsyncFn() -> Answer) {
    for _ in 0..200 {
        let answer = asks().await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
            return;
        }
    }
    panic!("nobody was told to wait");
}

#[tokio::test]
async fn a_user_who_asks_too_fast_has_to_wait_and_another_has_not() {
    let open = Open::with(&[("HTTP__USER_BURST_MAX", "20"), ("HTTP__USER_RATE_MAX", "1")]).await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    is_told_to_wait(async || ann.ask("GET", "/devices", None).await).await;
    assert_eq!(bob.ask("GET", "/devices", None).await.status, 200);
}

#[tokio::test]
async fn an_address_that_asks_too_fast_has_to_wait_whoever_it_says_it_is() {
    let more = [("HTTP__ADDRESS_BURST_MAX", "20"), ("HTTP__ADDRESS_RATE_MAX", "1")];
    let open = Open::with(&more).await;
    let ann = open.person("ann").await;
    is_told_to_wait(async || rest(ann.http, "GET", "/kinds", None, None, &[]).await).await;
    assert_eq!(ann.ask("GET", "/devices", None).await.status, 429);
    let health = rest(ann.http, "GET", "/health/ready", None, None, &[]).await;
    assert_eq!(health.status, 200, "who looks after the house is let in");
}

#[tokio::test]
async fn a_program_opens_a_socket_with_its_token_as_a_header() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let reader = program(&ann, json!({"label": "grafana"})).await;
    let mut tab = Tab::with_header(ann.http, &reader.token).await;
    assert_eq!(tab.frame().await["devices"][0]["id"], lamp.id);
}

#[tokio::test]
async fn who_asks_too_fast_on_a_socket_is_told_when_to_come_back_and_stays_connected() {
    let open = Open::with(&[("HTTP__TOKEN_BURST_MAX", "5"), ("HTTP__TOKEN_RATE_MAX", "1")]).await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let button = program(&ann, json!({"label": "button", "scope": "control"})).await;
    let mut tab = Tab::open(ann.http, &button.token).await;
    for level in 1..=20 {
        let wish = json!({ "brightness": level });
        let reference = level.to_string();
        let set = json!({"type": "set", "ref": reference, "device": lamp.id, "desired": wish});
        tab.say(&set).await;
    }
    let refused = tab.wait_for(|frame| frame["type"] == "error").await;
    assert_eq!(refused["code"], "too_many_requests");
    assert!(refused["ref"].is_string() && refused["retry_after_s"].as_u64() >= Some(1));
    tab.say(&json!({"type": "ping"})).await;
    tab.wait_for(|frame| frame["type"] == "pong").await;
}

#[tokio::test]
async fn a_client_credential_is_shown_once_and_can_be_taken_back() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let new = json!({"label": "node-red"});
    let made = ann.ask("POST", "/clients", Some(new.clone())).await;
    assert_eq!((made.status, &made.json()["username"]), (201, &json!("ann/node-red")));
    assert_eq!(ann.ask("POST", "/clients", Some(new)).await.status, 409);
    let shown = ann.ask("GET", "/clients", None).await.json();
    assert!(shown[0].get("password").is_none(), "{shown}");
    assert_eq!(bob.ask("DELETE", "/clients/node-red", None).await.status, 404);
    assert_eq!(ann.ask("DELETE", "/clients/node-red", None).await.status, 204);
}
