//! What the server keeps of a cooker while it works: its water, its food, its alarms.
//!
//! Below a kilobyte a cooker, and kept with the device, so that a restart goes on where it was.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::alarms::{Alarms, Look};
use super::eta::{Eta, eta};
use super::food::{Food, SEEN_S_MAX};
use super::phase;
use super::samples::Samples;
use crate::kind::watch::AlarmChange;
use crate::model::Device;

/// What food starts at where nobody says: a refrigerator's 5 °C, as in Baldwin's table.
pub const FOOD_START_C: f64 = 5.0;
/// Water changes by no more than this, in °C per second: more is the probe's fault.
const JUMP_C_S: f64 = 5.0;
/// Nor at once by more than this, in °C: cold food or a kettle's water may do as much.
const JUMP_C: f64 = 20.0;
/// How long a jump counts against the probe, in milliseconds.
const JUMP_MS: i64 = 60_000;
/// How long a guess of the end stands before it is made anew, in milliseconds.
const GUESS_MS: i64 = 300_000;
/// The end of a timer moves by no less than this, in milliseconds: a report takes its time.
const TIMER_MS: u64 = 5_000;
/// An event this long after what it tells of is late, in seconds.
const LATE_S_MIN: i64 = 10;
/// This near to its target, in °C, water has arrived.
const THERE_C: f64 = 0.5;

/// What was seen of one cooker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cook {
    samples: Samples,
    /// The last message that was looked at, Unix milliseconds.
    seen_ms: Option<i64>,
    /// The last measurement: Unix milliseconds, °C.
    last: Option<(i64, f64)>,
    /// The last jump.
    jumped_ms: Option<i64>,
    /// What the heater works for, and since when, Unix milliseconds: the guess looks no further
    /// back.
    toward: Option<(f64, i64)>,
    /// Whether the water was at its target in this cook.
    arrived: bool,
    /// Whether it was far below it after a time without measurements.
    found_cold: bool,
    food: Option<Food>,
    /// Whether the cook ended: its food stays as it was until the next one.
    ended: bool,
    /// The seconds left of the cook's timer as the cooker last counted them, and when it ends or
    /// ended by that, Unix milliseconds.
    timer: Option<(f64, i64)>,
    /// When the food may be pasteurised, and until when that guess stands, Unix milliseconds.
    guess: Option<(Option<i64>, i64)>,
    alarms: Alarms,
}

impl Cook {
    /// Looks at the device after a message, a change of its link, or when it is time to.
    pub fn observe(&mut self, device: &Device, connected: bool, now_ms: i64) -> Vec<AlarmChange> {
        let water_c = device.reported.number("water_c");
        let target_c = target_c(device);
        let news = device.last_seen_ms > self.seen_ms
            || water_c.is_some() && water_c != self.last.map(|(_, water_c)| water_c);
        self.seen_ms = self.seen_ms.max(device.last_seen_ms);
        self.turn(device, target_c, now_ms);
        if connected && news {
            self.count_down(device, now_ms);
        }
        if let Some(water_c) = water_c.filter(|_| connected && news) {
            self.measured(device, water_c, target_c, now_ms);
        }
        let jumped = self.jumped_ms.is_some_and(|at| now_ms.saturating_sub(at) < JUMP_MS);
        let look = Look {
            device,
            connected,
            phase: phase(device),
            water_c,
            target_c,
            samples: &self.samples,
            jumped,
            found_cold: self.found_cold,
        };
        self.alarms.look(&look, now_ms)
    }

    /// When to look again even if nothing happens, Unix milliseconds.
    #[must_use]
    pub const fn next_check_ms(&self) -> Option<i64> {
        self.alarms.next_ms()
    }

    /// Whether the cooker heats, as far as is known: then its silence means something.
    #[must_use]
    pub const fn is_at_work(&self) -> bool {
        self.toward.is_some()
    }

