//! The water's last five minutes.

use serde::{Deserialize, Serialize};

/// How far back samples are kept, in seconds.
pub const WINDOW_S: f64 = 300.0;
/// Shortest time between two samples, in seconds: 61 of them at most.
pub const CADENCE_S: f64 = 5.0;

/// Water temperatures of the last [`WINDOW_S`], oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// What the instants count from, Unix milliseconds.
    epoch_ms: i64,
    /// Tenths of a second since the epoch, and °C: eight bytes a sample.
    ring: Vec<(u32, f32)>,
}

impl Samples {
    /// Takes a measurement, unless the last one is younger than [`CADENCE_S`].
    pub fn push(&mut self, now_ms: i64, water_c: f64) {
        if self.ring.is_empty() {
            self.epoch_ms = now_ms;
        }
        let Ok(at) = u32::try_from(now_ms.saturating_sub(self.epoch_ms) / 100) else {
            // The clock went back: what was seen has no place on it any more.
            *self = Self { epoch_ms: now_ms, ring: vec![(0, narrow(water_c))] };
            return;
        };
        let due = self.ring.last().is_none_or(|(last, _)| seconds(*last, at) >= CADENCE_S);
        if due {
            self.ring.retain(|(old, _)| seconds(*old, at) <= WINDOW_S);
            self.ring.push((at, narrow(water_c)));
        }
    }

    /// The latest sample: Unix milliseconds and °C.
    #[must_use]
    pub fn latest(&self) -> Option<(i64, f64)> {
        self.ring.last().map(|(at, water_c)| (self.instant_ms(*at), f64::from(*water_c)))
    }

    /// The samples since `from_ms`, as seconds before the latest one (so never above zero) and °C.
    pub fn since(&self, from_ms: i64) -> impl Iterator<Item = (f64, f64)> + Clone {
        let latest = self.ring.last().map_or(0, |(at, _)| *at);
        let young = self.ring.iter().filter(move |(at, _)| self.instant_ms(*at) >= from_ms);
        young.map(move |(at, water_c)| (-seconds(*at, latest), f64::from(*water_c)))
    }

    /// How fast the water warms over the last `seconds`, in °C per minute, if at least two thirds
    /// of that time were seen.
    #[must_use]
    pub fn slope_c_min(&self, seconds: f64) -> Option<f64> {
        let young = || self.since(i64::MIN).filter(|(at_s, _)| *at_s >= -seconds);
        let seen_s = -young().next()?.0;
        if seen_s < seconds * 2.0 / 3.0 {
            return None;
        }
        Some(line(young())?.slope * 60.0)
    }

    const fn instant_ms(&self, at: u32) -> i64 {
        self.epoch_ms.saturating_add((at as i64).saturating_mul(100))
    }
}

/// The straight line nearest to some points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) mean_x: f64,
    pub(super) mean_y: f64,
    pub(super) slope: f64,
    /// Sum of the squares of x around its mean.
    pub(super) spread: f64,
}

impl Line {
    pub(super) fn at(&self, x: f64) -> f64 {
        self.mean_y + self.slope * (x - self.mean_x)
    }
}

/// The least-squares line through `points`, if they have more than one x.
pub(super) fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Line> {
    let (count, sum_x, sum_y) = points
        .clone()
        .fold((0.0, 0.0, 0.0), |(count, sum_x, sum_y), (x, y)| (count + 1.0, sum_x + x, sum_y + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (spread, along) = points.fold((0.0, 0.0), |(spread, along), (x, y)| {
        (spread + (x - mean_x).powi(2), along + (x - mean_x) * (y - mean_y))
    });
    (spread > 0.0).then(|| Line { mean_x, mean_y, slope: along / spread, spread })
}

fn seconds(from: u32, to: u32) -> f64 {
    f64::from(to.saturating_sub(from)) / 10.0
}

/// A temperature as it is kept: exact to a hundred-thousandth of a degree.
#[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a probe has")]
pub(super) const fn narrow(celsius: f64) -> f32 {
    celsius as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warming(c_min: f64, seconds: i64, every: i64) -> Samples {
        let mut samples = Samples::default();
        for at in (0..=seconds).step_by(usize::try_from(every).unwrap()) {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            samples.push(1_795_400_000_000 + at * 1000, 20.0 + c_min * at as f64 / 60.0);
        }
        samples
    }

    #[test]
    fn five_minutes_are_kept_and_no_more_than_61_samples() {
        for every in [1, 2, 5, 30] {
            let samples = warming(1.0, 3600, every);
            assert!(samples.ring.len() <= 61, "{}", samples.ring.len());
            let oldest = samples.since(i64::MIN).next().unwrap().0;
            assert!((-300.0..=-270.0).contains(&oldest), "{oldest}");
        }
    }

    #[test]
    fn the_slope_is_that_of_the_water() {
        let slope = warming(0.8, 600, 5).slope_c_min(300.0).unwrap();
        assert!((slope - 0.8).abs() < 1e-3, "{slope}");
        assert_eq!(warming(0.8, 100, 5).slope_c_min(300.0), None, "too little was seen");
    }

    #[test]
    fn a_clock_that_goes_back_starts_anew() {
        let mut samples = warming(1.0, 60, 5);
        samples.push(1_000, 30.0);
        assert_eq!(samples.latest(), Some((1_000, 30.0)));
        assert_eq!(samples.ring.len(), 1);
    }
}
