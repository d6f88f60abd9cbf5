//! Totals: a person's own, and the fleet's.

use hearth::host::now_ms;
use hearth::store::{Batch, accounts};
use serde_json::json;

use crate::support::{Open, Person, soon, until};

#[tokio::test]
async fn a_person_sees_devices_by_kind_who_is_online_and_the_messages() {
    let open = Open::new().await;
    let (bob, eve) = (open.person("bob").await, open.person("eve").await);
    let lamp = bob.add("light", "lamp").await;
    bob.add("light", "other").await;
    bob.add("switch", "fan").await;
    let mut link = lamp.connect().await;
    for level in 1..=3 {
        link.report(json!({"brightness": level})).await;
    }
    let stats = bob.ask("GET", "/stats", None).await.json();
    let devices = &stats["devices"];
    assert_eq!((&devices["total"], &devices["online"]), (&json!(3), &json!(1)), "{stats}");
    assert_eq!(devices["by_kind"]["light"], json!({"total": 2, "online": 1}));
    assert_eq!(stats["messages"]["received"], 3);
    let others = eve.ask("GET", "/stats", None).await.json();
    assert_eq!(
        (&others["devices"]["total"], &others["messages"]["received"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn energy_is_counted_by_the_meter_or_added_up_from_the_power() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let plug = bob.add("plug", "kettle").await;
    let mut link = plug.connect().await;
    let hour_ms = 3_600_000;
    let start_ms = now_ms() - 4 * hour_ms;
    for (hour, energy_kwh) in [(0, 7.0), (1, 7.5), (2, 0.25)] {
        let reading = json!({"energy_kwh": energy_kwh, "ts": start_ms + hour * hour_ms});
        link.publish("telemetry", reading.to_string().as_bytes()).await;
    }
    link.report(json!({"on": true, "power_w": 2_000.0})).await;
    until(|| async { (open.house.stats.totals().readings >= 4).then_some(()) }).await;
    soon(open.house.stats.settle()).await;
    let energy = bob.ask("GET", "/stats", None).await.json()["energy"].clone();
    assert_eq!((&energy["energy_kwh"], &energy["power_w"]), (&json!(0.75), &json!(2_000.0)));
    assert_eq!(energy["devices"][0]["id"], plug.id);
    let path = format!("/stats?from={}&to={}", start_ms - 1, start_ms + hour_ms + 1);
    let energy = bob.ask("GET", &path, None).await.json()["energy"].clone();
    assert_eq!(energy["energy_kwh"], 0.5, "of the time that was asked for");
    assert_eq!(bob.ask("GET", "/stats?from=2&to=1", None).await.status, 422);
}

#[tokio::test]
async fn the_fleet_is_its_administrators_to_see() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    assert_eq!(bob.ask("GET", "/admin/stats", None).await.status, 403);
    let mut root = accounts::user_named(&open.house.store, "bob").unwrap().unwrap();
    root.admin = true;
    let mut batch = Batch::new();
    accounts::put_user(&mut batch, &root);
    open.house.store.commit(batch).await.unwrap();
    let root = Person::login(open.house.http, open.house.mqtt, "bob").await;
    for number in 0..3 {
        root.add("light", &format!("lamp {number}")).await;
    }
    let ann = open.person("ann").await;
    let meter = ann.add("counter", "meter").await;
    let mut link = meter.connect().await;
    link.report(json!({"count": 1})).await;
    soon(open.house.stats.settle()).await;
    let fleet = root.ask("GET", "/admin/stats", None).await.json();
    assert_eq!(fleet["users"], json!({"total": 2, "admins": 1}));
    assert_eq!(fleet["devices"]["by_kind"], json!({"light": 3, "counter": 1}));
    assert!(fleet["devices"]["online"].as_i64() >= Some(1), "{fleet}");
    assert_eq!(fleet["history"]["readings"], 1);
    let metric = open.metric("hearth_stats_readings_total").await;
    assert!(metric >= 1.0);
}
