//! Energy out of history: what a meter counted, or what a power came to over time. Pure.

use super::History;

/// A reading of a power holds until the next one, but no longer than this: who is silent for
/// longer says nothing about what it takes.
const HOLD_MS: i64 = 3_600_000;
const HOUR_MS: f64 = 3_600_000.0;

/// What a property measures of energy, by its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Power, in so many watts a unit.
    Power(f64),
    /// Energy so far, in so many watt hours a unit.
    Meter(f64),
}

impl Measure {
    /// What a unit measures; none for units that have nothing to do with energy.
    #[must_use]
    pub fn of_unit(unit: &str) -> Option<Self> {
        match unit {
            "W" => Some(Self::Power(1.0)),
            "kW" => Some(Self::Power(1e3)),
            "MW" => Some(Self::Power(1e6)),
            "Wh" => Some(Self::Meter(1.0)),
            "kWh" => Some(Self::Meter(1e3)),
            "MWh" => Some(Self::Meter(1e6)),
            _ => None,
        }
    }

    /// The watt hours of a stretch of history that ends at `to_ms`; zero where there is none.
    #[must_use]
    pub fn watt_hours(self, history: &History, to_ms: i64) -> f64 {
        match self {
            Self::Power(watts) => watts * held(history, to_ms),
            Self::Meter(watt_hours) => watt_hours * counted(history),
        }
    }
}

/// The value times the hours for which it held.
#[expect(clippy::cast_precision_loss, reason = "a span in milliseconds is far below 2^53")]
fn held(history: &History, to_ms: i64) -> f64 {
    let values: Vec<(i64, f64)> = match history {
        History::Points(points) => points.iter().map(|point| (point.t_ms, point.value)).collect(),
        History::Buckets { buckets, .. } => {
            buckets.iter().map(|bucket| (bucket.t_ms, bucket.mean)).collect()
        }
    };
    let ends = values.iter().skip(1).map(|(t_ms, _)| *t_ms).chain([to_ms]);
    let hours = |t_ms: i64, end_ms: i64| (end_ms - t_ms).clamp(0, HOLD_MS) as f64 / HOUR_MS;
    values.iter().zip(ends).map(|((t_ms, value), end_ms)| value * hours(*t_ms, end_ms)).sum()
}

/// How far a meter went. One that falls was reset, and counts from zero again.
fn counted(history: &History) -> f64 {
    let rise = |from: f64, to: f64| if to >= from { to - from } else { to.max(0.0) };
    let mut total = 0.0;
    let mut before: Option<f64> = None;
    match history {
        History::Points(points) => {
            for point in points {
                total += rise(before.unwrap_or(point.value), point.value);
                before = Some(point.value);
            }
        }
        History::Buckets { buckets, .. } => {
            for bucket in buckets {
                total += rise(before.unwrap_or(bucket.min), bucket.last);
                before = Some(bucket.last);
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Bucket, Point};

    const MINUTE_MS: i64 = 60_000;

    fn points(readings: &[(i64, f64)]) -> History {
        let point =
            |(minute, value): &(i64, f64)| Point { t_ms: minute * MINUTE_MS, value: *value };
        History::Points(readings.iter().map(point).collect())
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_power_holds_until_the_next_reading() {
        let history = points(&[(0, 60.0), (30, 0.0), (45, 120.0)]);
        let watt_hours = Measure::Power(1.0).watt_hours(&history, 60 * MINUTE_MS);
        assert!(near(watt_hours, 60.0), "{watt_hours}");
    }

    #[test]
    fn a_power_holds_no_longer_than_an_hour_of_silence() {
        let history = points(&[(0, 100.0), (600, 0.0)]);
        assert!(near(Measure::Power(1e3).watt_hours(&history, 700 * MINUTE_MS), 100_000.0));
    }

    #[test]
    fn a_meter_counts_what_it_rose_by_over_resets() {
        let history = points(&[(0, 7.0), (1, 7.5), (2, 0.25), (3, 1.0)]);
        assert!(near(Measure::Meter(1e3).watt_hours(&history, 0), 1_500.0));
        let bucket = |t_ms, min, last| Bucket { t_ms, min, mean: min, max: last, count: 2, last };
        let buckets = vec![bucket(0, 7.0, 7.5), bucket(1, 8.0, 9.0)];
        let history = History::Buckets { step_ms: 1, buckets };
        assert!(near(Measure::Meter(1.0).watt_hours(&history, 0), 2.0));
    }

    #[test]
    fn only_units_of_energy_measure_it() {
        assert_eq!(Measure::of_unit("kW"), Some(Measure::Power(1e3)));
        assert_eq!(Measure::of_unit("kWh"), Some(Measure::Meter(1e3)));
        assert_eq!(Measure::of_unit("°C"), None);
        assert!(near(Measure::Power(1.0).watt_hours(&points(&[]), 0), 0.0));
    }
}
