//! The food in the bag: how warm its core may be, and whether it may be safe by now.
//!
//! Always an estimate: nobody measures the food. It is integrated from the measured water, with
//! these habits, each to the safe side:
//! - It begins when the cooker reports `cooking` and the food's thickness is known, whichever is
//!   later, with the whole of the food at its start temperature.
//! - While nothing was measured (a power cut, a cut link) the water counts as the cooler of the
//!   two measurements around the gap; a gap of more than [`GAP_S_MAX`] ends the estimate.
//! - What is said to be pasteurised is so by Baldwin's model, and was kept hot for [`PAD`] more of
//!   the time that took.

use serde::{Deserialize, Serialize};

use super::core_temp::{self, STEP_S};
use super::lethality::Reductions;

/// The part of the time that is added to it.
pub const PAD: f64 = 0.2;
/// The added time counts while the core is at least this warm, in °C, so that food which never is
/// so warm is never said to be pasteurised: published times end at 54.4 °C (FSIS, Appendix A), and
/// a bath at that setting swings by a few tenths.
pub const HOT_C: f64 = 54.0;
/// Longest gap between two measurements that is no gap, in seconds.
pub const SEEN_S_MAX: f64 = 120.0;
/// Longest gap that the estimate survives, in seconds.
pub const GAP_S_MAX: f64 = 4.0 * 3600.0;
/// Longest look ahead, in seconds.
const AHEAD_S_MAX: f64 = 24.0 * 3600.0;
/// Step of the look ahead, in seconds: the answer is for people.
const AHEAD_STEP_S: f64 = 30.0;

/// What is thought of the food.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Food {
    thickness_mm: f64,
    start_c: f64,
    cells: Vec<f32>,
    killed: Reductions,
    began_ms: i64,
    at_ms: i64,
    water_c: f64,
    /// Seconds that the model needed, once it is there.
    needed_s: Option<f64>,
    /// Hot seconds after that.
    padded_s: f64,
    /// Seconds of all this that nothing was measured in.
    unseen_s: f64,
}

impl Food {
    /// Food that goes into water now.
    #[must_use]
    pub fn new(thickness_mm: f64, start_c: f64, water_c: f64, now_ms: i64) -> Self {
        Self {
            thickness_mm,
            start_c,
            cells: core_temp::food(start_c),
            killed: Reductions::default(),
            began_ms: now_ms,
            at_ms: now_ms,
            water_c,
            needed_s: None,
            padded_s: 0.0,
            unseen_s: 0.0,
        }
    }

    /// Whether it is this food that people describe.
    #[must_use]
    pub fn is(&self, thickness_mm: f64, start_c: f64) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
        same(self.thickness_mm, thickness_mm) && same(self.start_c, start_c)
    }

    /// Takes a measurement. `false`: the gap before it was too long to say anything now.
    #[must_use]
    pub fn measure(&mut self, water_c: f64, now_ms: i64) -> bool {
        let seconds = seconds(self.at_ms, now_ms);
        if seconds > GAP_S_MAX {
            return false;
        }
        if seconds > SEEN_S_MAX {
            self.unseen_s += seconds;
            let cooler_c = self.water_c.min(water_c);
            self.advance(cooler_c, cooler_c, seconds, STEP_S);
        } else {
            self.advance(self.water_c, water_c, seconds, STEP_S);
        }
        self.water_c = water_c;
        self.at_ms = self.at_ms.max(now_ms);
        true
    }

    /// The core's temperature, °C.
    #[must_use]
    pub fn core_c(&self) -> f64 {
        core_temp::core_c(&self.cells)
    }

    /// Whether it may be pasteurised, padding included.
    #[must_use]
    pub fn is_pasteurised(&self) -> bool {
        self.needed_s.is_some_and(|needed_s| self.padded_s >= PAD * needed_s)
    }

    /// When it went in, Unix milliseconds.
    #[must_use]
    pub const fn began_ms(&self) -> i64 {
        self.began_ms
    }

    /// Seconds that it is in.
    #[must_use]
    pub fn in_water_s(&self) -> f64 {
        seconds(self.began_ms, self.at_ms)
    }

    /// Seconds of these in which nothing was measured.
    #[must_use]
    pub const fn unseen_s(&self) -> f64 {
        self.unseen_s
    }

    /// When it may be pasteurised if the water stays at `water_c`, Unix milliseconds; `None` if
    /// not within a day.
    #[must_use]
    pub fn pasteurised_at_ms(&self, water_c: f64) -> Option<i64> {
        if water_c < HOT_C {
            return None;
        }
        let mut ahead = self.clone();
        let mut gone_s = 0.0;
        while !ahead.is_pasteurised() {
            if gone_s >= AHEAD_S_MAX {
                return None;
            }
            gone_s += AHEAD_STEP_S;
            ahead.advance(water_c, water_c, AHEAD_STEP_S, AHEAD_STEP_S);
            ahead.at_ms = self.at_ms.saturating_add(milliseconds(gone_s));
        }
        Some(ahead.at_ms)
    }

    /// Lets `seconds` pass in which the water goes straight from one temperature to another.
    fn advance(&mut self, from_c: f64, to_c: f64, seconds: f64, step_s: f64) {
        let count = (seconds / step_s).ceil();
        let mut done = 0.0;
        while done < count {
            done += 1.0;
            let water_c = from_c + (to_c - from_c) * done / count;
            self.step(water_c, seconds / count, done * seconds / count);
        }
    }

    /// One step of `step_s`, which ends `gone_s` after the last measurement.
    fn step(&mut self, water_c: f64, step_s: f64, gone_s: f64) {
        let before_c = self.core_c();
        core_temp::warm(&mut self.cells, self.thickness_mm, water_c, step_s);
        let after_c = self.core_c();
        match self.needed_s {
            None => {
                self.killed.add(before_c, after_c, step_s);
                if self.killed.share() >= 1.0 {
                    self.needed_s = Some(self.in_water_s() + gone_s);
                }
            }
            Some(_) if after_c >= HOT_C => self.padded_s += step_s,
            Some(_) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "instants are within 2^53")]
fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms).max(0) as f64 / 1000.0
}

#[expect(clippy::cast_possible_truncation, reason = "a day at most")]
const fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

#[cfg(test)]
mod tests;
