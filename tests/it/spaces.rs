//! Topic spaces over real sockets: nothing crosses, devices appear, what was acknowledged survives.

use hearth::codec::{QoS, ReasonCode, Version};
use hearth::model::UserId;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::guest::{Guest, LASTING, Manner, V5};
use crate::process::Server;
use crate::support::{Open, Person, until};

const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;

fn user_of(open: &Open, person: &Person) -> UserId {
    hearth::store::accounts::user_named(&open.house.store, &person.name).unwrap().unwrap().id
}

fn payload(message: &str) -> Json {
    let (_, payload) = message.split_once(' ').unwrap();
    serde_json::from_str(payload.trim_end_matches(" retained")).unwrap()
}

#[tokio::test]
async fn two_users_with_the_same_client_and_topics_see_nothing_of_each_other() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let (ann, bob) = (ann.credential("hub").await, bob.credential("hub").await);
    let mut at_ann = Guest::listening(&ann, LASTING, "#").await;
    let mut at_bob = Guest::listening(&bob, LASTING, "#").await;
    at_ann.retain("kitchen/lamp", b"ann").await;
    at_bob.publish("kitchen/lamp", b"bob", AT_LEAST_ONCE).await;
    // Each hears its own, and its own only: what follows is the next thing that it hears.
    at_ann.publish("end", b"", QoS::AtMostOnce).await;
    at_bob.publish("end", b"", QoS::AtMostOnce).await;
    assert_eq!(at_ann.message().await, "kitchen/lamp ann");
    assert_eq!(at_ann.message().await, "end ");
    assert_eq!(at_bob.message().await, "kitchen/lamp bob");
    assert_eq!(at_bob.message().await, "end ");
    let mut late = Guest::listening(&bob, Manner { id: "late", ..V5 }, "kitchen/#").await;
    late.publish("kitchen/end", b"", QoS::AtMostOnce).await;
    assert_eq!(late.message().await, "kitchen/end ", "nothing of ann's is retained for bob");
}

#[tokio::test]
async fn a_credential_works_until_it_is_taken_back_and_then_at_once_not_any_more() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let (hub, panel) = (ann.credential("hub").await, ann.credential("panel").await);
    let mut guest = Guest::open(&hub, LASTING).await;
    let mut other = Guest::listening(&panel, Manner { id: "other", ..V5 }, "t").await;
    assert_eq!(ann.ask("DELETE", "/clients/hub", None).await.status, 204);
    assert_eq!(guest.closed().await, Some(ReasonCode::NOT_AUTHORIZED));
    let again = Guest::try_open(hub.mqtt, Some(&hub), LASTING).await;
    assert_eq!(again.err(), Some(ReasonCode::NOT_AUTHORIZED));
    other.publish("t", b"here", AT_LEAST_ONCE).await;
}

#[tokio::test]
async fn a_credential_may_be_for_some_topics_only() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let asked = json!({
        "label": "sensor", "publish": ["home/+/t"], "subscribe": ["home/#", "devices/#"],
    });
    let sensor = ann.credential_for(asked).await;
    let mut guest = Guest::open(&sensor, V5).await;
    for (filter, code) in [
        ("home/+/t", ReasonCode::SUCCESS),
        ("$share/g/home/#", ReasonCode::SUCCESS),
        ("#", ReasonCode::NOT_AUTHORIZED),
        ("garden/t", ReasonCode::NOT_AUTHORIZED),
    ] {
        assert_eq!(guest.try_subscribe(filter, AT_LEAST_ONCE).await, code, "{filter}");
    }
    let set = format!("devices/{}/set", lamp.id);
    for topic in ["garden/t", "home/t", &set] {
        let refused = guest.publish(topic, br#"{"on":true}"#, AT_LEAST_ONCE).await;
        assert_eq!(refused, ReasonCode::NOT_AUTHORIZED, "{topic}");
    }
    assert!(!guest.publish("home/attic/t", b"21", AT_LEAST_ONCE).await.is_error());
    assert_eq!(guest.message().await, "home/attic/t 21");
    let mut old = Guest::open(&sensor, Manner { version: Version::V311, id: "old", ..V5 }).await;
    old.publish("garden/t", b"1", AT_LEAST_ONCE).await;
    assert_eq!(old.closed().await, None, "it has no words for a refusal");
    let shown = ann.ask("GET", "/clients", None).await.json();
    assert_eq!(shown[0]["publish"], json!(["home/+/t"]));
    let wrong = json!({ "label": "wrong", "publish": ["a/#/b"], "subscribe": ["$share/g/a"] });
    let refused = ann.ask("POST", "/clients", Some(wrong)).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("publish") && refused.text.contains("subscribe"));
}