    /// Follows the cooker's phase and target.
    fn turn(&mut self, device: &Device, target_c: Option<f64>, now_ms: i64) {
        let was_c = self.toward.map(|(target_c, _)| target_c);
        let at_work = is_at_work(phase(device));
        match target_c.filter(|_| at_work) {
            Some(target_c) if was_c != Some(target_c) => {
                self.toward = Some((target_c, now_ms));
                self.arrived = false;
                self.found_cold = false;
                self.guess = None;
            }
            Some(_) => {}
            None => {
                self.toward = None;
                self.arrived = false;
                self.found_cold = false;
            }
        }
        // The next cook may follow without a word of `off` or `idle` between.
        self.ended |= matches!(phase(device), "off" | "idle" | "done" | "error");
    }

    /// Notes when the timer ends, which stays known while the cooker or the server is away.
    fn count_down(&mut self, device: &Device, now_ms: i64) {
        if matches!(phase(device), "preheating" | "ready") {
            self.timer = None;
        }
        let left_s = device.reported.number("remaining_s").filter(|_| phase(device) == "cooking");
        let Some(left_s) = left_s else { return };
        let ends_ms = now_ms.saturating_add(milliseconds(left_s));
        // A message that says nothing new of the timer leaves its end where it was.
        let stands = |(known_s, known_ms): &(f64, i64)| {
            (known_s - left_s).abs() < 0.5 || known_ms.abs_diff(ends_ms) < TIMER_MS
        };
        let known_ms = self.timer.filter(stands).map(|(_, known_ms)| known_ms);
        self.timer = Some((left_s, known_ms.unwrap_or(ends_ms)));
    }

    /// Seconds by which the event that the timer is over comes too late.
    #[must_use]
    pub fn late_s(&self, event: &str, now_ms: i64) -> Option<i64> {
        let (_, ended_ms) = self.timer.filter(|_| event == "timer_done")?;
        let late_s = now_ms.saturating_sub(ended_ms) / 1_000;
        (late_s >= LATE_S_MIN).then_some(late_s)
    }

    fn measured(&mut self, device: &Device, water_c: f64, target_c: Option<f64>, now_ms: i64) {
        let last = self.last.replace((now_ms, water_c));
        let gap_s = last.map_or(0.0, |(last_ms, _)| seconds(last_ms, now_ms));
        if let Some((_, last_c)) = last
            && gap_s < SEEN_S_MAX
            && (water_c - last_c).abs() > (JUMP_C_S * gap_s).max(JUMP_C)
        {
            self.jumped_ms = Some(now_ms);
            return;
        }
        self.samples.push(now_ms, water_c);
        if let Some(target_c) = target_c {
            let near = (water_c - target_c).abs() <= THERE_C;
            self.found_cold = !near && (self.found_cold || (self.arrived && gap_s > SEEN_S_MAX));
            self.arrived = self.arrived || (near && is_at_work(phase(device)));
        }
        self.feed(device, water_c, target_c, now_ms);
    }

    /// Tells the food how warm its water is.
    fn feed(&mut self, device: &Device, water_c: f64, target_c: Option<f64>, now_ms: i64) {
        let phase = phase(device);
        let cooking = matches!(phase, "cooking" | "holding");
        let known = device.desired.number("food_mm").filter(|_| cooking);
        if let Some(thickness_mm) = known {
            let start_c = device.desired.number("food_start_c").unwrap_or(FOOD_START_C);
            let same = self.food.as_ref().is_some_and(|food| food.is(thickness_mm, start_c));
            if self.ended || !same {
                self.food = Some(Food::new(thickness_mm, start_c, water_c, now_ms));
                self.guess = None;
            }
        }
        self.ended &= !cooking;
        // What the heater left still lies in warm water; what was stopped may be on a plate.
        let frozen = self.ended && !matches!(phase, "done" | "error");
        let Some(food) = self.food.as_mut().filter(|_| !frozen) else { return };
        if !food.measure(water_c, now_ms) {
            self.food = None;
            return;
        }
        let stale = self.guess.is_none_or(|(_, until_ms)| until_ms <= now_ms);
        if stale && !food.is_pasteurised() {
            let hold_c = target_c.map_or(water_c, |target_c| target_c.min(water_c));
            let at_ms = food.pasteurised_at_ms(hold_c);
            self.guess = Some((at_ms, now_ms.saturating_add(GUESS_MS)));
        }
    }

