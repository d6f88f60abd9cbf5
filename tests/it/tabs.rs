//! What tabs see, and in which order.

use serde_json::json;

use crate::support::Open;

#[tokio::test]
async fn a_tab_begins_with_a_snapshot_and_every_change_has_the_next_seq() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    let snapshot = tab.frame().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert!(snapshot["server_time"].as_i64().unwrap() > 0);
    let mut seq = snapshot["seq"].as_u64().unwrap();
    bob.want(&lamp, json!({"on": true})).await;
    bob.want(&lamp, json!({"on": false})).await;
    for _ in 0..4 {
        let frame = tab.frame().await;
        seq += 1;
        assert_eq!(frame["seq"], seq, "{frame}");
    }
}

#[tokio::test]
async fn a_tab_that_was_away_gets_what_it_missed() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    let seen = tab.frame().await["seq"].as_u64().unwrap();
    bob.want(&lamp, json!({"brightness": 40})).await;
    let mut back = bob.tab().await;
    back.frame().await;
    back.say(&json!({"type": "resume", "since": seen})).await;
    let missed = back.frame().await;
    assert_eq!((&missed["type"], &missed["seq"]), (&json!("delta"), &json!(seen + 1)));
    assert_eq!(missed["changes"]["desired"]["brightness"], 40);
}

#[tokio::test]
async fn a_gap_that_is_too_old_is_filled_with_a_snapshot() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let mut tab = bob.tab().await;
    tab.frame().await;
    tab.say(&json!({"type": "resume", "since": 17})).await;
    assert_eq!(tab.frame().await["type"], "snapshot");
}

#[tokio::test]
async fn a_slow_tab_is_not_queued_without_limit_and_sees_the_end_all_the_same() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut slow = bob.tab().await;
    let mut link = lamp.connect().await;
    for round in 0..300 {
        link.report(json!({"brightness": round % 100 + 1})).await;
    }
    link.report(json!({"brightness": 77, "on": true})).await;
    let is_last = |device: &serde_json::Value| device["reported"]["on"] == true;
    slow.wait_for(|frame| is_last(&frame["changes"]) || is_last(&frame["device"])).await;
}

#[tokio::test]
async fn a_new_device_and_a_deleted_one_reach_every_tab() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let mut tab = bob.tab().await;
    tab.frame().await;
    let lamp = bob.add("light", "lamp").await;
    let added = tab.frame().await;
    assert_eq!((&added["type"], &added["device"]["id"]), (&json!("device"), &json!(lamp.id)));
    let link = lamp.connect().await;
    assert_eq!(bob.ask("DELETE", &format!("/devices/{}", lamp.id), None).await.status, 204);
    tab.wait_for(|frame| frame["type"] == "removed" && frame["id"] == lamp.id).await;
    link.closed().await;
    assert_eq!(bob.ask("GET", &format!("/devices/{}", lamp.id), None).await.status, 404);
}
