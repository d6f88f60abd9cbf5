//! Somebody who asks and asks, on a page and by REST, and writes down what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::ledger::Heard;
use super::{Chance, LAMPS, ROUND, Weather};
use crate::support::{Person, SOON, Thing, soon};

/// Commands that may be without an answer at a time.
const WINDOW: usize = 8;

/// How long it waits for a frame before it looks at the weather.
const LOOK: Duration = Duration::from_millis(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Teller {
    person: Person,
    own: Vec<Thing>,
    name: String,
    chance: Chance,
    asked: u64,
    heard: BTreeMap<String, Heard>,
    /// The connections so far.
    tab: u64,
    /// Asked on this connection, without an answer yet.
    unanswered: BTreeSet<String>,
    answered: Instant,
}

/// The connection is gone.
struct Gone;

impl Teller {
    pub fn new(person: Person, own: Vec<Thing>, name: String, chance: Chance) -> Self {
        let (heard, unanswered) = (BTreeMap::new(), BTreeSet::new());
        let (asked, tab, answered) = (0, 0, Instant::now());
        Self { person, own, name, chance, asked, heard, tab, unanswered, answered }
    }

    /// Asks all there is to ask, counts itself among those who have spoken, and listens on until
    /// everything has ended.
    pub async fn speak(
        mut self,
        weather: Arc<Weather>,
        spoken: Arc<AtomicU64>,
    ) -> BTreeMap<String, Heard> {
        let (mut has_spoken, mut outside_since) = (false, Instant::now());
        while !weather.is(Weather::SETTLED) {
            let url = format!("ws://{}/ws?token={}", self.person.http, self.person.token);
            let mut socket = match soon(connect_async(url)).await {
                Ok((socket, _)) => socket,
                Err(error) => {
                    assert!(outside_since.elapsed() < SOON, "nobody is let in: {error}");
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            };
            self.tab += 1;
            self.answered = Instant::now();
            while !weather.is(Weather::SETTLED) {
                if self.turn(&mut socket).await.is_err() {
                    for reference in std::mem::take(&mut self.unanswered) {
                        self.heard.entry(reference).or_default().was_cut = true;
                    }
                    break;
                }
                if !has_spoken && self.has_spoken() {
                    has_spoken = true;
                    spoken.fetch_add(1, Ordering::AcqRel);
                }
            }
            outside_since = Instant::now();
        }
        self.heard
    }

    fn has_spoken(&self) -> bool {
        self.asked == LAMPS * ROUND && self.unanswered.is_empty()
    }

    /// Asks what there is room for, and takes one frame.
    async fn turn(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        while self.asked < LAMPS * ROUND && self.unanswered.len() < WINDOW {
            self.ask(socket).await?;
        }
        assert!(
            self.unanswered.is_empty() || self.answered.elapsed() < SOON,
            "no answer to {:?}",
            self.unanswered
        );
        match tokio::time::timeout(LOOK, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => {
                self.hear(&serde_json::from_str(&text).unwrap());
                Ok(())
            }
            Err(_) | Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => Ok(()),
            Ok(Some(Ok(_) | Err(_)) | None) => Err(Gone),
        }
    }

    async fn ask(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let lamp = usize::try_from(self.asked % LAMPS).unwrap();
        let (device, reference) = (self.own[lamp].id, format!("{}-{}", self.name, self.asked));
        self.asked += 1;
        let level = self.chance.below(100) + 1;
        let desired = match self.chance.below(3) {
            0 => json!({"on": level > 50}),
            _ => json!({ "brightness": level }),
        };
        let mut wish = json!({"ref": reference, "desired": desired});
        if self.chance.below(3) == 0 {
            wish["ttl_s"] = 1.into();
        }
        self.heard.insert(reference.clone(), Heard::default());
        if self.chance.below(10) == 0 {
            self.ask_by_rest(device, reference, wish).await;
            return Ok(());
        }
        wish["type"] = "set".into();
        wish["device"] = device.into();
        self.unanswered.insert(reference);
        socket.send(Message::text(wish.to_string())).await.map_err(|_| Gone)
    }

    async fn ask_by_rest(&mut self, device: u64, reference: String, wish: Json) {
        let answer = self.person.ask("PATCH", &format!("/devices/{device}"), Some(wish)).await;
        let heard = self.heard.entry(reference).or_default();
        match answer.status {
            200 => heard.answer = Some("accepted".to_owned()),
            0 => heard.was_cut = true,
            _ => heard.answer = answer.json()["code"].as_str().map(ToOwned::to_owned),
        }
    }

    fn hear(&mut self, frame: &Json) {
        let Some(reference) = frame["ref"].as_str() else { return };
        let Some(heard) = self.heard.get_mut(reference) else { return };
        let mut answer = None;
        match (frame["type"].as_str(), frame["phase"].as_str()) {
            (Some("error"), _) => answer = frame["code"].as_str(),
            (_, Some("accepted")) => answer = Some("accepted"),
            (_, Some(end @ ("applied" | "failed" | "expired"))) => {
                heard.ends.push((self.tab, end.to_owned()));
            }
            _ => {}
        }
        // What was asked by REST was answered there; the page only sees it.
        if let Some(answer) = answer
            && self.unanswered.remove(reference)
        {
            assert!(heard.answer.is_none(), "{reference}: {answer} after {heard:?}");
            heard.answer = Some(answer.to_owned());
            self.answered = Instant::now();
        }
    }
}
