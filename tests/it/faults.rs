//! The faults of the system before Hearth, each of which must be impossible.

use serde_json::json;

use crate::process::Server;
use crate::support::{Open, Person, rest, until};

#[tokio::test]
async fn a_patch_on_one_device_changes_only_that_one() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let (one, other) = (bob.add("light", "one").await, bob.add("light", "other").await);
    let before = bob.see(&other).await;
    assert_eq!(bob.want(&one, json!({"on": true})).await.status, 200);
    assert_eq!(bob.see(&one).await["desired"]["on"], true);
    assert_eq!(bob.see(&other).await, before);
}

#[tokio::test]
async fn every_tab_of_a_user_hears_every_update() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tabs = [bob.tab().await, bob.tab().await, bob.tab().await];
    let mut link = lamp.connect().await;
    link.report(json!({"on": true, "brightness": 7})).await;
    for tab in &mut tabs {
        tab.wait_for(|frame| frame["changes"]["reported"]["brightness"] == 7).await;
    }
}

#[tokio::test]
async fn a_device_with_quotes_in_its_name_loses_nothing() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "Bob's \"lamp\" <b>\u{202e}x</b>").await;
    let mut tab = bob.tab().await;
    let snapshot = tab.frame().await;
    assert_eq!(snapshot["devices"][0]["description"], "Bob's \"lamp\" <b>\u{202e}x</b>");
    let mut link = lamp.connect().await;
    for level in 1..=20 {
        link.report(json!({ "brightness": level })).await;
    }
    for level in 1..=20 {
        let frame = tab.wait_for(|frame| !frame["changes"]["reported"].is_null()).await;
        assert_eq!(frame["changes"]["reported"]["brightness"], level);
    }
}

#[tokio::test]
async fn closed_connections_are_gone() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push((lamp.connect().await, bob.tab().await));
    }
    let counts = async |tabs: &str, links: &str| {
        let text = rest(server.http, "GET", "/metrics", None, None, &[]).await.text;
        let has = |line: &str| text.lines().any(|known| known == line);
        has(&format!("hearth_tabs {tabs}")) && has(&format!("hearth_mqtt_links {links}"))
    };
    until(|| async { counts("5", "1").await.then_some(()) }).await;
    for (link, tab) in open {
        link.cut();
        drop(tab);
    }
    until(|| async { counts("0", "0").await.then_some(()) }).await;
    server.kill();
}

#[tokio::test]
async fn target_zero_is_refused_in_words_and_never_means_off() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let cooker = bob.add("sous_vide", "cooker").await;
    let path = format!("/devices/{}", cooker.id);
    for patch in [json!({"targetTemp": 0}), json!({"desired": {"target_c": 0}})] {
        let refused = bob.ask("PATCH", &path, Some(patch)).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["code"], "out_of_range");
    }
    let asked = bob.ask("PATCH", &path, Some(json!({"targetTemp": 54.5, "time": 7200}))).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    assert_eq!(asked.json()["desired"], json!({"target_c": 54.5, "timer_s": 7200}));
}

#[tokio::test]
async fn connected_is_a_fact() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    assert_eq!(tab.frame().await["devices"][0]["connected"], false);
    let first = lamp.connect().await;
    tab.wait_for(|frame| frame["changes"]["connected"] == true).await;
    let second = lamp.connect().await;
    first.closed().await;
    assert_eq!(bob.see(&lamp).await["connected"], true, "a take-over is no absence");
    second.cut();
    tab.wait_for(|frame| frame["changes"]["connected"] == false).await;
}

#[tokio::test]
async fn concurrent_patches_are_ordered_by_rev() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let patches = (1..=20).map(|level| {
        let (bob, lamp) = (bob.clone(), lamp.clone());
        async move { (level, bob.want(&lamp, json!({ "brightness": level })).await.json()) }
    });
    let mut answers = futures_util::future::join_all(patches).await;
    answers.sort_by_key(|(_, device)| device["rev"].as_u64().unwrap());
    let mut revs: Vec<u64> = answers.iter().map(|(_, d)| d["rev"].as_u64().unwrap()).collect();
    revs.dedup();
    assert_eq!(revs.len(), 20, "each write has a revision of its own");
    let (last, _) = answers.last().unwrap();
    assert_eq!(bob.see(&lamp).await["desired"]["brightness"], *last);
}

#[tokio::test]
async fn a_stale_write_is_refused() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let path = format!("/devices/{}", lamp.id);
    let rev = bob.see(&lamp).await["rev"].as_u64().unwrap();
    let tag = format!("\"{rev}\"");
    let write = async |name: &str| {
        let body = json!({ "description": name });
        let headers = [("if-match", tag.as_str())];
        rest(bob.http, "PATCH", &path, Some(&bob.token), Some(&body), &headers).await
    };
    assert_eq!(write("first").await.status, 200);
    let refused = write("second").await;
    assert_eq!(refused.status, 412, "{refused:?}");
    assert_eq!(refused.json()["code"], "stale");
    assert_eq!(bob.see(&lamp).await["description"], "first");
}
