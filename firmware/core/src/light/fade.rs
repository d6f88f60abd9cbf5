//! A change of level spread over time.

use crate::units::PerMille;

#[derive(Debug, Clone)]
pub(super) struct Fade {
    from: PerMille,
    to: PerMille,
    started_ms: u64,
    lasts_ms: u32,
}

impl Fade {
    pub(super) const fn resting(level: PerMille) -> Self {
        Self { from: level, to: level, started_ms: 0, lasts_ms: 0 }
    }

    /// Starts a new fade from where this one is, unless it already goes there.
    pub(super) fn towards(&mut self, now_ms: u64, to: PerMille, lasts_ms: u32) {
        if to != self.to {
            *self = Self { from: self.at(now_ms), to, started_ms: now_ms, lasts_ms };
        }
    }

    pub(super) fn at(&self, now_ms: u64) -> PerMille {
        let passed_ms = now_ms.saturating_sub(self.started_ms).min(u64::from(self.lasts_ms));
        if passed_ms == u64::from(self.lasts_ms) {
            return self.to;
        }
        let (from, to) = (i64::from(self.from.get()), i64::from(self.to.get()));
        let passed_ms = i64::try_from(passed_ms).unwrap_or(0);
        PerMille::clamp(from + (to - from) * passed_ms / i64::from(self.lasts_ms))
    }
}
