//! What is announced in a topic space in Home Assistant's words, as its user sees it.

use std::path::Path;

use hearth::codec::QoS;
use hearth::model::{DeviceId, UserId};
use hearth::store;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::guest::{Credential, Guest, Manner, V5};
use crate::process::{Server, change_store};
use crate::support::{Open, Person, Thing, soon, until};

const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;

/// A light as the table of Home Assistant's documentation has it.
const LIGHT: &str = r#"{"~":"homeassistant/light/kitchen","name":"Kitchen",
    "unique_id":"kitchen_light","cmd_t":"~/set","stat_t":"~/state","schema":"json",
    "brightness":true}"#;
const LIGHT_AT: &str = "homeassistant/light/kitchen/config";

/// The light itself: a client of the space that announced itself.
struct Bulb {
    guest: Guest,
}

impl Bulb {
    /// A light that is on at a brightness of 102 of 255, which is 40 %.
    async fn announced(credential: &Credential) -> Self {
        let manner = Manner { id: "bulb", ..V5 };
        let mut guest =
            Guest::listening(credential, manner, "homeassistant/light/kitchen/set").await;
        guest.retain(LIGHT_AT, LIGHT.as_bytes()).await;
        let mut bulb = Self { guest };
        bulb.says(&json!({"state": "ON", "brightness": 102})).await;
        bulb
    }

    async fn says(&mut self, state: &Json) {
        let state = state.to_string();
        self.guest.retain("homeassistant/light/kitchen/state", state.as_bytes()).await;
    }

    /// What it is told next.
    async fn is_told(&mut self) -> Json {
        let message = self.guest.message().await;
        serde_json::from_str(message.split_once(' ').unwrap().1).unwrap()
    }
}

async fn devices(person: &Person) -> Vec<Json> {
    person.ask("GET", "/devices", None).await.json().as_array().unwrap().clone()
}

/// The person's only device, once it is so.
async fn device(person: &Person, so: impl Fn(&Json) -> bool) -> Json {
    until(|| async {
        let devices = devices(person).await;
        assert!(devices.len() < 2, "{devices:#?}");
        devices.into_iter().next().filter(|device| so(device))
    })
    .await
}

fn thing(person: &Person, device: &Json) -> Thing {
    Thing { mqtt: person.mqtt, id: device["id"].as_u64().unwrap(), secret: String::new() }
}

fn is_lit(device: &Json) -> bool {
    device["connected"] == true && device["reported"]["brightness"] == 40
}

#[tokio::test]
async fn an_announced_light_appears_with_what_it_says_and_obeys() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let mut bulb = Bulb::announced(&ann.credential("hub").await).await;
    let lamp = device(&ann, is_lit).await;
    assert_eq!((&lamp["kind"], &lamp["description"]), (&json!("light"), &json!("Kitchen")));
    assert_eq!(lamp["reported"]["on"], true);
    let lamp = thing(&ann, &lamp);
    assert_eq!(ann.want(&lamp, json!({"brightness": 80})).await.status, 200);
    assert_eq!(bulb.is_told().await["brightness"], 204);
    bulb.says(&json!({"state": "ON", "brightness": 204})).await;
    ann.sees(&lamp, |device| device["reported"]["brightness"] == 80).await;
    let commands = format!("/devices/{}/commands", lamp.id);
    until(|| async {
        let commands = ann.ask("GET", &commands, None).await.json();
        (commands[0]["phase"] == "applied").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_open_page_is_told_of_what_is_announced() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let mut tab = ann.tab().await;
    let _bulb = Bulb::announced(&ann.credential("hub").await).await;
    let frame = tab.wait_for(|frame| frame["type"] == "device").await;
    assert_eq!(frame["device"]["description"], "Kitchen");
}

#[tokio::test]
async fn what_is_changed_at_the_thing_itself_stands_even_after_a_break() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let mut bulb = Bulb::announced(&ann.credential("hub").await).await;
    let lamp = thing(&ann, &device(&ann, is_lit).await);
    ann.want(&lamp, json!({"brightness": 80})).await;
    bulb.is_told().await;
    bulb.says(&json!({"state": "ON", "brightness": 204})).await;
    ann.sees(&lamp, |device| device["reported"]["brightness"] == 80).await;
    assert!(open.house.homes.kill(&user(&open, &ann)).is_some());
    bulb.says(&json!({"state": "ON", "brightness": 102})).await;
    let device =
        ann.sees(&lamp, |device| is_lit(device) && device["desired"]["brightness"] == 40).await;
    assert_eq!(device["reported"]["on"], true);
    // The next thing that it is told is the next thing that is asked.
    ann.want(&lamp, json!({"brightness": 60})).await;
    assert_eq!(bulb.is_told().await["brightness"], 153);
}

