//! Whether heating does what heating should, and not for longer than it may.

use super::{Fault, Wanted};
use crate::units::MilliC;

/// The limits of one heater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// No heat this far above the target, in thousandths of a degree.
    pub above_target: i32,
    /// At this temperature heating is over until somebody has looked. Targets go to 95 °C and
    /// control may ride half a degree above, so it lies clear of both.
    pub hottest: MilliC,
    /// How long full power may be without effect, in ms.
    pub effect_ms: u64,
    /// What counts as an effect, in thousandths of a degree.
    pub effect: i32,
    /// The longest a relay may be closed without a break, in ms.
    pub relay_max_ms: u64,
    /// The longest heating may last: the longest cook and four hours to get there, in ms.
    pub heating_max_ms: u64,
    /// How long a relay's contact may take to follow, in ms.
    pub contact_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            above_target: 2_000,
            hottest: MilliC(97_500),
            effect_ms: 10 * 60_000,
            effect: 500,
            relay_max_ms: 4 * 3_600_000,
            heating_max_ms: 76 * 3_600_000,
            contact_ms: 3_000,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Heat {
    limits: Limits,
    heating_since_ms: Option<u64>,
    relay_since_ms: Option<u64>,
    /// Since when full power has had no effect, and from which temperature.
    effort: Option<(u64, MilliC)>,
    stuck_since_ms: Option<u64>,
}

impl Heat {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            heating_since_ms: None,
            relay_since_ms: None,
            effort: None,
            stuck_since_ms: None,
        }
    }

    /// Whether the water may get any warmer.
    pub(super) fn is_cool(&self, water: MilliC, target: MilliC) -> bool {
        water.above(target) <= self.limits.above_target && water < self.limits.hottest
    }

    /// Follows the relay as it was just set.
    pub(super) fn relay(&mut self, now_ms: u64, on: bool, water: Option<MilliC>) {
        if on {
            self.relay_since_ms.get_or_insert(now_ms);
            if self.effort.is_none() {
                self.effort = water.map(|water| (now_ms, water));
            }
        } else {
            self.relay_since_ms = None;
            self.effort = None;
        }
    }

    pub(super) fn judge(
        &mut self,
        now_ms: u64,
        wanted: Wanted,
        water: Option<MilliC>,
        relay_on: bool,
    ) -> Option<Fault> {
        let since = |start: Option<u64>| start.map_or(0, |start| now_ms.saturating_sub(start));
        if wanted.heating {
            self.heating_since_ms.get_or_insert(now_ms);
        } else {
            self.heating_since_ms = None;
        }
        if wanted.relay_is_on == Some(true) && !relay_on {
            self.stuck_since_ms.get_or_insert(now_ms);
        } else {
            self.stuck_since_ms = None;
        }
        if let (Some((_, from)), Some(water)) = (self.effort, water)
            && water.above(from) >= self.limits.effect
        {
            self.effort = Some((now_ms, water));
        }

        let limits = &self.limits;
        if water.is_some_and(|water| water >= limits.hottest) {
            Some(Fault::OverTemp)
        } else if self.stuck_since_ms.is_some() && since(self.stuck_since_ms) >= limits.contact_ms {
            Some(Fault::RelayStuck)
        } else if since(self.effort.map(|(start, _)| start)) >= limits.effect_ms {
            Some(Fault::NoHeat)
        } else if since(self.relay_since_ms) >= limits.relay_max_ms
            || since(self.heating_since_ms) >= limits.heating_max_ms
        {
            Some(Fault::TooLong)
        } else {
            None
        }
    }
}
