//! When to try again: sooner at first, and never all devices at the same moment.

const FIRST_MS: u64 = 1_000;
const LAST_MS: u64 = 60_000;

#[derive(Debug, Clone)]
pub(super) struct Backoff {
    attempts: u32,
    seed: u32,
}

impl Backoff {
    /// `seed` must differ between devices: their number will do.
    pub(super) const fn new(seed: u32) -> Self {
        Self { attempts: 0, seed: seed | 1 }
    }

    /// All is well: the next failure is a first one.
    pub(super) const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The longest wait from now on: the server said no, and will say no again.
    pub(super) const fn discourage(&mut self) {
        self.attempts = 16;
    }

    /// The wait before the next attempt: 1 s doubling up to 60 s, half of it by chance.
    pub(super) fn next_ms(&mut self) -> u64 {
        let full_ms = LAST_MS.min(FIRST_MS << self.attempts.min(16));
        self.attempts = self.attempts.saturating_add(1);
        full_ms / 2 + u64::from(self.random()) % (full_ms / 2)
    }

    /// Xorshift (Marsaglia 2003); good enough to spread devices out.
    const fn random(&mut self) -> u32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_double_up_to_a_minute_and_half_of_each_is_chance(seed: u32) {
            let mut backoff = Backoff::new(seed);
            for attempt in 0..40_u32 {
                let full_ms = 60_000.min(1_000 << attempt.min(16));
                let wait_ms = backoff.next_ms();
                prop_assert!((full_ms / 2..full_ms).contains(&wait_ms));
            }
            backoff.reset();
            prop_assert!(backoff.next_ms() < 1_000);
        }
    }

    #[test]
    fn devices_do_not_come_back_together() {
        let waits = (0..1_000).map(|device| Backoff::new(device * 2).next_ms());
        let apart: std::collections::BTreeSet<_> = waits.collect();
        assert!(apart.len() > 250, "{}", apart.len());
    }
}
