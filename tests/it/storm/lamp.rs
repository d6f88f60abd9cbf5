//! A lamp that, while the storm lasts, does what it is asked only most of the time.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, Packet, QoS};
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Chance, Weather};
use crate::support::{Thing, soon};

/// How often a lamp looks at the weather.
const LOOK: Duration = Duration::from_millis(20);

/// A lamp at work.
pub struct Lamp(JoinHandle<()>);

impl Lamp {
    pub fn switch_on(thing: Thing, chance: Chance, weather: Arc<Weather>) -> Self {
        Self(tokio::spawn(run(thing, chance, weather)))
    }

    /// Waits until it has seen that the test is over.
    pub async fn switched_off(self) {
        soon(self.0).await.unwrap();
    }
}

async fn run(thing: Thing, mut chance: Chance, weather: Arc<Weather>) {
    let mut state = Map::new();
    while !weather.is(Weather::OVER) {
        live(&thing, &mut state, &mut chance, &weather).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// One connection. After a storm it ends, so that the next one gets what was missed.
async fn live(
    thing: &Thing,
    state: &mut Map<String, Json>,
    chance: &mut Chance,
    weather: &Weather,
) {
    let (client, mut events) = AsyncClient::new(thing.options(), 64);
    let (tell, mut heard) = mpsc::channel(64);
    let poll = tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(packet) = event
                && tell.send(packet).await.is_err()
            {
                return;
            }
        }
    });
    let topic = format!("devices/{}", thing.id);
    let say = |leaf: &str, json: Json| {
        let topic = format!("{topic}/{leaf}");
        client.try_publish(topic, QoS::AtLeastOnce, false, json.to_string()).is_ok()
    };
    let mut wild = false;
    loop {
        let storm = weather.is(Weather::STORM);
        wild |= storm;
        if weather.is(Weather::OVER) || (wild && !storm) {
            break;
        }
        let packet = match tokio::time::timeout(LOOK, heard.recv()).await {
            Err(_) => continue,
            Ok(None) => break,
            Ok(Some(packet)) => packet,
        };
        let goes_on = match packet {
            Packet::ConnAck(_) => {
                client.try_subscribe(format!("{topic}/set"), QoS::AtLeastOnce).is_ok()
            }
            Packet::SubAck(_) => say("state", state.clone().into()),
            Packet::Publish(set) => {
                let wish: Map<String, Json> = serde_json::from_slice(&set.payload).unwrap();
                let mood = if storm { chance.below(100) } else { 0 };
                answer(wish, state, mood, say)
            }
            _ => true,
        };
        if !goes_on {
            break;
        }
    }
    poll.abort();
}

/// What the lamp does about a wish. False: its connection breaks.
fn answer(
    wish: Map<String, Json>,
    state: &mut Map<String, Json>,
    mood: u64,
    say: impl Fn(&str, Json) -> bool,
) -> bool {
    match mood {
        // It did not listen.
        70..78 => true,
        // It refuses.
        78..86 => say("refused", json!({"brightness": "not today"})),
        // It goes before it did anything.
        86..90 => false,
        // It does it, and goes before it could say so.
        90..94 => {
            state.extend(wish);
            false
        }
        // It does it, and says so twice.
        94..100 => {
            state.extend(wish);
            say("state", state.clone().into()) && say("state", state.clone().into())
        }
        _ => {
            state.extend(wish);
            say("state", state.clone().into())
        }
    }
}
