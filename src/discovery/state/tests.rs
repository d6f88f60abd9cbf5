use serde_json::json;

use super::*;
use crate::codec::QoS;

const ANN: UserId = UserId(1);
const LAMP_AT: &str = "homeassistant/light/lamp/config";

/// A home whose devices can be made and reached at once, unless a test says otherwise.
struct Home {
    state: DiscoveryState,
    /// What is retained.
    announced: BTreeMap<String, Arc<Message>>,
    now_ms: i64,
    is_able: bool,
    /// What was done, in words.
    done: Vec<String>,
    devices: Vec<DeviceId>,
}

fn message(topic: &str, payload: &str) -> Arc<Message> {
    Arc::new(Message::new(topic, payload.as_bytes(), QoS::AtLeastOnce, true))
}

fn lamp() -> String {
    let lamp = json!({
        "name": "Lamp", "unique_id": "lamp", "schema": "json", "brightness": true,
        "command_topic": "lamp/set", "state_topic": "lamp", "availability_topic": "lamp/status",
    });
    lamp.to_string()
}

impl Home {
    fn new(announced: &[Arc<Message>], known: &[DeviceId]) -> Self {
        let state = DiscoveryState::new(ANN, known.iter().copied(), 0);
        let (done, devices) = (Vec::new(), Vec::new());
        let announced = announced.iter().map(|it| (it.topic().to_owned(), Arc::clone(it)));
        let announced = announced.collect();
        let mut home = Self { state, announced, now_ms: 0, is_able: true, done, devices };
        home.pass(0);
        home
    }

    /// A home with a lamp that can be reached.
    fn with_a_lamp() -> Self {
        let mut home = Self::new(&[message(LAMP_AT, &lamp())], &[]);
        home.hear("lamp/status", "online");
        home.done.clear();
        home
    }