fn user(open: &Open, person: &Person) -> UserId {
    store::accounts::user_named(&open.house.store, &person.name).unwrap().unwrap().id
}

#[tokio::test]
async fn the_components_of_a_bundle_that_belong_together_are_one_device() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let mut hub = Guest::listening(&ann.credential("hub").await, V5, "desk/set").await;
    let bundle = json!({
        "dev": {"ids": "desk1", "name": "Desk", "sa": "Study"},
        "o": {"name": "bridge"},
        "cmps": {
            "relay": {"p": "switch", "unique_id": "desk1_relay", "name": null,
                      "command_topic": "desk/set", "value_template": "{{ value_json.relay }}"},
            "power": {"p": "sensor", "unique_id": "desk1_power", "device_class": "power",
                      "unit_of_measurement": "W", "value_template": "{{ value_json.power }}"},
            "lock": {"p": "lock", "unique_id": "desk1_lock", "command_topic": "desk/lock"},
        },
        "state_topic": "desk/state",
    });
    hub.retain("homeassistant/device/desk1/config", bundle.to_string().as_bytes()).await;
    hub.publish("desk/state", br#"{"relay":"ON","power":7.5}"#, AT_LEAST_ONCE).await;
    let plug = device(&ann, |device| device["connected"] == true).await;
    assert_eq!((&plug["kind"], &plug["description"]), (&json!("plug"), &json!("Desk")));
    assert_eq!(plug["room"], "Study");
    hub.publish("desk/state", br#"{"relay":"ON","power":8.5}"#, AT_LEAST_ONCE).await;
    let plug = thing(&ann, &plug);
    let seen = ann.sees(&plug, |device| device["reported"]["power_w"] == 8.5).await;
    assert_eq!(seen["reported"]["on"], true);
    ann.want(&plug, json!({"on": false})).await;
    assert_eq!(hub.message().await, "desk/set OFF");
}

#[tokio::test]
async fn a_thing_that_says_it_is_offline_is_not_connected() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let mut hub = Guest::open(&ann.credential("hub").await, V5).await;
    let config = json!({
        "name": "Garage", "uniq_id": "garage_t", "dev_cla": "temperature", "unit_of_meas": "°C",
        "stat_t": "garage/t", "avty_t": "garage/status",
    });
    hub.retain("homeassistant/sensor/garage/t/config", config.to_string().as_bytes()).await;
    hub.retain("garage/t", b"21.5").await;
    let sensor = device(&ann, |_| true).await;
    assert_eq!((&sensor["kind"], &sensor["connected"]), (&json!("thermometer"), &json!(false)));
    let sensor = thing(&ann, &sensor);
    hub.retain("garage/status", b"online").await;
    ann.sees(&sensor, |device| {
        device["connected"] == true && device["reported"]["temperature_c"] == 21.5
    })
    .await;
    hub.retain("garage/status", b"offline").await;
    ann.sees(&sensor, |device| device["connected"] == false).await;
}