#[tokio::test]
async fn a_users_devices_appear_under_devices() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    link.report(json!({"on": true, "brightness": 40})).await;
    let hub = ann.credential("hub").await;
    let topic = |leaf: &str| format!("devices/{}/{leaf}", lamp.id);
    let mut guest = Guest::listening(&hub, V5, "devices/#").await;
    let state = guest.message().await;
    assert!(state.starts_with(&topic("state")) && state.ends_with(" retained"), "{state}");
    assert_eq!(payload(&state)["brightness"], 40);
    link.report(json!({"brightness": 50})).await;
    let state = guest.message().await;
    assert!(state.starts_with(&topic("state")) && !state.ends_with(" retained"), "{state}");
    assert_eq!(payload(&state)["brightness"], 50);
    for (leaf, said) in
        [("event", json!({"event": "button"})), ("refused", json!({"brightness": "too bright"}))]
    {
        link.publish(leaf, said.to_string().as_bytes()).await;
        assert!(guest.message().await.starts_with(&topic(leaf)), "{leaf}");
    }
    ann.want(&lamp, json!({"brightness": 60})).await;
    let set = guest.message().await;
    assert!(set.starts_with(&topic("set")), "{set}");
    assert_eq!(payload(&set)["brightness"], 60);
}

#[tokio::test]
async fn what_a_device_measures_appears_under_devices() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let meter = ann.add("plug", "meter").await;
    let link = meter.connect().await;
    let hub = ann.credential("hub").await;
    let mut guest = Guest::listening(&hub, V5, "devices/+/telemetry").await;
    link.publish("telemetry", br#"{"power_w":12.5}"#).await;
    let telemetry = guest.message().await;
    assert_eq!(payload(&telemetry)["power_w"], 12.5, "{telemetry}");
}

#[tokio::test]
async fn another_users_device_neither_appears_nor_obeys() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "ann's lamp").await;
    let mut link = lamp.connect().await;
    link.report(json!({"on": true})).await;
    let hub = bob.credential("hub").await;
    let mut guest = Guest::listening(&hub, V5, "devices/#").await;
    let set = format!("devices/{}/set", lamp.id);
    let refused = guest.publish(&set, br#"{"on":false}"#, AT_LEAST_ONCE).await;
    assert_eq!(refused, ReasonCode::NOT_AUTHORIZED);
    link.report(json!({"on": true, "brightness": 7})).await;
    guest.publish("end", b"", AT_LEAST_ONCE).await;
    guest.subscribe("end", AT_LEAST_ONCE).await;
    guest.publish("end", b"", QoS::AtMostOnce).await;
    assert_eq!(guest.message().await, "end ");
    assert_eq!(ann.see(&lamp).await["desired"], json!({}));
}

