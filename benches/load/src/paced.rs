//! Messages at a steady rate that doesn't wait for the server (open loop).
//!
//! Message *k* is due at `k / rate` whatever happened before, and its latency counts from then:
//! a server that stalls is charged for everything that should have been sent meanwhile
//! (no coordinated omission). How late the sender itself was is reported beside it, and so is the
//! latency from the real moment of writing. One thread writes to the publishers, another listens.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;

use crate::fleet::{Ears, Fleet, wrapped, write_whole};
use crate::histogram::Histogram;
use crate::link::Incoming;
use crate::plan::{FIRST_NUMBER, Letter, number_after};
use crate::scene::Scene;
use crate::worker::{Tally, tell};
use crate::{nanos, packet, process, websocket};

/// How long after the last message a late one is waited for.
const DRAIN: Duration = Duration::from_secs(2);

/// When each message is due and who sends it.
struct Schedule {
    start: Instant,
    rate: u64,
    total: u64,
    warm_up: u64,
    pairs: u64,
    stride: u64,
    /// Number of message 0; different in each run, so that a message left from another is known.
    base: u64,
    /// When each was written, in nanoseconds after the start; 0 before that and after it arrived.
    written: Vec<AtomicU64>,
}

impl Schedule {
    fn due(&self, message: u64) -> u64 {
        let nanos = u128::from(message) * 1_000_000_000 / u128::from(self.rate.max(1));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// Pairs take turns in an order in which neighbours are far apart.
    fn pair(&self, message: u64) -> usize {
        usize::try_from(message % self.pairs * self.stride % self.pairs).unwrap_or(0)
    }

    fn elapsed(&self) -> u64 {
        nanos(self.start.elapsed())
    }
}

/// The first number from 0.6 n upwards that has no factor in common with n.
fn stride(pairs: u64) -> u64 {
    fn common(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { common(b, a % b) }
    }
    (pairs * 6 / 10..=pairs).find(|step| common(*step, pairs) == 1).unwrap_or(1)
}

/// A number that no earlier run used: the time in milliseconds, times a million.
pub(crate) fn first_number() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    FIRST_NUMBER + nanos(now) / 1_000_000 % 1_000_000_000 * 1_000_000
}

/// Plays the scene and returns what arrived.
///
/// # Errors
/// When writing fails or the director is gone.
pub(crate) fn run(scene: &Scene, mut fleet: Fleet) -> io::Result<Tally> {
    let pairs = u64::try_from(scene.letters.len()).unwrap_or(1).max(1);
    let total = scene.rate * (scene.warm_up_s + scene.seconds);
    let schedule = Schedule {
        start: Instant::now() + Duration::from_millis(50),
        rate: scene.rate,
        total,
        warm_up: scene.rate * scene.warm_up_s,
        pairs,
        stride: stride(pairs),
        base: first_number(),
        written: (0..total).map(|_| AtomicU64::new(0)).collect(),
    };
    let sent_all = AtomicBool::new(false);
    let streams = &fleet.streams;
    let (sender, listener) = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let lag = send(scene, &schedule, streams);
            sent_all.store(true, Ordering::Release);
            lag
        });
        let ears = &mut fleet.ears;
        let listener = scope.spawn(|| listen(scene, &schedule, streams, ears, &sent_all));
        let marks = tell_marks(scene, &schedule);
        (marks.and(joined(sender.join())), joined(listener.join()))
    });
    let (lag, mut tally) = (sender?, listener?);
    tally.counts.push(("sent", schedule.total - schedule.warm_up));
    tally.histograms.push(("lag", lag));
    Ok(tally)
}

fn joined<T>(outcome: thread::Result<io::Result<T>>) -> io::Result<T> {
    outcome.unwrap_or_else(|_| Err(io::Error::other("a thread of the generator panicked")))
}

