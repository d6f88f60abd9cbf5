//! Kinds over REST, and a kind's file that can't be used.

use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;

use crate::process::hearth;
use crate::support::{Open, rest};

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
