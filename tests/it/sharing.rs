//! Sharing a device: who sees it, who may use it, and how soon an open page knows.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use crate::support::{Open, Person, Thing, until};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

async fn give(owner: &Person, lamp: &Thing, name: &str, grant: Json) -> u16 {
    let path = format!("/devices/{}/grants/{name}", lamp.id);
    owner.ask("PUT", &path, Some(grant)).await.status
}

async fn take(who: &Person, lamp: &Thing, name: &str) -> u16 {
    who.ask("DELETE", &format!("/devices/{}/grants/{name}", lamp.id), None).await.status
}

async fn sees(who: &Person, lamp: &Thing) -> u16 {
    who.ask("GET", &format!("/devices/{}", lamp.id), None).await.status
}

#[tokio::test]
async fn a_grant_and_its_end_reach_an_open_page_within_a_second() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    tab.frame().await;
    assert_eq!(sees(&bob, &lamp).await, 404);
    let since = Instant::now();
    assert_eq!(give(&ann, &lamp, "Bob", json!({"role": "viewer"})).await, 200);
    let frame = tab.wait_for(|frame| frame["type"] == "device").await;
    assert_eq!(
        (&frame["device"]["id"], &frame["device"]["role"]),
        (&json!(lamp.id), &json!("viewer"))
    );
    assert_eq!(take(&ann, &lamp, "bob").await, 204);
    tab.wait_for(|frame| frame["type"] == "removed" && frame["id"] == lamp.id).await;
    assert!(since.elapsed() < Duration::from_secs(2));
    assert_eq!(sees(&bob, &lamp).await, 404);
}

#[tokio::test]
async fn each_role_may_what_it_says_and_no_more() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let path = format!("/devices/{}", lamp.id);
    give(&ann, &lamp, "bob", json!({"role": "viewer"})).await;
    assert_eq!(bob.want(&lamp, json!({"on": true})).await.status, 403);
    assert_eq!(give(&bob, &lamp, "bob", json!({"role": "owner"})).await, 403);
    give(&ann, &lamp, "bob", json!({"role": "operator"})).await;
    assert_eq!(bob.want(&lamp, json!({"on": true})).await.status, 200);
    assert_eq!(bob.ask("PATCH", &path, Some(json!({"description": "mine"}))).await.status, 403);
    give(&ann, &lamp, "bob", json!({"role": "owner"})).await;
    assert_eq!(bob.ask("PATCH", &path, Some(json!({"description": "ours"}))).await.status, 200);
    let people = ann.ask("GET", &format!("{path}/grants"), None).await.json();
    assert_eq!(people, json!([{"username": "bob", "role": "owner", "until": null}]));
    assert_eq!(give(&bob, &lamp, "ann", json!({"role": "viewer"})).await, 422);
}

#[tokio::test]
async fn a_right_with_an_end_ends_by_itself_on_an_open_page() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    let until = now_ms() + 700;
    give(&ann, &lamp, "bob", json!({"role": "viewer", "until": until})).await;
    tab.wait_for(|frame| frame["type"] == "removed").await;
    assert!((until..until + 1_000).contains(&now_ms()));
    assert_eq!(sees(&bob, &lamp).await, 404);
}

#[tokio::test]
async fn who_leaves_is_out_and_who_was_invited_is_in_once() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let eve = open.person("eve").await;
    let lamp = ann.add("light", "lamp").await;
    let path = format!("/devices/{}/invitations", lamp.id);
    let made = ann.ask("POST", &path, Some(json!({"role": "operator"}))).await.json();
    let link = format!("/invitations/{}", made["token"].as_str().unwrap());
    assert_eq!(bob.ask("POST", &link, None).await.json()["role"], "operator");
    assert_eq!(eve.ask("POST", &link, None).await.status, 404);
    assert_eq!(take(&eve, &lamp, "bob").await, 404);
    assert_eq!(take(&bob, &lamp, "bob").await, 204);
    assert_eq!(sees(&bob, &lamp).await, 404);
}

#[tokio::test]
async fn a_deleted_device_leaves_the_pages_of_all_who_shared_it() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    give(&ann, &lamp, "bob", json!({"role": "viewer"})).await;
    let mut tab = bob.tab().await;
    assert_eq!(ann.ask("DELETE", &format!("/devices/{}", lamp.id), None).await.status, 204);
    tab.wait_for(|frame| frame["type"] == "removed" && frame["id"] == lamp.id).await;
}

/// The phases of the only command of a device, by its list.
async fn command(owner: &Person, lamp: &Thing) -> (Json, Json) {
    let path = format!("/devices/{}/commands", lamp.id);
    let listed = owner.ask("GET", &path, None).await.json();
    (listed[0]["phase"].clone(), listed[0]["reason"].clone())
}

#[tokio::test]
async fn who_loses_the_right_loses_what_is_asked_and_not_done() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    for end in ["taken away", "lowered", "given up"] {
        give(&ann, &lamp, "bob", json!({"role": "operator"})).await;
        let mut tab = ann.tab().await;
        assert_eq!(bob.want(&lamp, json!({"on": true})).await.status, 200);
        let since = Instant::now();
        let status = match end {
            "taken away" => take(&ann, &lamp, "bob").await,
            "lowered" => give(&ann, &lamp, "bob", json!({"role": "viewer"})).await,
            _ => take(&bob, &lamp, "bob").await,
        };
        assert!([200, 204].contains(&status), "{end}");
        tab.wait_for(|frame| frame["phase"] == "failed").await;
        assert!(since.elapsed() < Duration::from_secs(1), "{end}");
        let (phase, reason) = command(&ann, &lamp).await;
        assert_eq!(phase, "failed", "{end}: {reason}");
        assert!(ann.see(&lamp).await["desired"]["on"].is_null(), "{end}");
    }
}

#[tokio::test]
async fn what_is_asked_with_a_right_that_ends_is_given_up_with_it() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let ends = now_ms() + 2_500;
    give(&ann, &lamp, "bob", json!({"role": "operator", "until": ends})).await;
    bob.want(&lamp, json!({"on": true})).await;
    let path = format!("/devices/{}/commands", lamp.id);
    let listed = ann.ask("GET", &path, None).await.json();
    assert!(listed[0]["expires"].as_u64().unwrap() <= ends, "{listed}");
    let ended = || async {
        let (phase, _) = command(&ann, &lamp).await;
        (phase != "accepted").then_some(phase)
    };
    assert_eq!(until(ended).await, "expired");
    assert!(ann.see(&lamp).await["desired"]["on"].is_null());
}
