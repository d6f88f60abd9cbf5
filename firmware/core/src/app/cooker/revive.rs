//! Whether a cook goes on after the power came back.

use crate::cook::Progress;
use crate::record::CookRecord;
use crate::units::MilliC;

/// How long to wait for a believable temperature and the time of day, in ms.
const WAIT_MS: u64 = 120_000;
/// The longest the power may have been away, in ms.
const AWAY_MAX_MS: u64 = 30 * 60_000;
/// Food that cooled to this has been too long where bacteria grow.
const SAFE: MilliC = MilliC(54_000);

#[derive(Debug, Clone)]
pub(super) struct Revive {
    record: CookRecord,
    since_ms: Option<u64>,
}

impl Revive {
    pub(super) const fn new(record: CookRecord) -> Self {
        Self { record, since_ms: None }
    }

    pub(super) const fn progress(&self) -> &Progress {
        &self.record.progress
    }

    /// Whether the cook goes on; `None` while that can't be known yet.
    pub(super) fn decide(
        &mut self,
        now_ms: u64,
        unix_ms: Option<u64>,
        water: Option<MilliC>,
    ) -> Option<bool> {
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        // Without a time in the record its age will never be known.
        let Some(saved_ms) = self.record.unix_ms else { return Some(false) };
        match (unix_ms, water) {
            (Some(unix_ms), Some(water)) => {
                let recent = unix_ms.saturating_sub(saved_ms) <= AWAY_MAX_MS && unix_ms >= saved_ms;
                Some(recent && water > SAFE)
            }
            _ => (now_ms.saturating_sub(since_ms) >= WAIT_MS).then_some(false),
        }
    }
}
