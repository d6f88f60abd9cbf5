//! What the history holds and what it had to leave out, for the operator.

use std::sync::atomic::{AtomicU64, Ordering};

use super::engine::Counters;
use crate::observe::Metrics;

/// What the history holds and what it had to leave out, since the start of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Readings kept.
    pub readings: u64,
    /// Readings that can't be kept: no number, too large, or of too many different names.
    pub refused: u64,
    /// Readings dropped because the queue was full: more came than the disk takes.
    pub dropped_queue: u64,
    /// Readings dropped because the disk was full or failed.
    pub dropped_disk: u64,
    /// Failed operations on the disk; all of them are repeated.
    pub disk_errors: u64,
    /// Chunks whose checksum was wrong when they were read.
    pub damaged_chunks: u64,
    /// Readings in memory, which are in the log too.
    pub readings_open: u64,
    /// Series that have any.
    pub series_open: u64,
    /// What they take of the memory, in bytes.
    pub memory_bytes: u64,
    /// Size of the logs, in bytes.
    pub log_bytes: u64,
    /// Size of all segments, in bytes.
    pub segment_bytes: u64,
    /// Number of all segments, each an open file.
    pub segments: u64,
}

impl Totals {
    /// What was counted, without what there is.
    pub(super) fn counted(counters: &Counters) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            readings: count(&counters.kept),
            refused: count(&counters.refused),
            dropped_queue: count(&counters.dropped_queue),
            dropped_disk: count(&counters.dropped_disk),
            disk_errors: count(&counters.disk_errors),
            ..Self::default()
        }
    }

    /// Brings the metrics up to these figures.
    pub fn show(&self, metrics: &Metrics) {
        metrics.stats_readings.reach(self.readings);
        metrics.stats_refused.reach(self.refused);
        metrics.stats_dropped_queue.reach(self.dropped_queue);
        metrics.stats_dropped_disk.reach(self.dropped_disk);
        metrics.stats_disk_errors.reach(self.disk_errors);
        metrics.stats_damaged_chunks.reach(self.damaged_chunks);
        metrics.stats_open_readings.set(level(self.readings_open));
        metrics.stats_open_series.set(level(self.series_open));
        metrics.stats_memory_bytes.set(level(self.memory_bytes));
        metrics.stats_log_bytes.set(level(self.log_bytes));
        metrics.stats_segment_bytes.set(level(self.segment_bytes));
        metrics.stats_segments.set(level(self.segments));
    }
}

fn level(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_reaches_the_metrics() {
        let totals = Totals {
            readings: 1,
            refused: 2,
            dropped_queue: 3,
            dropped_disk: 4,
            disk_errors: 5,
            damaged_chunks: 6,
            readings_open: 7,
            series_open: 8,
            memory_bytes: 9,
            log_bytes: 10,
            segment_bytes: 11,
            segments: 12,
        };
        let metrics = Metrics::default();
        totals.show(&metrics);
        let text = metrics.render();
        let shown = text.lines().filter(|line| line.starts_with("hearth_stats_"));
        let mut figures: Vec<u64> =
            shown.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        figures.retain(|figure| *figure > 0);
        figures.sort_unstable();
        assert_eq!(figures, (1..=12).collect::<Vec<u64>>());
    }
}