#[tokio::test]
async fn what_is_announced_no_longer_goes_and_what_is_announced_anew_stays() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let mut bulb = Bulb::announced(&ann.credential("hub").await).await;
    let lamp = device(&ann, is_lit).await;
    bulb.guest.retain(LIGHT_AT, b"").await;
    bulb.guest.retain(LIGHT_AT, LIGHT.as_bytes()).await;
    bulb.says(&json!({"state": "OFF"})).await;
    let same = device(&ann, |device| device["reported"]["on"] == false).await;
    assert_eq!(same["id"], lamp["id"]);
    bulb.guest.retain(LIGHT_AT, b"").await;
    until(|| async { devices(&ann).await.is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn a_device_that_its_owner_deletes_is_announced_no_longer() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let hub = ann.credential("hub").await;
    let mut bulb = Bulb::announced(&hub).await;
    let mut other = Guest::listening(&hub, Manner { id: "other", ..V5 }, LIGHT_AT).await;
    assert!(other.message().await.ends_with("retained"));
    let lamp = thing(&ann, &device(&ann, is_lit).await);
    assert_eq!(ann.ask("DELETE", &format!("/devices/{}", lamp.id), None).await.status, 204);
    assert_eq!(other.message().await, format!("{LIGHT_AT} "));
    // Until it announces itself again.
    bulb.guest.retain(LIGHT_AT, LIGHT.as_bytes()).await;
    let again = device(&ann, |device| device["connected"] == true).await;
    assert_eq!(again["id"], lamp.id);
}

#[tokio::test]
async fn a_device_that_is_deleted_while_it_is_away_is_announced_no_longer_either() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let hub = ann.credential("hub").await;
    let mut guest = Guest::open(&hub, V5).await;
    let config = json!({"name": "Pump", "cmd_t": "pump/set", "avty_t": "pump/status"});
    let at = "homeassistant/switch/pump/config";
    guest.retain(at, config.to_string().as_bytes()).await;
    let pump = thing(&ann, &device(&ann, |device| device["connected"] == false).await);
    let mut other = Guest::listening(&hub, Manner { id: "other", ..V5 }, at).await;
    assert!(other.message().await.ends_with("retained"));
    assert_eq!(ann.ask("DELETE", &format!("/devices/{}", pump.id), None).await.status, 204);
    assert_eq!(other.message().await, format!("{at} "));
}

#[tokio::test]
async fn what_can_not_be_understood_is_passed_over() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let hub = ann.credential("hub").await;
    let mut guest = Guest::open(&hub, V5).await;
    for (topic, payload) in [
        ("homeassistant/light/a/config", "no JSON"),
        ("homeassistant/light/b/config", "[1,2]"),
        ("homeassistant/light/c/config", r#"{"name":"no way to command it"}"#),
        ("homeassistant/vacuum/d/config", r#"{"command_topic":"d/set"}"#),
        ("homeassistant/light/e/config", r#"{"command_topic":"with/#/wildcards"}"#),
    ] {
        guest.retain(topic, payload.as_bytes()).await;
    }
    guest.publish(LIGHT_AT, LIGHT.as_bytes(), AT_LEAST_ONCE).await;
    let mut bulb = Bulb::announced(&hub).await;
    let lamp = device(&ann, is_lit).await;
    assert_eq!(lamp["description"], "Kitchen");
    bulb.says(&json!({"state": "OFF"})).await;
    device(&ann, |device| device["reported"]["on"] == false).await;
}

#[tokio::test]
async fn nobody_else_sees_what_is_announced() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let _anns = Bulb::announced(&ann.credential("hub").await).await;
    let hers = device(&ann, is_lit).await;
    assert!(devices(&bob).await.is_empty());
    // The same thing in another home is another device.
    let _bobs = Bulb::announced(&bob.credential("hub").await).await;
    let his = device(&bob, is_lit).await;
    assert_ne!(hers["id"], his["id"]);
}

#[tokio::test]
async fn a_killed_space_costs_an_announced_device_a_moment() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let hub = ann.credential("hub").await;
    let mut bulb = Bulb::announced(&hub).await;
    let lamp = thing(&ann, &device(&ann, is_lit).await);
    assert!(open.house.spaces.kill(user(&open, &ann)));
    bulb.guest.closed().await;
    let again = || async { Guest::try_open(hub.mqtt, Some(&hub), V5).await.ok() };
    let mut guest = until(again).await;
    let state = json!({"state": "ON", "brightness": 153}).to_string();
    guest.retain("homeassistant/light/kitchen/state", state.as_bytes()).await;
    ann.sees(&lamp, |device| device["connected"] == true && device["reported"]["brightness"] == 60)
        .await;
}

