//! How fast counts rise, from looking at them again and again. Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Two looks closer together than this say nothing about a pace.
const APART: Duration = Duration::from_millis(900);

/// What was counted when it was last looked at, and how fast it rose until then. It remembers the
/// counts of one look, so that it is as long as the longest list that is shown.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looked: Option<Instant>,
    counts: HashMap<String, u32>,
    per_s: HashMap<String, f64>,
}

impl Pace {
    /// How much each of the `counts` rises in a second, by name. Counts wrap at 2^32. A name that
    /// is seen for the first time has no pace yet.
    pub(super) fn look(
        &mut self,
        now: Instant,
        counts: HashMap<String, u32>,
    ) -> HashMap<String, f64> {
        let passed = self.looked.map(|looked| now.saturating_duration_since(looked));
        if passed.is_some_and(|passed| passed < APART) {
            return self.per_s.clone();
        }
        self.per_s = passed.map(|passed| self.paces(&counts, passed)).unwrap_or_default();
        (self.looked, self.counts) = (Some(now), counts);
        self.per_s.clone()
    }

    fn paces(&self, counts: &HashMap<String, u32>, passed: Duration) -> HashMap<String, f64> {
        let pace = |(name, count): (&String, &u32)| {
            let rise = count.wrapping_sub(*self.counts.get(name)?);
            Some((name.clone(), tenths(f64::from(rise) / passed.as_secs_f64())))
        };
        counts.iter().filter_map(pace).collect()
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(count: u32) -> HashMap<String, u32> {
        HashMap::from([("a".to_owned(), count)])
    }

    #[test]
    fn a_pace_is_the_rise_over_the_time_between_two_looks() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert!(pace.look(start, counts(u32::MAX)).is_empty(), "one look says nothing");
        let paces = pace.look(start + Duration::from_secs(2), counts(4));
        assert_eq!(paces.get("a"), Some(&2.5), "through the wrap");
    }

    #[test]
    fn a_look_too_soon_repeats_what_the_last_one_said() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.look(start, counts(0));
        let second = start + Duration::from_secs(1);
        assert_eq!(pace.look(second, counts(3)).get("a"), Some(&3.0));
        assert_eq!(pace.look(second + Duration::from_millis(5), counts(4)).get("a"), Some(&3.0));
        assert_eq!(pace.look(second + Duration::from_secs(1), counts(4)).get("a"), Some(&1.0));
    }
}
