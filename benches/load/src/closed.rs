//! As many messages as the server takes (closed loop): each pair keeps a window of messages on
//! their way and sends the next when one arrives.
//!
//! Numbers grow by one within a pair, so a message that arrives also settles those before it that
//! never will: a server that merges or drops cannot stop the pair, and what is missing is counted.

use std::io;
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, wrapped, write_whole};
use crate::link::Incoming;
use crate::paced::first_number;
use crate::plan::{Letter, number_after};
use crate::scene::Scene;
use crate::worker::{Tally, tell};
use crate::{packet, websocket};

/// One publisher and its subscriber.
struct Pair {
    letter: Letter,
    sent: u64,
    settled: u64,
    seen: u64,
}

/// The pairs and what is to be written when the read at hand has been told to its end.
struct Stage<'a> {
    scene: &'a Scene,
    base: u64,
    pairs: Vec<Pair>,
    pubacks: Vec<u8>,
    received: u64,
    missing: u64,
    closed: u64,
}

impl Stage<'_> {
    /// A message of this pair arrived.
    fn arrived(&mut self, link: usize, payload: &[u8]) {
        let Some(number) = number_after(self.scene.key, payload) else { return };
        let (Some(pair), Some(message)) = (self.pairs.get_mut(link), number.checked_sub(self.base))
        else {
            return;
        };
        if message >= pair.settled && message < pair.sent {
            self.received += 1;
            self.missing += message - pair.settled;
            pair.seen += 1;
            pair.settled = message + 1;
        }
    }

    /// What the publisher of this pair may send now.
    fn next_letters(&mut self, link: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(pair) = self.pairs.get_mut(link) {
            while pair.sent < pair.settled + self.scene.window {
                bytes.extend_from_slice(pair.letter.with_number(self.base + pair.sent));
                pair.sent += 1;
            }
        }
        bytes
    }

    fn heard(
        &mut self,
        fleet: &[mio::net::TcpStream],
        link: usize,
        incoming: &Incoming<'_>,
    ) -> io::Result<()> {
        match incoming {
            Incoming::Published(id, payload) => {
                self.arrived(link, payload);
                if let Some(id) = id {
                    let ack = packet::puback(*id);
                    self.pubacks.extend(wrapped(self.scene.speech(link), &ack));
                }
            }
            Incoming::Text(payload) => self.arrived(link, payload),
            Incoming::Ping(payload) => {
                self.pubacks.extend(websocket::frame(websocket::PONG, true, payload));
            }
            Incoming::Closed => self.closed += 1,
            Incoming::Drained => {
                if let Some(stream) = fleet.get(link).filter(|_| !self.pubacks.is_empty()) {
                    write_whole(stream, &self.pubacks)?;
                    self.pubacks.clear();
                }
                let letters = self.next_letters(link);
                if let Some(publisher) = fleet.get(link + self.pairs.len()) {
                    write_whole(publisher, &letters)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Plays the scene and returns what arrived between the two marks.
///
/// # Errors
/// When writing fails or the director is gone.
pub(crate) fn run(scene: &Scene, mut fleet: Fleet) -> io::Result<Tally> {
    let pair = |letter: &Letter| Pair { letter: letter.clone(), sent: 0, settled: 0, seen: 0 };
    let pairs = scene.letters.iter().map(pair).collect();
    let (base, pubacks) = (first_number(), Vec::new());
    let mut stage = Stage { scene, base, pairs, pubacks, received: 0, missing: 0, closed: 0 };
    for link in 0..stage.pairs.len() {
        let letters = stage.next_letters(link);
        if let Some(publisher) = fleet.streams.get(link + stage.pairs.len()) {
            write_whole(publisher, &letters)?;
        }
    }
    play(&mut stage, &mut fleet, scene.warm_up_s)?;
    let (received, missing) = (stage.received, stage.missing);
    stage.pairs.iter_mut().for_each(|pair| pair.seen = 0);
    tell("mark")?;
    let started = Instant::now();
    play(&mut stage, &mut fleet, scene.seconds)?;
    tell("mark")?;
    let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let silent = stage.pairs.iter().filter(|pair| pair.seen == 0).count();
    let counts = vec![
        ("received", stage.received - received),
        ("missing", stage.missing - missing),
        ("closed", stage.closed),
        ("silent_pairs", u64::try_from(silent).unwrap_or(u64::MAX)),
        ("window_us", took),
    ];
    Ok(Tally { counts, histograms: Vec::new() })
}

fn play(stage: &mut Stage<'_>, fleet: &mut Fleet, seconds: u64) -> io::Result<()> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let Fleet { streams, ears } = fleet;
    let mut fault = None;
    while Instant::now() < until && fault.is_none() {
        ears.turn(streams, Duration::from_millis(100), &mut |link, incoming| {
            if let Err(error) = stage.heard(streams, link, &incoming) {
                fault.get_or_insert(error);
            }
        })?;
    }
    fault.map_or(Ok(()), Err)
}