#[tokio::test]
async fn an_announced_device_is_the_same_after_kill_9() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let ann = Person::register(server.http, server.mqtt, "ann").await;
    let hub = ann.credential("hub").await;
    let bulb = Bulb::announced(&hub).await;
    let before = device(&ann, is_lit).await;
    server.kill();
    drop(bulb);
    let server = Server::start(folder.path());
    let ann = Person::login(server.http, server.mqtt, "ann").await;
    // Nobody is connected, but what is retained says all.
    let after = device(&ann, is_lit).await;
    assert_eq!(after["id"], before["id"]);
    let hub = Credential { mqtt: server.mqtt, ..hub };
    let mut guest = Guest::listening(&hub, V5, "homeassistant/light/kitchen/set").await;
    ann.want(&thing(&ann, &after), json!({"on": false})).await;
    let told = soon(guest.message()).await;
    assert!(told.contains("OFF"), "{told}");
    server.kill();
}

#[tokio::test]
async fn what_was_announced_the_moment_before_kill_9_is_seen_after_it() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let ann = Person::register(server.http, server.mqtt, "ann").await;
    let hub = ann.credential("hub").await;
    Bulb::announced(&hub).await;
    server.kill();
    let server = Server::start(folder.path());
    let ann = Person::login(server.http, server.mqtt, "ann").await;
    let _guest = Guest::open(&Credential { mqtt: server.mqtt, ..hub }, V5).await;
    device(&ann, is_lit).await;
    server.kill();
}

#[tokio::test]
async fn a_device_that_was_announced_for_days_stays_when_it_is_not_any_more() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let ann = Person::register(server.http, server.mqtt, "ann").await;
    let hub = ann.credential("hub").await;
    let bulb = Bulb::announced(&hub).await;
    let lamp = thing(&ann, &device(&ann, is_lit).await);
    assert_eq!(server.terminate(), Some(0));
    drop(bulb);
    make_older(folder.path(), DeviceId(lamp.id), 2 * 24 * 3_600_000).await;
    let server = Server::start(folder.path());
    let ann = Person::login(server.http, server.mqtt, "ann").await;
    device(&ann, is_lit).await;
    let mut guest = Guest::open(&Credential { mqtt: server.mqtt, ..hub }, V5).await;
    guest.retain(LIGHT_AT, b"").await;
    device(&ann, |device| device["connected"] == false).await;
    // Longer than a new one would have stayed.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(devices(&ann).await.len(), 1);
    guest.retain(LIGHT_AT, LIGHT.as_bytes()).await;
    assert_eq!(device(&ann, is_lit).await["id"], lamp.id);
    server.kill();
}

/// As if the device had been made so much earlier.
async fn make_older(folder: &Path, id: DeviceId, by_ms: i64) {
    change_store(folder, |store, batch| {
        let mut device = store::devices::get(store, id).unwrap().unwrap();
        device.created_ms -= by_ms;
        store::devices::put(batch, &device);
    })
    .await;
}

#[tokio::test]
async fn the_houses_own_client_identifier_is_nobody_elses() {
    let open = Open::new().await;
    let hub = open.person("ann").await.credential("hub").await;
    let refused = Guest::try_open(hub.mqtt, Some(&hub), Manner { id: "$house", ..V5 }).await;
    assert_eq!(refused.err(), Some(hearth::codec::ReasonCode::CLIENT_IDENTIFIER_NOT_VALID));
}
