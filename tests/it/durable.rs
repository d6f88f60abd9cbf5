//! `kill -9` at any moment loses nothing that was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::process::Server;
use crate::support::{Person, Thing, rest, until};

/// How often the server is killed; `HEARTH_KILLS` says otherwise.
const KILLS: u64 = 50;

/// What was acknowledged before the server died.
#[derive(Default)]
struct Acknowledged {
    /// Descriptions of devices whose creation was answered.
    created: Vec<String>,
    /// All that was acknowledged, of whatever sort.
    total: u64,
    /// The last level that was answered, and the one that was under way.
    wished: (u64, u64),
    /// The last count that was acknowledged by PUBACK, and the one under way.
    reported: (u64, u64),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_kill_9() {
    let kills = std::env::var("HEARTH_KILLS").ok().and_then(|kills| kills.parse().ok());
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    let lamp = bob.add("light", "lamp").await;
    let meter = bob.add("counter", "meter").await;
    let mut chance: u64 = 0x2545_F491_4F6C_DD1D;
    let mut all = Acknowledged::default();
    for kill in 0..kills.unwrap_or(KILLS) {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wait = Duration::from_millis(20 + (chance >> 33) % 180);
        let bob = Person { http: server.http, mqtt: server.mqtt, ..bob.clone() };
        let stop = Arc::new(AtomicBool::new(false));
        let work = load(&bob, &lamp, &meter, &mut all, stop.clone(), kill);
        let death = async {
            tokio::time::sleep(wait).await;
            tokio::task::block_in_place(|| server.kill());
            stop.store(true, Ordering::Release);
        };
        tokio::join!(work, death);
        server = tokio::task::block_in_place(|| Server::start(folder.path()));
        let bob = Person { http: server.http, mqtt: server.mqtt, ..bob };
        check(&bob, &lamp, &meter, &mut all, kill).await;
    }
    server.kill();
    assert!(all.total > 0 && !all.created.is_empty(), "nothing was acknowledged at all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_reading_survives_kill_9() {
    const ROUNDS: usize = 5;
    const READINGS: usize = 10;
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    let air = bob.add("thermometer", "air").await;
    let hour_ago_ms = hearth::host::now_ms() - 3_600_000;
    for round in 1..=ROUNDS {
        let air = Thing { mqtt: server.mqtt, ..air.clone() };
        let mut link = air.connect().await;
        for number in (round - 1) * READINGS..round * READINGS {
            let ts = hour_ago_ms + i64::try_from(number).unwrap() * 1_000;
            link.say("telemetry", json!({ "temperature_c": 20.5, "ts": ts })).await;
        }
        tokio::task::block_in_place(|| server.kill());
        server = tokio::task::block_in_place(|| Server::start(folder.path()));
        let bob = Person { http: server.http, mqtt: server.mqtt, ..bob.clone() };
        let path = format!("/devices/{}/history?property=temperature_c&step=0", air.id);
        let found = until(async || {
            let found = bob.ask("GET", &path, None).await;
            (found.status == 200).then(|| found.json()["points"].as_array().map_or(0, Vec::len))
        });
        assert_eq!(found.await, round * READINGS, "round {round}");
    }
    server.kill();
}

/// Creates, wishes and reports side by side until the server is gone.
async fn load(
    bob: &Person,
    lamp: &Thing,
    meter: &Thing,
    all: &mut Acknowledged,
    stop: Arc<AtomicBool>,
    round: u64,
) {
    let Acknowledged { created, wished, reported, total } = all;
    let before = (created.len(), *wished, reported.0);
    let creates = async {
        for number in 0.. {
            let name = format!("{round}-{number}");
            let new = json!({"kind": "switch", "description": name});
            let path = "/devices";
            let answer = rest(bob.http, "POST", path, Some(&bob.token), Some(&new), &[]);
            match tokio::select! { answer = answer => answer.status, () = stopped(&stop) => 0 } {
                201 => created.push(name),
                _ => return,
            }
            if created.len() > 400 {
                return;
            }
        }
    };
    let wishes = async {
        loop {
            wished.1 = wished.0 % 100 + 1;
            let wish = json!({"desired": {"brightness": wished.1}});
            let path = format!("/devices/{}", lamp.id);
            let answer = rest(bob.http, "PATCH", &path, Some(&bob.token), Some(&wish), &[]);
            match tokio::select! { answer = answer => answer.status, () = stopped(&stop) => 0 } {
                200 => wished.0 = wished.1,
                _ => return,
            }
        }
    };
    let reports = report(meter, bob.mqtt, reported, &stop);
    tokio::join!(creates, wishes, reports);
    let changed = [created.len() > before.0, wished.0 != before.1.0, reported.0 > before.2];
    *total += u64::from(changed == [true; 3]);
}

async fn stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Counts up at `QoS` 1, one message at a time.
async fn report(
    meter: &Thing,
    mqtt: std::net::SocketAddr,
    reported: &mut (u64, u64),
    stop: &AtomicBool,
) {
    let meter = Thing { mqtt, ..meter.clone() };
    let (client, mut events) = rumqttc::AsyncClient::new(meter.options(), 8);
    let topic = format!("devices/{}/state", meter.id);
    let sent = AtomicU64::new(reported.0.max(reported.1));
    let say = async |count: u64| {
        sent.store(count, Ordering::Release);
        let payload = json!({ "count": count }).to_string();
        client.publish(&topic, rumqttc::QoS::AtLeastOnce, false, payload).await.is_ok()
    };
    say(sent.load(Ordering::Acquire) + 1).await;
    loop {
        let event = tokio::select! { event = events.poll() => event, () = stopped(stop) => break };
        match event {
            Ok(rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_))) => {
                reported.0 = sent.load(Ordering::Acquire);
                say(reported.0 + 1).await;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    reported.1 = sent.load(Ordering::Acquire);
}

/// Everything acknowledged is there; what was under way may be.
async fn check(bob: &Person, lamp: &Thing, meter: &Thing, all: &mut Acknowledged, kill: u64) {
    let list = until(|| async {
        let answer = bob.ask("GET", "/devices", None).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let list = list.as_array().unwrap();
    let names: Vec<&str> = list.iter().map(|d| d["description"].as_str().unwrap()).collect();
    for name in &all.created {
        assert!(names.contains(&name.as_str()), "kill {kill}: device {name} is lost");
    }
    let find = |id: u64| -> &Json { list.iter().find(|d| d["id"] == id).unwrap() };
    if all.wished.0 > 0 {
        let level = find(lamp.id)["desired"]["brightness"].as_u64().unwrap();
        let known = [all.wished.0, all.wished.1];
        assert!(known.contains(&level), "kill {kill}: level {level}, acknowledged {known:?}");
        all.wished.0 = level;
    }
    if all.reported.0 > 0 {
        let count = find(meter.id)["reported"]["count"].as_u64().unwrap();
        assert!(count >= all.reported.0, "kill {kill}: count {count} < {:?}", all.reported);
        all.reported.0 = count;
    }
}
