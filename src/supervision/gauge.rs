//! How many messages wait for an actor: ractor's mailbox can't tell, so its senders count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts what is under way to an actor; clones share the count. 24 bytes of heap.
#[derive(Debug, Clone, Default)]
pub struct Gauge {
    depth: Arc<Depth>,
}

#[derive(Debug, Default)]
struct Depth {
    now: AtomicU32,
    peak: AtomicU32,
}

/// One message under way: put it into the message, it counts down when dropped, be that after
/// the handling or because the mailbox was thrown away.
#[derive(Debug)]
pub struct Tick {
    depth: Arc<Depth>,
}

impl Gauge {
    /// Counts one more message; it stays counted as long as the tick lives.
    #[must_use]
    pub fn tick(&self) -> Tick {
        let now = self.depth.now.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        self.depth.peak.fetch_max(now, Ordering::Relaxed);
        Tick { depth: Arc::clone(&self.depth) }
    }

    /// Messages under way.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth.now.load(Ordering::Relaxed)
    }

    /// The most that were ever under way since this was last asked.
    #[must_use]
    pub fn take_peak(&self) -> u32 {
        self.depth.peak.swap(self.depth(), Ordering::Relaxed)
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        self.depth.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_counts_as_long_as_it_lives_and_the_peak_is_remembered() {
        let gauge = Gauge::default();
        let ticks = [gauge.tick(), gauge.tick(), gauge.tick()];
        assert_eq!(gauge.depth(), 3);
        drop(ticks);
        assert_eq!((gauge.depth(), gauge.take_peak(), gauge.take_peak()), (0, 3, 0));
    }
}
