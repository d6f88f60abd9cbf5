//! Killing any actor while serving is invisible to everybody it does not serve, and whom it did
//! serve is back within seconds, with nothing acknowledged lost.

use hearth::model::{DeviceId, UserId};
use ractor::ActorCell;
use serde_json::json;

use crate::support::{Link, Open, Person, Tab, Thing, until};

/// Somebody who must not notice anything.
struct Bystander {
    person: Person,
    tab: Tab,
    lamp: Thing,
    link: Link,
    level: i64,
}

impl Bystander {
    async fn of(open: &Open) -> Self {
        let person = open.person("ann").await;
        let lamp = person.add("light", "ann's lamp").await;
        let link = lamp.connect().await;
        let tab = person.tab().await;
        Self { person, tab, lamp, link, level: 0 }
    }

    /// A report reaches the tab and a wish the device, on the connections of the beginning.
    async fn is_undisturbed(&mut self) {
        self.level = self.level % 90 + 1;
        let level = self.level;
        self.link.report(json!({ "brightness": level })).await;
        self.tab.wait_for(|frame| frame["changes"]["reported"]["brightness"] == level).await;
        let wish = json!({"brightness": level + 5});
        let set = json!({"type": "set", "ref": "r", "device": self.lamp.id, "desired": wish});
        self.tab.say(&set).await;
        let asked = loop {
            let asked = self.link.set().await;
            if asked["brightness"] == level + 5 {
                break asked;
            }
        };
        self.link.report(asked).await;
        self.tab.wait_for(|frame| frame["phase"] == "applied").await;
        assert!(self.link.is_open());
    }
}

fn user_of(open: &Open, person: &Person) -> UserId {
    hearth::store::accounts::user_named(&open.house.store, &person.name).unwrap().unwrap().id
}

fn room(open: &Open, name: &str, child: &str) -> ActorCell {
    let (_, view) = open.house.rooms.iter().find(|(room, _)| *room == name).unwrap();
    view.roster().cell(child).unwrap()
}

/// Kills what `victim` names, and waits until something else has taken its place.
async fn kill(victim: impl Fn() -> Option<ActorCell>) {
    let first = victim().unwrap();
    first.kill();
    until(|| async { victim().filter(|next| next.get_id() != first.get_id()) }).await;
}

#[tokio::test]
async fn a_killed_device_actor_costs_its_device_a_reconnect_and_nobody_else_anything() {
    let open = Open::new().await;
    let mut ann = Bystander::of(&open).await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    link.report(json!({"on": true})).await;
    open.house.devices.directory().get(&DeviceId(lamp.id)).unwrap().kill();
    link.closed().await;
    ann.is_undisturbed().await;
    let mut link = lamp.connect().await;
    assert_eq!(bob.see(&lamp).await["reported"]["on"], true, "what was acknowledged is there");
    assert_eq!(bob.want(&lamp, json!({"on": false})).await.status, 200);
    assert_eq!(link.set().await, json!({"on": false}));
}

#[tokio::test]
async fn a_killed_session_actor_costs_its_tabs_a_snapshot_and_nobody_else_anything() {
    let open = Open::new().await;
    let mut ann = Bystander::of(&open).await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut tab = bob.tab().await;
    tab.frame().await;
    let user = user_of(&open, &bob);
    open.house.sessions.directory().get(&user).unwrap().kill();
    tab.closed().await;
    ann.is_undisturbed().await;
    let snapshot = bob.snapshot().await;
    assert_eq!(snapshot["devices"][0]["id"], lamp.id);
}

#[tokio::test]
async fn a_killed_session_shard_costs_no_device_its_link_and_no_tab_more_than_a_snapshot() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    bob.want(&lamp, json!({"on": true})).await;
    assert_eq!(link.set().await["on"], true);
    open.house.sessions.directory().supervisors()[0].kill();
    let snapshot = bob.snapshot().await;
    assert_eq!(snapshot["devices"][0]["desired"]["on"], true, "what was accepted is there");
    link.report(json!({"on": true})).await;
    assert!(link.is_open());
}

#[tokio::test]
async fn a_killed_shard_costs_only_its_own_children() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let mut lamps = Vec::new();
    for number in 0..12 {
        let lamp = bob.add("light", &format!("lamp {number}")).await;
        let link = lamp.connect().await;
        lamps.push((lamp, link));
    }
    open.house.devices.directory().supervisors()[0].kill();
    let alive = async |links: &[(Thing, Link)]| links.iter().filter(|(_, l)| l.is_open()).count();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(alive(&lamps).await >= 1, "one shard of eight holds them all");
    for (lamp, link) in &mut lamps {
        if !link.is_open() {
            *link = lamp.connect().await;
        }
        link.report(json!({"on": true})).await;
    }
}

#[tokio::test]
async fn store_stats_sweep_and_doors_are_killed_and_nobody_loses_a_connection() {
    let open = Open::new().await;
    let mut ann = Bystander::of(&open).await;
    for (name, child) in [
        ("memory", "store"),
        ("memory", "stats"),
        ("doors", "sweep"),
        ("doors", "mqtt"),
        ("doors", "http"),
    ] {
        kill(|| {
            let (_, view) = open.house.rooms.iter().find(|(room, _)| *room == name)?;
            view.roster().cell(child)
        })
        .await;
        ann.is_undisturbed().await;
        assert_eq!(ann.person.see(&ann.lamp).await["connected"], true, "{child}");
        assert!(room(&open, name, child).get_status() <= ractor::ActorStatus::Running);
    }
}
