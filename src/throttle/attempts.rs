//! How often somebody may guess. Pure.

use std::collections::HashMap;
use std::hash::Hash;

/// Counts failures by key in windows, and says who has to wait.
#[derive(Debug)]
pub struct Attempts<K> {
    failures_max: u32,
    window_ms: i64,
    entries_max: usize,
    entries: HashMap<K, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    since_ms: i64,
}

impl<K: Eq + Hash + Clone> Attempts<K> {
    /// At most `failures_max` failures of a key in `window_ms`; at most `entries_max` keys are
    /// remembered.
    #[must_use]
    pub fn new(failures_max: u32, window_ms: i64, entries_max: usize) -> Self {
        Self { failures_max, window_ms, entries_max, entries: HashMap::new() }
    }

    /// May `key` try now?
    ///
    /// # Errors
    /// Seconds to wait.
    pub fn check(&self, key: &K, now_ms: i64) -> Result<(), u64> {
        let Some(entry) = self.entries.get(key) else { return Ok(()) };
        let left_ms = entry.since_ms + self.window_ms - now_ms;
        if entry.failures < self.failures_max || left_ms <= 0 {
            return Ok(());
        }
        Err(u64::try_from(left_ms / 1_000 + 1).unwrap_or(1))
    }

    /// Has `key` failed in the window that ends now?
    #[must_use]
    pub fn has_failed(&self, key: &K, now_ms: i64) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.since_ms + self.window_ms > now_ms)
    }

    /// `key` tried and failed: how often in this window.
    pub fn failed(&mut self, key: &K, now_ms: i64) -> u32 {
        let window_ms = self.window_ms;
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(key) {
            self.entries.retain(|_, entry| entry.since_ms + window_ms > now_ms);
            if self.entries.len() >= self.entries_max {
                self.forget_older_half();
            }
        }
        let fresh = Entry { failures: 0, since_ms: now_ms };
        let entry = self.entries.entry(key.clone()).or_insert(fresh);
        if entry.since_ms + window_ms <= now_ms {
            *entry = fresh;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.failures
    }

    /// `key` is who it says: what it guessed before is forgiven.
    pub fn succeeded(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Half of them at once, so that looking for the oldest does not cost each failure.
    fn forget_older_half(&mut self) {
        let mut times: Vec<i64> = self.entries.values().map(|entry| entry.since_ms).collect();
        let middle = times.len().saturating_sub(1) / 2;
        let (_, since_ms, _) = times.select_nth_unstable(middle);
        let since_ms = *since_ms;
        self.entries.retain(|_, entry| entry.since_ms > since_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_too_many_failures_one_has_to_wait_for_the_window_to_end() {
        let mut attempts = Attempts::new(3, 10_000, 10);
        for second in 0..3 {
            assert_eq!(attempts.check(&"bob", second), Ok(()));
            attempts.failed(&"bob", second);
        }
        assert_eq!(attempts.check(&"bob", 1_000), Err(10));
        assert_eq!(attempts.check(&"eve", 1_000), Ok(()));
        assert_eq!(attempts.check(&"bob", 10_000), Ok(()));
    }

    #[test]
    fn a_success_forgives_and_old_failures_do_not_count() {
        let mut attempts = Attempts::new(2, 10_000, 10);
        attempts.failed(&"bob", 0);
        attempts.succeeded(&"bob");
        attempts.failed(&"bob", 1);
        attempts.failed(&"bob", 10_001);
        assert_eq!(attempts.check(&"bob", 10_001), Ok(()));
    }

    #[test]
    fn no_more_keys_than_allowed_are_remembered() {
        let mut attempts = Attempts::new(1, 10_000, 2);
        for (now_ms, key) in [(0, "a"), (1, "b"), (2, "c")] {
            attempts.failed(&key, now_ms);
        }
        assert_eq!(attempts.check(&"a", 3), Ok(()));
        assert!(attempts.check(&"c", 3).is_err());
    }

    #[test]
    fn somebody_has_failed_until_the_window_ends() {
        let mut attempts = Attempts::new(3, 10_000, 2);
        assert!(!attempts.has_failed(&"bob", 0));
        attempts.failed(&"bob", 0);
        assert!(attempts.has_failed(&"bob", 9_999));
        assert!(!attempts.has_failed(&"bob", 10_000));
    }
}
