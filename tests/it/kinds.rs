//! Kinds over REST, and a kind's file that can't be used.

use std::process::Stdio;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::process::{Server, hearth};
use crate::support::{Open, Person, rest, until};

#[tokio::test]
async fn a_kind_is_shown_as_a_schema_or_as_a_thing_model() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let kind = bob.ask("GET", "/kinds/thermometer", None).await.json();
    assert_eq!(kind["properties"]["temperature_c"]["type"], "number");
    let model = bob.ask("GET", "/kinds/thermometer/thing-model", None).await;
    assert_eq!(model.header("content-type").as_deref(), Some("application/tm+json"));
    let model = model.json();
    assert_eq!(model["@context"], "https://www.w3.org/2022/wot/td/v1.1");
    assert_eq!(model["@type"], "tm:ThingModel");
    let battery = &model["properties"]["battery_pct"];
    assert_eq!((&battery["readOnly"], &battery["unit"]), (&json!(true), &json!("%")));
    let accept = [("accept", "application/tm+json")];
    let same = rest(bob.http, "GET", "/kinds/thermometer", Some(&bob.token), None, &accept).await;
    assert_eq!(same.json(), model);
    let all = rest(bob.http, "GET", "/kinds", Some(&bob.token), None, &accept).await.json();
    assert!(all.as_array().unwrap().contains(&model));
    assert_eq!(bob.ask("GET", "/kinds/toaster", None).await.status, 404);
}

const AQUARIUM: &str = "title = \"Aquarium\"\n\
    [property.water_c]\ntype = \"number\"\nunit = \"°C\"\nmin = 0.0\nmax = 40.0\nstep = 0.1\n\
    history = true\n\
    [property.feed_g]\ntype = \"number\"\nmin = 0.0\nmax = 20.0\nstep = 0.5\n\
    [property.mode]\ntype = \"enum\"\nvalues = [\"day\", \"night\"]\nwritable = true\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_validates_by_a_kind_of_the_operators_and_history_keeps_what_it_marks() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("kinds")).unwrap();
    std::fs::write(folder.path().join("kinds/aquarium.toml"), AQUARIUM).unwrap();
    let server = Server::start(folder.path());
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    assert_eq!(bob.ask("GET", "/kinds/aquarium", None).await.json()["title"], "Aquarium");
    let tank = bob.add("aquarium", "fish").await;
    for (desired, path) in [
        (json!({"mode": "dusk"}), "desired.mode"),
        (json!({"water_c": 20.0}), "desired.water_c"),
        (json!({"pump": true}), "desired.pump"),
    ] {
        let refused = bob.want(&tank, desired).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["field"], path);
    }
    assert_eq!(bob.want(&tank, json!({"mode": "night"})).await.status, 200);
    let mut link = tank.connect().await;
    assert_eq!(link.set().await, json!({"mode": "night"}));
    link.report(json!({"water_c": 24.96, "feed_g": 2.5, "mode": "night"})).await;
    let points = async |property: &str| {
        let path = format!("/devices/{}/history?property={property}&step=0", tank.id);
        bob.ask("GET", &path, None).await.json()["points"].as_array().cloned()
    };
    until(|| async { points("water_c").await.filter(|points| points.len() == 1) }).await;
    assert_eq!(points("feed_g").await.unwrap_or_default(), Vec::<Json>::new());
    server.kill();
}

#[test]
fn a_bad_kind_file_ends_the_start_with_file_line_and_reason() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("kinds")).unwrap();
    let text = "title = \"Aquarium\"\n[property.water_c]\ntype = \"number\"\ncolour = 1\n\
        [property.mode]\ntype = \"enum\"\n";
    std::fs::write(folder.path().join("kinds/aquarium.toml"), text).unwrap();
    for command in ["serve", "check-config"] {
        let refused = hearth(folder.path()).arg(command).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{command}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("aquarium.toml:4: unknown key \"colour\""), "{command}: {said}");
        assert!(said.contains("aquarium.toml:6: an enum needs values"), "{command}: {said}");
    }
}