#[tokio::test]
async fn a_client_commands_a_device_and_hears_when_that_is_durable_or_why_it_is_not() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let hub = ann.credential("hub").await;
    let mut guest = Guest::open(&hub, V5).await;
    let set = format!("devices/{}/set", lamp.id);
    for (wish, qos) in [(10, AT_LEAST_ONCE), (20, QoS::ExactlyOnce)] {
        let wish = json!({ "brightness": wish });
        let done = guest.publish(&set, wish.to_string().as_bytes(), qos).await;
        assert_eq!(done, ReasonCode::SUCCESS);
        assert_eq!(ann.see(&lamp).await["desired"]["brightness"], wish["brightness"]);
        assert_eq!(link.set().await["brightness"], wish["brightness"]);
    }
    for (topic, wish, reason) in [
        (set.as_str(), r#"{"brightness":4000}"#, ReasonCode::PAYLOAD_FORMAT_INVALID),
        (set.as_str(), "not json", ReasonCode::PAYLOAD_FORMAT_INVALID),
        ("devices/12345/set", r#"{"on":true}"#, ReasonCode::NOT_AUTHORIZED),
        ("devices/12345/state", r#"{"on":true}"#, ReasonCode::NOT_AUTHORIZED),
        ("devices", "", ReasonCode::NOT_AUTHORIZED),
        ("$SYS/load", "1", ReasonCode::NOT_AUTHORIZED),
    ] {
        for qos in [AT_LEAST_ONCE, QoS::ExactlyOnce] {
            let refused = guest.publish(topic, wish.as_bytes(), qos).await;
            assert_eq!(refused, reason, "{topic} {wish}");
        }
    }
    let mut old = Guest::open(&hub, Manner { version: Version::V311, id: "old", ..V5 }).await;
    old.publish("$SYS/load", b"1", AT_LEAST_ONCE).await;
    assert_eq!(old.closed().await, None, "it has no words for a refusal");
}

#[tokio::test]
async fn a_command_more_than_the_house_takes_of_all_clients_is_refused_and_counted() {
    let open = Open::with(&[("SPACES__COMMANDS_MAX", "1")]).await;
    let ann = open.person("ann").await;
    let set = format!("devices/{}/set", ann.add("light", "lamp").await.id);
    let mut guest = Guest::open(&ann.credential("hub").await, V5).await;
    let before = open.metric("hearth_tasks_refused_total").await;
    let answers = guest.flood(&set, br#"{"on":true}"#, (AT_LEAST_ONCE, 10)).await;
    assert!(answers.contains(&ReasonCode::SUCCESS), "{answers:?}");
    assert!(answers.contains(&ReasonCode::UNSPECIFIED_ERROR), "{answers:?}");
    assert!(open.metric("hearth_tasks_refused_total").await > before);
    assert_eq!(guest.publish(&set, br#"{"on":true}"#, AT_LEAST_ONCE).await, ReasonCode::SUCCESS);
}

#[tokio::test]
async fn a_client_that_asks_in_haste_has_no_more_commands_under_way_than_it_may_and_it_is_counted()
{
    let open = Open::with(&[("MQTT__RECEIVE_MAXIMUM", "2")]).await;
    let ann = open.person("ann").await;
    let set = format!("devices/{}/set", ann.add("light", "lamp").await.id);
    let mut guest = Guest::open(&ann.credential("hub").await, V5).await;
    let dropped = "hearth_mqtt_dropped_total{reason=\"commands\"}";
    let before = open.metric(dropped).await;
    guest.flood(&set, br#"{"on":true}"#, (QoS::AtMostOnce, 50)).await;
    until(async || (open.metric(dropped).await > before).then_some(())).await;
    assert_eq!(guest.publish(&set, br#"{"on":false}"#, AT_LEAST_ONCE).await, ReasonCode::SUCCESS);
}

#[tokio::test]
async fn without_credentials_one_comes_only_into_the_space_that_is_open_to_everybody() {
    let open = Open::new().await;
    open.person("ann").await;
    let refused = Guest::try_open(open.house.mqtt, None, V5).await;
    assert_eq!(refused.err(), Some(ReasonCode::NOT_AUTHORIZED));
    let open = Open::with(&[("MQTT__ANONYMOUS_USER", "ann")]).await;
    let refused = Guest::try_open(open.house.mqtt, None, V5).await;
    assert_eq!(refused.err(), Some(ReasonCode::NOT_AUTHORIZED), "there is no such user");
    let hub = open.person("ann").await.credential("hub").await;
    let mut guest = Guest::listening(&hub, V5, "t").await;
    let stranger = Manner { id: "stranger", ..V5 };
    let mut stranger = Guest::try_open(open.house.mqtt, None, stranger).await.unwrap();
    stranger.publish("t", b"hello", AT_LEAST_ONCE).await;
    assert_eq!(guest.message().await, "t hello");
}

#[tokio::test]
async fn a_killed_space_costs_its_clients_a_reconnect_and_nobody_else_anything() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let (hub, other) = (ann.credential("hub").await, bob.credential("hub").await);
    let mut guest = Guest::listening(&hub, LASTING, "devices/#").await;
    guest.subscribe("t", QoS::ExactlyOnce).await;
    guest.retain("kept", b"1").await;
    let mut bystander = Guest::listening(&other, V5, "t").await;
    assert!(open.house.spaces.kill(user_of(&open, &ann)));
    guest.closed().await;
    let mut guest =
        until(|| async { Guest::try_open(hub.mqtt, Some(&hub), LASTING).await.ok() }).await;
    assert!(guest.session_present);
    guest.publish("t", b"back", QoS::ExactlyOnce).await;
    link.report(json!({"on": true})).await;
    let mut heard = [guest.message().await, guest.message().await];
    heard.sort();
    assert!(heard[0].starts_with("devices/") && heard[1] == "t back", "{heard:?}");
    let mut late = Guest::listening(&hub, Manner { id: "late", ..V5 }, "kept").await;
    assert_eq!(late.message().await, "kept 1 retained");
    bystander.publish("t", b"undisturbed", AT_LEAST_ONCE).await;
    bystander.publish("t", b"here", QoS::AtMostOnce).await;
    assert_eq!(bystander.message().await, "t undisturbed");
    assert_eq!(bystander.message().await, "t here");
    assert!(link.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_space_acknowledged_survives_kill_9() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let ann = Person::register(server.http, server.mqtt, "ann").await;
    let hub = ann.credential("hub").await;
    Guest::listening(&hub, LASTING, "t/#").await.leave().await;
    let mut panel = Guest::open(&hub, Manner { id: "panel", ..V5 }).await;
    for number in 0..50 {
        let qos = if number % 2 == 0 { AT_LEAST_ONCE } else { QoS::ExactlyOnce };
        let done = panel.publish("t/queue", number.to_string().as_bytes(), qos).await;
        assert_eq!(done, ReasonCode::SUCCESS);
    }
    assert_eq!(panel.retain("kept", b"yes").await, ReasonCode::NO_MATCHING_SUBSCRIBERS);
    tokio::task::block_in_place(|| server.kill());
    let server = tokio::task::block_in_place(|| Server::start(folder.path()));
    let hub = crate::guest::Credential { mqtt: server.mqtt, ..hub };
    let mut guest = Guest::open(&hub, LASTING).await;
    assert!(guest.session_present);
    for number in 0..50 {
        assert_eq!(guest.message().await, format!("t/queue {number}"));
    }
    guest.subscribe("kept", AT_LEAST_ONCE).await;
    assert_eq!(guest.message().await, "kept yes retained");
    server.kill();
}

#[tokio::test]
async fn sessions_and_subscriptions_beyond_the_limit_are_refused_and_counted() {
    let limits = [("SPACES__SESSIONS_MAX", "1"), ("SPACES__SUBSCRIPTIONS_MAX", "1")];
    let open = Open::with(&limits).await;
    let hub = open.person("ann").await.credential("hub").await;
    let mut guest = Guest::listening(&hub, V5, "a").await;
    let second = Guest::try_open(hub.mqtt, Some(&hub), Manner { id: "second", ..V5 }).await;
    assert_eq!(second.err(), Some(ReasonCode::QUOTA_EXCEEDED));
    assert!(open.metric("hearth_mqtt_limited_total{limit=\"sessions\"}").await >= 1.0);
    let refused = guest.try_subscribe("b", AT_LEAST_ONCE).await;
    assert_eq!(refused, ReasonCode::QUOTA_EXCEEDED);
    assert!(open.metric("hearth_mqtt_limited_total{limit=\"subscriptions\"}").await >= 1.0);
}