fn tell_marks(scene: &Scene, schedule: &Schedule) -> io::Result<()> {
    for seconds in [scene.warm_up_s, scene.warm_up_s + scene.seconds] {
        sleep_until(schedule.start + Duration::from_secs(seconds));
        tell("mark")?;
    }
    Ok(())
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// Writes every message when it is due; returns how late each was written.
fn send(scene: &Scene, schedule: &Schedule, streams: &[TcpStream]) -> io::Result<Histogram> {
    process::sharpen_timers();
    let mut letters: Vec<Letter> = scene.letters.clone();
    let publishers = streams.get(letters.len()..).unwrap_or_default();
    let mut lag = Histogram::default();
    for message in 0..schedule.total {
        let due = schedule.due(message);
        sleep_until(schedule.start + Duration::from_nanos(due));
        let pair = schedule.pair(message);
        let (Some(letter), Some(stream)) = (letters.get_mut(pair), publishers.get(pair)) else {
            continue;
        };
        let bytes = letter.with_number(schedule.base + message);
        let now = schedule.elapsed();
        if let Ok(index) = usize::try_from(message) {
            schedule.written.get(index).inspect(|at| at.store(now.max(1), Ordering::Release));
        }
        write_whole(stream, bytes)?;
        if message >= schedule.warm_up {
            lag.record(now.saturating_sub(due));
        }
    }
    Ok(lag)
}

/// What the listener counts, of the messages after the warm-up.
#[derive(Default)]
struct Heard {
    received: u64,
    received_of_all: u64,
    misrouted: u64,
    twice: u64,
    closed: u64,
    since_due: Histogram,
    since_written: Histogram,
}

impl Heard {
    fn number(&mut self, schedule: &Schedule, link: usize, number: u64) {
        // A tab also hears of what it asked for itself: that is no delivery.
        if u64::try_from(link).is_ok_and(|link| link >= schedule.pairs) {
            return;
        }
        let Some(message) = number.checked_sub(schedule.base) else { return };
        let slot = usize::try_from(message).ok().and_then(|index| schedule.written.get(index));
        let Some(slot) = slot else { return };
        let now = schedule.elapsed();
        if schedule.pair(message) != link {
            self.misrouted += 1;
            return;
        }
        let written = slot.swap(0, Ordering::AcqRel);
        if written == 0 {
            self.twice += 1;
        } else {
            self.received_of_all += 1;
            if message >= schedule.warm_up {
                self.received += 1;
                self.since_due.record(now.saturating_sub(schedule.due(message)));
                self.since_written.record(now.saturating_sub(written));
            }
        }
    }
}

fn listen(
    scene: &Scene,
    schedule: &Schedule,
    streams: &[TcpStream],
    ears: &mut Ears,
    sent_all: &AtomicBool,
) -> io::Result<Tally> {
    let (mut heard, mut fault) = (Heard::default(), None);
    let mut drained_by = None;
    loop {
        ears.turn(streams, Duration::from_millis(100), &mut |link, incoming| {
            let answer = match incoming {
                Incoming::Published(id, payload) => {
                    if let Some(number) = number_after(scene.key, payload) {
                        heard.number(schedule, link, number);
                    }
                    id.map(|id| wrapped(scene.speech(link), &packet::puback(id)))
                }
                Incoming::Text(payload) => {
                    if let Some(number) = number_after(scene.key, payload) {
                        heard.number(schedule, link, number);
                    }
                    None
                }
                Incoming::Ping(payload) => Some(websocket::frame(websocket::PONG, true, payload)),
                Incoming::Closed => {
                    heard.closed += 1;
                    None
                }
                _ => None,
            };
            if let (Some(answer), Some(stream)) = (answer, streams.get(link))
                && let Err(error) = write_whole(stream, &answer)
            {
                fault.get_or_insert(error);
            }
        })?;
        if let Some(error) = fault {
            return Err(error);
        }
        if sent_all.load(Ordering::Acquire) {
            let by = *drained_by.get_or_insert_with(|| Instant::now() + DRAIN);
            if heard.received_of_all >= schedule.total || Instant::now() > by {
                break;
            }
        }
    }
    Ok(Tally {
        counts: vec![
            ("received", heard.received),
            ("misrouted", heard.misrouted),
            ("twice", heard.twice),
            ("closed", heard.closed),
        ],
        histograms: vec![("due", heard.since_due), ("wire", heard.since_written)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_turn_before_one_has_two() {
        for pairs in [1, 2, 3, 10, 500, 1000, 9500] {
            let step = stride(pairs);
            let mut turns: Vec<u64> = (0..pairs).map(|message| message * step % pairs).collect();
            turns.sort_unstable();
            assert!(turns.into_iter().eq(0..pairs), "{pairs} pairs, stride {step}");
        }
    }
}
