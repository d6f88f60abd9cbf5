//! How fast somebody may ask: token buckets. Pure.

use std::collections::HashMap;
use std::hash::Hash;

/// Thousandths of a request: what a bucket counts in, so that slow rates are exact.
const MILLI: i64 = 1_000;

/// A bucket for each key. It fills at a steady rate up to its burst; each request takes one out.
#[derive(Debug)]
pub struct Buckets<K> {
    rate_s: i64,
    burst: i64,
    entries_max: usize,
    entries: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left_milli: i64,
    at_ms: i64,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// `rate_s` requests a second of a key, and up to `burst` at once after a pause. Of keys whose
    /// bucket is not full `entries_max` are remembered at most; beyond that all are forgiven.
    #[must_use]
    pub fn new(rate_s: u32, burst: u32, entries_max: usize) -> Self {
        let (rate_s, burst) = (i64::from(rate_s.max(1)), i64::from(burst.max(1)));
        Self { rate_s, burst, entries_max, entries: HashMap::new() }
    }

    /// Takes one request of `key` out of its bucket.
    ///
    /// # Errors
    /// Seconds to wait until there is one.
    pub fn take(&mut self, key: &K, now_ms: i64) -> Result<(), u64> {
        let (rate_s, full) = (self.rate_s, self.burst * MILLI);
        let left = |bucket: &Bucket| {
            let passed_ms = now_ms.saturating_sub(bucket.at_ms).max(0);
            passed_ms.saturating_mul(rate_s).saturating_add(bucket.left_milli).min(full)
        };
        if let Some(bucket) = self.entries.get_mut(key) {
            let left_milli = left(bucket);
            *bucket = Bucket { left_milli, at_ms: now_ms };
            if left_milli < MILLI {
                let wait_ms = (MILLI - left_milli) / rate_s;
                return Err(u64::try_from(wait_ms / 1_000 + 1).unwrap_or(1));
            }
            bucket.left_milli -= MILLI;
            return Ok(());
        }
        if self.entries.len() >= self.entries_max {
            self.entries.retain(|_, bucket| left(bucket) < full);
            if self.entries.len() >= self.entries_max {
                self.entries.clear();
            }
        }
        self.entries.insert(key.clone(), Bucket { left_milli: full - MILLI, at_ms: now_ms });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_one_is_served_at_the_steady_rate() {
        let mut buckets = Buckets::new(2, 5, 10);
        for _ in 0..5 {
            assert_eq!(buckets.take(&"bob", 0), Ok(()));
        }
        assert_eq!(buckets.take(&"bob", 0), Err(1));
        assert_eq!(buckets.take(&"eve", 0), Ok(()));
        assert_eq!(buckets.take(&"bob", 499), Err(1));
        assert_eq!(buckets.take(&"bob", 500), Ok(()));
        assert_eq!(buckets.take(&"bob", 501), Err(1));
        let served = (502..10_502).filter(|now_ms| buckets.take(&"bob", *now_ms).is_ok()).count();
        assert!((19..=21).contains(&served), "{served}");
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let mut buckets = Buckets::new(1, 3, 10);
        buckets.take(&1, 0).unwrap();
        let served = (0..10).filter(|_| buckets.take(&1, 3_600_000).is_ok()).count();
        assert_eq!(served, 3);
    }

    #[test]
    fn no_more_keys_than_allowed_are_remembered() {
        let mut buckets = Buckets::new(1, 3, 4);
        for key in 0..1_000 {
            buckets.take(&key, 0).unwrap();
            assert!(buckets.entries.len() <= 4);
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let mut buckets = Buckets::new(1, 1, 4);
        buckets.take(&1, 10_000).unwrap();
        assert_eq!(buckets.take(&1, 0), Err(2));
    }
}
