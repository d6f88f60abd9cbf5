//! Commands, from the wish to its end.

use serde_json::{Value as Json, json};

use crate::support::{Open, Tab, until};

async fn phases(tab: &mut Tab, reference: &str) -> Vec<String> {
    let mut phases = Vec::new();
    loop {
        let frame = tab.wait_for(|frame| frame["ref"] == reference).await;
        let phase = frame["phase"].as_str().unwrap_or("error").to_owned();
        let last = matches!(phase.as_str(), "applied" | "failed" | "expired" | "error");
        phases.push(phase);
        if last {
            return phases;
        }
    }
}

fn set(reference: &str, device: u64, desired: &Json) -> Json {
    json!({"type": "set", "ref": reference, "device": device, "desired": desired})
}

#[tokio::test]
async fn every_tab_is_told_how_far_a_command_came() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let (mut one, mut other) = (bob.tab().await, bob.tab().await);
    one.say(&set("r1", lamp.id, &json!({"on": true}))).await;
    assert_eq!(link.set().await, json!({"on": true}));
    link.report(json!({"on": true})).await;
    let all = ["accepted", "delivered", "applied"];
    assert_eq!(phases(&mut one, "r1").await, all);
    assert_eq!(phases(&mut other, "r1").await, all);
}

#[tokio::test]
async fn a_device_gets_what_it_missed_when_it_returns() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    bob.want(&lamp, json!({"on": true})).await;
    bob.want(&lamp, json!({"brightness": 30})).await;
    let mut link = lamp.connect().await;
    assert_eq!(link.set().await, json!({"on": true, "brightness": 30}));
}

#[tokio::test]
async fn a_refused_command_fails_with_the_devices_reason() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let mut tab = bob.tab().await;
    tab.say(&set("r1", lamp.id, &json!({"brightness": 90}))).await;
    link.set().await;
    link.publish("refused", br#"{"brightness":"too hot"}"#).await;
    let frame = tab.wait_for(|frame| frame["phase"] == "failed").await;
    assert!(frame["reason"].as_str().unwrap().contains("too hot"), "{frame}");
    bob.sees(&lamp, |seen| seen["desired"]["brightness"].is_null()).await;
}

#[tokio::test]
async fn a_command_expires_after_its_time_to_live() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    let wish = json!({"type": "set", "ref": "r1", "device": lamp.id, "desired": {"on": true},
        "ttl_s": 1});
    tab.say(&wish).await;
    assert_eq!(phases(&mut tab, "r1").await, ["accepted", "expired"]);
    let listed = bob.ask("GET", &format!("/devices/{}/commands", lamp.id), None).await.json();
    assert_eq!((&listed[0]["ref"], &listed[0]["phase"]), (&json!("r1"), &json!("expired")));
    assert_eq!(listed[0]["by"], "bob");
}

#[tokio::test]
async fn a_report_that_breaks_the_schema_is_the_devices_last_problem_and_the_link_stays() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let counted = "hearth_mqtt_dropped_total{reason=\"contract\"}";
    let before = open.metric(counted).await;
    link.report(json!({"brightness": 900, "on": true})).await;
    let seen = bob.sees(&lamp, |seen| seen["problem"].is_string()).await;
    assert!(seen["problem"].as_str().unwrap().contains("brightness"), "{seen}");
    assert_eq!(seen["reported"], json!({"on": true}));
    assert!(open.metric(counted).await > before);
    link.report(json!({"brightness": 9})).await;
    assert_eq!(bob.see(&lamp).await["connected"], true);
}

#[tokio::test]
async fn how_commands_end_is_counted() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let counts = async || {
        let applied = open.metric("hearth_command_applied_seconds_count").await;
        (applied, open.metric("hearth_commands_failed_total").await)
    };
    // Other tests of this process count as well.
    let before = counts().await;
    bob.want(&lamp, json!({"on": true})).await;
    let asked = link.set().await;
    link.report(asked).await;
    bob.want(&lamp, json!({"brightness": 90})).await;
    link.set().await;
    link.publish("refused", br#"{"brightness":"too hot"}"#).await;
    until(|| async {
        let (applied, failed) = counts().await;
        (applied > before.0 && failed > before.1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_time_to_live_is_a_week_at_most_on_every_interface() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    for ttl_s in [0, 604_801] {
        let body = json!({"desired": {"on": true}, "ttl_s": ttl_s});
        let path = format!("/devices/{}", lamp.id);
        assert_eq!(bob.ask("PATCH", &path, Some(body)).await.status, 422);
        let mut wish = set("r", lamp.id, &json!({"on": true}));
        wish["ttl_s"] = ttl_s.into();
        tab.say(&wish).await;
        assert_eq!(tab.wait_for(|frame| frame["ref"] == "r").await["code"], "invalid");
    }
}

#[tokio::test]
async fn an_alarm_is_told_when_it_begins_when_it_is_seen_and_when_it_is_over() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let cooker = bob.add("sous_vide", "cooker").await;
    let mut link = cooker.connect().await;
    let mut tab = bob.tab().await;
    let say = |low: bool| json!({"phase": "off", "water_c": 20.0, "low_water": low});
    link.report(say(true)).await;
    let raised = tab.wait_for(|frame| frame["type"] == "alarm").await;
    assert_eq!((&raised["code"], &raised["state"]), (&json!("low_water"), &json!("raised")));
    link.report(say(true)).await;
    let path = format!("/devices/{}/alarms/low_water/acknowledge", cooker.id);
    assert_eq!(bob.ask("POST", &path, None).await.status, 200);
    let seen = tab.wait_for(|frame| frame["type"] == "alarm").await;
    assert_eq!((&seen["state"], &seen["by"]), (&json!("acknowledged"), &json!("bob")));
    assert_eq!(bob.see(&cooker).await["alarms"][0]["acknowledged_by"], "bob");
    assert_eq!(bob.ask("POST", &path, None).await.status, 200, "once more does no harm");
    link.report(say(false)).await;
    let over = tab.wait_for(|frame| frame["type"] == "alarm").await;
    assert_eq!((&over["state"], &over["since"]), (&json!("cleared"), &raised["since"]));
    assert_eq!(bob.see(&cooker).await["alarms"], json!([]));
    let gone = bob.ask("POST", &path, None).await;
    assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("no_such_alarm")));
}
