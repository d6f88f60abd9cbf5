//! How many of everything a person may have: one more is refused in words, and counted.

use serde_json::{Value as Json, json};

use crate::support::{Answer, Open};

/// Holds that one more is refused with 409 and this code, and counted under this name.
async fn is_refused(open: &Open, limit: &str, code: &str, asks: impl AsyncFn() -> Answer) {
    let counted = format!("hearth_limited_total{{limit=\"{limit}\"}}");
    // Other tests of this process count as well.
    let before = open.metric(&counted).await;
    let refused = asks().await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!(code)), "{refused:?}");
    assert!(open.metric(&counted).await > before);
}

#[tokio::test]
async fn one_device_more_than_a_user_may_have_is_refused_and_counted() {
    let open = Open::with(&[("LIMITS__DEVICES_MAX", "2")]).await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    ann.add("light", "lamp").await;
    let new = json!({"kind": "light", "description": "lamp"});
    let more = async || ann.ask("POST", "/devices", Some(new.clone())).await;
    is_refused(&open, "devices", "too_many_devices", more).await;
    assert_eq!(ann.ask("DELETE", &format!("/devices/{}", lamp.id), None).await.status, 204);
    assert_eq!(ann.ask("POST", "/devices", Some(new)).await.status, 201, "there is room again");
}

#[tokio::test]
async fn one_person_more_than_a_device_is_shared_with_is_refused_and_counted() {
    let open = Open::with(&[("LIMITS__GRANTS_MAX", "1")]).await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    open.person("eve").await;
    let lamp = ann.add("light", "lamp").await;
    let path = format!("/devices/{}", lamp.id);
    let share = async |name: &str, role: &str| {
        ann.ask("PUT", &format!("{path}/grants/{name}"), Some(json!({ "role": role }))).await
    };
    let invite = async || {
        ann.ask("POST", &format!("{path}/invitations"), Some(json!({"role": "viewer"}))).await
    };
    let link = invite().await.json()["token"].as_str().unwrap().to_owned();
    is_refused(&open, "grants", "too_many_grants", invite).await;
    assert_eq!(share("eve", "viewer").await.status, 200);
    assert_eq!(share("eve", "operator").await.status, 200, "who is in already may be more");
    is_refused(&open, "grants", "too_many_grants", async || share("bob", "viewer").await).await;
    let join = async || bob.ask("POST", &format!("/invitations/{link}"), None).await;
    is_refused(&open, "grants", "too_many_grants", join).await;
}

#[tokio::test]
async fn one_key_for_a_program_more_than_may_be_is_refused_and_counted() {
    let open = Open::with(&[("AUTH__TOKENS_MAX", "1"), ("AUTH__CLIENTS_MAX", "1")]).await;
    let ann = open.person("ann").await;
    for (path, limit) in [("/tokens", "tokens"), ("/clients", "clients")] {
        let make = async |label: &str| ann.ask("POST", path, Some(json!({ "label": label }))).await;
        assert_eq!(make("one").await.status, 201);
        is_refused(&open, limit, "too_many", async || make("two").await).await;
        let kept = ann.ask("GET", path, None).await.json();
        assert_eq!(kept.as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn the_oldest_tab_makes_way_for_one_too_many_and_is_counted() {
    let open = Open::with(&[("HTTP__TABS_MAX", "2")]).await;
    let ann = open.person("ann").await;
    let before = open.metric("hearth_tabs_surplus_total").await;
    let (mut oldest, mut second, mut third) = (ann.tab().await, ann.tab().await, ann.tab().await);
    assert_eq!(oldest.closed().await, 1013);
    assert!(open.metric("hearth_tabs_surplus_total").await > before);
    let snapshot = |frame: &Json| frame["type"] == "snapshot";
    second.wait_for(snapshot).await;
    third.wait_for(snapshot).await;
}