    fn act(&mut self, act: impl FnOnce(&mut DiscoveryState, i64, &mut Vec<Effect>)) {
        let mut out = Vec::new();
        act(&mut self.state, self.now_ms, &mut out);
        for effect in out {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let (now_ms, is_able) = (self.now_ms, self.is_able);
        match effect {
            Effect::Make(id) => {
                self.devices.push(id);
                let name = self.state.thing(id).unwrap().name.clone();
                self.done.push(format!("make {name}"));
                self.act(|state, _, out| state.made(id, is_able, now_ms, out));
            }
            Effect::Attach(id) => {
                self.done.push("attach".into());
                self.act(|state, _, out| state.attached(id, is_able, now_ms, out));
            }
            Effect::Subscribe(topics) => self.done.push(format!("subscribe {}", topics.join(" "))),
            Effect::Unsubscribe(topics) => {
                self.done.push(format!("unsubscribe {}", topics.join(" ")));
            }
            Effect::Forget(_) => self.done.push("forget".into()),
            Effect::Listen(_) => self.done.push("listen".into()),
            Effect::Detach(_) => self.done.push("detach".into()),
            Effect::Say(_, Said::State(said)) => {
                self.done.push(format!("say {}", Json::Object(said)));
            }
            Effect::Say(_, Said::Other(report)) => self.done.push(format!("{report:?}")),
            Effect::Publish(order) => {
                let payload = String::from_utf8(order.payload).unwrap();
                self.done.push(format!("publish {} {payload}", order.topic));
            }
            Effect::Announce(topic, payload) => {
                let payload = String::from_utf8(payload.unwrap_or_default()).unwrap();
                self.done.push(format!("announce {topic} {payload}"));
            }
            Effect::Delivered(_, number) => self.done.push(format!("delivered {number}")),
        }
    }

    /// Time passes, up to now and then where the state wants to be woken.
    fn pass(&mut self, ms: i64) {
        let until_ms = self.now_ms + ms;
        while let Some(due_ms) = self.state.next_tick_ms().filter(|due_ms| *due_ms <= until_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.tick();
        }
        self.now_ms = until_ms;
    }

    fn tick(&mut self) {
        let announced: Vec<Arc<Message>> = self.announced.values().cloned().collect();
        self.act(|state, now_ms, out| {
            let announced = || Ok::<_, std::convert::Infallible>(announced);
            state.tick(now_ms, announced, out).unwrap();
        });
    }

    /// A retained message, which the home keeps.
    fn hear(&mut self, topic: &str, payload: &str) {
        if config::is_config(topic) {
            self.announced.insert(topic.to_owned(), message(topic, payload));
            self.announced.retain(|_, message| !message.payload().is_empty());
        }
        self.act(|state, now_ms, out| state.hear(&message(topic, payload), now_ms, out));
    }

    fn want(&mut self, wanted: &Json) {
        let lamp = self.devices[0];
        self.act(|state, _, out| state.want(lamp, 7, wanted.to_string().as_bytes(), out));
    }

    fn done(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }
}

#[test]
fn what_is_announced_is_heard_then_made_then_reached() {
    let mut home = Home::new(&[message(LAMP_AT, &lamp())], &[]);
    assert_eq!(home.done(), ["subscribe lamp lamp/status", "make Lamp"]);
    home.hear("lamp", r#"{"state":"ON","brightness":255}"#);
    assert!(home.done().is_empty(), "nobody has said that it is there");
    home.hear("lamp/status", "online");
    assert_eq!(home.done(), ["attach", r#"say {"brightness":100,"on":true}"#, "listen"]);
    home.hear("lamp", r#"{"state":"OFF"}"#);
    assert_eq!(home.done(), [r#"say {"on":false}"#]);
    home.hear("lamp/status", "offline");
    assert_eq!(home.done(), ["detach"]);
}

#[test]
fn what_comes_in_a_burst_is_looked_at_when_it_is_over() {
    let mut home = Home::new(&[], &[]);
    home.hear(LAMP_AT, "{}");
    home.pass(999);
    home.hear(LAMP_AT, &lamp());
    home.pass(999);
    assert!(home.done().is_empty());
    home.pass(1);
    assert_eq!(home.done().last().map(String::as_str), Some("make Lamp"));
}

#[test]
fn a_burst_that_does_not_end_is_looked_at_all_the_same() {
    let mut home = Home::new(&[], &[]);
    home.hear(LAMP_AT, &lamp());
    for step in 0..10 {
        assert!(home.done().is_empty(), "{step}");
        home.pass(500);
        home.hear("homeassistant/switch/other/config", &step.to_string());
    }
    assert_eq!(home.done().last().map(String::as_str), Some("make Lamp"));
}

#[test]
fn what_the_house_did_not_hear_of_is_seen_with_the_next_that_it_hears() {
    let mut home = Home::new(&[], &[]);
    home.announced.insert(LAMP_AT.into(), message(LAMP_AT, &lamp()));
    home.hear("homeassistant/switch/other/config", "{}");
    home.pass(1_000);
    assert_eq!(home.done().last().map(String::as_str), Some("make Lamp"));
}

#[test]
fn what_is_announced_as_before_goes_on_undisturbed() {
    let mut home = Home::with_a_lamp();
    home.hear(LAMP_AT, &lamp());
    home.pass(10_000);
    assert!(home.done().is_empty());
}

#[test]
fn what_is_announced_otherwise_is_heard_from_the_start() {
    let mut home = Home::with_a_lamp();
    home.hear(LAMP_AT, &lamp().replace("lamp/status", "bridge/status"));
    home.pass(10_000);
    let done = home.done();
    assert_eq!(
        done,
        ["subscribe bridge/status lamp", "unsubscribe lamp/status"],
        "the device is the same"
    );
}

#[test]
fn what_is_wanted_is_published_and_delivered() {
    let mut home = Home::with_a_lamp();
    home.want(&json!({"on": true, "brightness": 40}));
    let done = home.done();
    assert!(done[0].starts_with("publish lamp/set {"), "{done:?}");
    assert_eq!(done[1..], ["delivered 7"]);
}

#[test]
fn what_it_has_no_way_to_be_told_is_refused() {
    let mut home = Home::with_a_lamp();
    home.want(&json!({"hue": 120.0}));
    let done = home.done();
    assert_eq!(done[0], "delivered 7");
    assert!(done[1].starts_with(r#"Refused([("hue", "was announced without"#), "{done:?}");
}

#[test]
fn who_says_nothing_of_itself_is_as_it_was_told() {
    let announced = r#"{"name":"Pump","command_topic":"pump/set"}"#;
    let mut home = Home::new(&[message("homeassistant/switch/pump/config", announced)], &[]);
    assert_eq!(home.done(), ["make Pump", "attach", "listen"]);
    home.want(&json!({"on": true}));
    assert_eq!(home.done(), ["publish pump/set ON", "delivered 7", r#"say {"on":true}"#]);
}

#[test]
fn what_is_not_understood_is_told_to_the_owner() {
    let mut home = Home::with_a_lamp();
    home.hear("lamp", "ON!");
    assert!(home.done()[0].starts_with("Garbage("));
}

#[test]
fn what_is_announced_no_longer_goes_after_a_while() {
    let mut home = Home::with_a_lamp();
    home.hear(LAMP_AT, "");
    home.pass(1_000);
    let gone = ["detach", "unsubscribe lamp lamp/status"];
    assert_eq!(home.done(), gone);
    home.pass(4_999);
    assert!(home.done().is_empty());
    home.pass(1);
    assert_eq!(home.done(), ["forget"]);
    assert_eq!(home.state.next_tick_ms(), None);
}

#[test]
fn what_is_announced_anew_in_time_stays() {
    let mut home = Home::with_a_lamp();
    let lamp_id = home.devices[0];
    home.hear(LAMP_AT, "");
    home.pass(1_000 + 4_999);
    home.hear(LAMP_AT, &lamp());
    home.pass(60_000);
    assert!(!home.done().contains(&"forget".to_owned()));
    assert_eq!(home.devices, [lamp_id, lamp_id]);
}

#[test]
fn a_device_of_an_earlier_life_that_is_not_announced_stays() {
    let mut home = Home::new(&[], &[DeviceId(7)]);
    home.pass(60_000);
    assert!(home.done().is_empty());
}

#[test]
fn what_can_not_be_understood_takes_nothing_back() {
    let mut home = Home::with_a_lamp();
    for broken in ["no JSON", r#"{"unique_id":"lamp","schema":"template"}"#] {
        home.hear(LAMP_AT, broken);
        home.pass(60_000);
        assert!(home.done().is_empty(), "{broken}");
        assert_eq!(home.state.take_in_vain().len(), 1);
    }
}

#[test]
fn a_device_is_told_what_it_missed_and_nothing_else() {
    let mut home = Home::with_a_lamp();
    home.hear("lamp", r#"{"state":"ON","brightness":255}"#);
    home.hear("lamp/status", "offline");
    home.hear("lamp", r#"{"state":"OFF"}"#);
    home.done.clear();
    home.hear("lamp/status", "online");
    assert_eq!(home.done(), ["attach", r#"say {"on":false}"#, "listen"]);
    // Its actor, when it failed, may have lost all of it.
    let lamp = home.devices[0];
    home.act(|state, now_ms, _| state.link_lost(lamp, now_ms));
    home.pass(5_000);
    assert_eq!(home.done(), ["attach", r#"say {"brightness":100,"on":false}"#, "listen"]);
}

#[test]
fn what_is_not_retained_is_no_announcement() {
    let mut home = Home::new(&[], &[]);
    let said = Message::new(LAMP_AT, lamp().as_bytes(), QoS::AtLeastOnce, false);
    home.act(|state, now_ms, out| state.hear(&Arc::new(said), now_ms, out));
    home.pass(60_000);
    assert!(home.done().is_empty());
}

#[test]
fn a_home_has_only_so_many_entities() {
    let cover = |id: usize| json!({"p": "switch", "command_topic": format!("{id}")});
    let covers: Map<String, Json> = (0..256).map(|id| (format!("c{id}"), cover(id))).collect();
    let bundle = json!({"o": {"name": "o"}, "cmps": covers}).to_string();
    let at = |number| message(&format!("homeassistant/device/d{number}/config"), &bundle);
    let mut home = Home::new(&(0..17).map(at).collect::<Vec<_>>(), &[]);
    assert_eq!(home.devices.len(), 4_096);
    assert_eq!(
        home.state.take_in_vain(),
        ["homeassistant/device/d9/config: more than 4096 entities"]
    );
}

#[test]
fn what_can_not_be_done_is_tried_again() {
    let mut home = Home::new(&[], &[]);
    home.is_able = false;
    home.hear(LAMP_AT, &lamp());
    home.hear("lamp/status", "online");
    home.pass(1_000);
    home.hear("lamp/status", "online");
    home.done.clear();
    home.pass(5_000);
    assert_eq!(home.done(), ["make Lamp"]);
    home.pass(9_999);
    assert!(home.done().is_empty(), "it is in no hurry");
    home.is_able = true;
    home.pass(1);
    assert_eq!(home.done(), ["make Lamp", "attach", "listen"]);
    let lamp = home.devices[0];
    home.act(|state, now_ms, _| state.link_lost(lamp, now_ms));
    home.pass(5_000);
    assert_eq!(home.done(), ["attach", "listen"]);
}

#[test]
fn a_device_that_knows_its_secret_is_left_alone() {
    let mut home = Home::with_a_lamp();
    let lamp = home.devices[0];
    home.act(|state, _, _| state.taken_over(lamp));
    home.hear("lamp/status", "online");
    home.pass(60_000);
    assert!(home.done().is_empty());
}

#[test]
fn who_is_dismissed_is_announced_no_longer() {
    let mut home = Home::with_a_lamp();
    let lamp_id = home.devices[0];
    home.act(|state, now_ms, out| state.dismissed(lamp_id, now_ms, out));
    assert_eq!(home.done(), [format!("announce {LAMP_AT} ")]);
    home.announced.clear();
    home.pass(60_000);
    assert_eq!(home.done(), ["unsubscribe lamp lamp/status"]);
    home.hear(LAMP_AT, &lamp());
    home.pass(1_000);
    assert!(home.done().contains(&"make Lamp".to_owned()));
}

#[test]
fn of_a_bundle_only_what_is_dismissed_is_taken_back() {
    let at = "homeassistant/device/d/config";
    let switch = |name| json!({"p": "switch", "name": name, "command_topic": name});
    let bundle = json!({"o": {"name": "o"}, "cmps": {"a": switch("A"), "b": switch("B")}});
    let mut home = Home::new(&[message(at, &bundle.to_string())], &[]);
    let named = |home: &Home, name: &str| {
        let is = |id: &&DeviceId| home.state.thing(**id).is_some_and(|it| it.name == name);
        *home.devices.iter().find(is).unwrap()
    };
    let (a, b) = (named(&home, "A"), named(&home, "B"));
    home.done.clear();
    home.act(|state, now_ms, out| state.dismissed(a, now_ms, out));
    let left = json!({"o": {"name": "o"}, "cmps": {"a": {"p": "switch"}, "b": switch("B")}});
    assert_eq!(home.done(), [format!("announce {at} {left}")]);
    home.announced.insert(at.into(), message(at, &left.to_string()));
    home.pass(60_000);
    assert!(home.done().is_empty(), "B is where it was");
    home.act(|state, now_ms, out| state.dismissed(b, now_ms, out));
    assert_eq!(home.done(), [format!("announce {at} ")]);
}

#[test]
fn what_is_announced_in_vain_is_told_with_its_reason() {
    let vacuum = message("homeassistant/vacuum/v/config", "{}");
    let mut home = Home::new(&[vacuum, message(LAMP_AT, "no JSON")], &[]);
    let in_vain = home.state.take_in_vain();
    assert_eq!(in_vain.len(), 2, "{in_vain:?}");
    assert!(in_vain[0].starts_with(LAMP_AT));
    home.hear("homeassistant/switch/other/config", "");
    home.pass(60_000);
    assert!(home.done().is_empty() && home.state.take_in_vain().is_empty(), "once is enough");
}