    /// What the server makes of it, for the device's view.
    #[must_use]
    pub fn derived(&self, device: &Device, now_ms: i64) -> Map<String, Json> {
        let mut map = Map::new();
        if let Some((eta, age_s)) = self.eta(now_ms) {
            let about = |seconds: f64| Json::from(about_s((seconds - age_s).max(0.0)));
            map.insert("eta_s".to_owned(), about(eta.likely_s));
            let range = [about(eta.soonest_s), eta.latest_s.map_or(Json::Null, about)];
            map.insert("eta_range_s".to_owned(), range.to_vec().into());
        }
        if let Some((_, ends_ms)) = self.timer.filter(|_| phase(device) == "cooking") {
            map.insert("timer_ends_ms".to_owned(), ends_ms.into());
        }
        if let Some(food) = &self.food {
            let done = food.is_pasteurised();
            let tenth = (food.core_c() * 10.0).round() / 10.0;
            map.insert("core_c_estimate".to_owned(), tenth.into());
            map.insert("pasteurised_estimate".to_owned(), done.into());
            let guess = self.guess.and_then(|(at_ms, _)| at_ms).filter(|_| !done && !self.ended);
            if let Some(at_ms) = guess {
                map.insert("pasteurised_at_ms_estimate".to_owned(), at_ms.into());
            }
            map.insert("food_in_ms".to_owned(), food.began_ms().into());
            map.insert("unseen_s".to_owned(), about_s(food.unseen_s()).into());
        } else if matches!(phase(device), "cooking" | "holding") {
            let known = device.desired.get("food_mm").is_some();
            let why = if known { "not_seen" } else { "food_mm_unknown" };
            map.insert("no_estimate".to_owned(), why.into());
        }
        map
    }

    /// When the water arrives, and how many seconds ago that was guessed.
    fn eta(&self, now_ms: i64) -> Option<(Eta, f64)> {
        let (target_c, from_ms) = self.toward?;
        let (latest_ms, water_c) = self.samples.latest()?;
        let age_s = seconds(latest_ms, now_ms);
        if (target_c - water_c).abs() <= THERE_C || age_s > SEEN_S_MAX {
            return None;
        }
        Some((eta(self.samples.since(from_ms), target_c)?, age_s))
    }
}

fn is_at_work(phase: &str) -> bool {
    matches!(phase, "preheating" | "ready" | "cooking" | "holding")
}

/// What the cooker works for: its own word first, for it is the authority.
fn target_c(device: &Device) -> Option<f64> {
    let reported = device.reported.number("target_c");
    reported.or_else(|| device.desired.number("target_c"))
}

#[expect(clippy::cast_precision_loss, reason = "instants are within 2^53")]
fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms).max(0) as f64 / 1000.0
}

#[expect(clippy::cast_possible_truncation, reason = "a timer is a few days at most")]
const fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

/// As exact as a guess is: to ten seconds up to ten minutes, to a minute above. It also keeps every
/// report from being a change of the guess that all pages must hear of.
#[expect(clippy::cast_possible_truncation, reason = "rounded, and far below 2^53")]
fn about_s(seconds: f64) -> i64 {
    let grain_s = if seconds < 600.0 { 10.0 } else { 60.0 };
    ((seconds / grain_s).round() * grain_s) as i64
}

#[cfg(test)]
mod bath_tests;
#[cfg(test)]
mod tests;
