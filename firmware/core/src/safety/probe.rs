//! Whether the temperature sensor can be believed.

use crate::units::MilliC;

/// The sensor gave no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeFault {
    /// Nothing answered on the wire.
    Absent,
    /// The answer's check sum was wrong.
    Crc,
}

/// A reading older than this is none, in ms.
const FRESH_MS: u64 = 5_000;
/// How long the sensor may be unbelievable while heating before it is a fault, in ms.
const LOST_MS: u64 = 30_000;
/// How many bad readings in a row take the trust away.
const BAD_RUN: u8 = 3;
/// What a sous-vide probe can see at all.
const RANGE: core::ops::RangeInclusive<MilliC> = MilliC(-10_000)..=MilliC(105_000);
/// The fastest believable change, in thousandths of a degree per second.
const JUMP_PER_S: u64 = 5_000;
/// How far a reading may be from the last good one while heating, in ms of that: a sensor that
/// lies about the level is not believed because it goes on lying.
const JUMP_MS: u64 = 2_000;
/// What a DS18B20 says before its first conversion.
const POWER_UP: MilliC = MilliC(85_000);
/// How near the last reading must be for 85.000 °C to be a reading, in thousandths.
const POWER_UP_NEAR: u32 = 2_000;
/// A reading that stands still this long under full power is no reading, in ms.
const FROZEN_MS: u64 = 300_000;

#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: u64,
    water: MilliC,
}

/// A value that does not move, and how long the relay has been on meanwhile.
#[derive(Debug, Clone, Copy)]
struct Still {
    water: MilliC,
    last_ms: u64,
    heated_ms: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Probe {
    good: Option<Sample>,
    bad_run: u8,
    /// Since when nothing could be believed, while heating.
    blind_since_ms: Option<u64>,
    /// The value that may be frozen.
    still: Option<Still>,
}

impl Probe {
    pub(super) const fn new() -> Self {
        Self { good: None, bad_run: 0, blind_since_ms: None, still: None }
    }

    pub(super) fn sample(
        &mut self,
        now_ms: u64,
        reading: Result<MilliC, ProbeFault>,
        relay_on: bool,
        heating: bool,
    ) {
        let Ok(water) = reading else { return self.bad() };
        let frozen = self.is_frozen(now_ms, water, relay_on);
        if frozen || !RANGE.contains(&water) || !self.follows(now_ms, water, heating) {
            return self.bad();
        }
        self.bad_run = 0;
        self.good = Some(Sample { at_ms: now_ms, water });
    }

    pub(super) fn water(&self) -> Option<MilliC> {
        self.good.map(|sample| sample.water)
    }

    /// The last good reading, if it is not too old.
    pub(super) fn fresh(&self, now_ms: u64) -> Option<MilliC> {
        let age_ms = |sample: &Sample| now_ms.saturating_sub(sample.at_ms);
        self.good.filter(|sample| age_ms(sample) <= FRESH_MS).map(|sample| sample.water)
    }

    /// Whether few enough of the last readings were bad.
    pub(super) const fn is_trusted(&self) -> bool {
        self.bad_run < BAD_RUN
    }

    /// Whether the sensor has been unbelievable for too long of a cook.
    pub(super) fn is_lost(&mut self, now_ms: u64, heating: bool) -> bool {
        let sees = self.fresh(now_ms).is_some() && self.is_trusted();
        if sees || !heating {
            self.blind_since_ms = None;
            return false;
        }
        // Counted from the last reading that was believed, if that lies within this cook.
        let since_ms = *self.blind_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) >= LOST_MS
    }

    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }

    fn bad(&mut self) {
        self.bad_run = self.bad_run.saturating_add(1);
    }

    /// Whether this can come after what came before. While nothing heats somebody may change the
    /// water, so that any level is believed once it had the time to come about.
    fn follows(&self, now_ms: u64, water: MilliC, heating: bool) -> bool {
        let Some(before) = self.good else { return water != POWER_UP };
        let distance = water.distance(before.water);
        if water == POWER_UP && distance > POWER_UP_NEAR {
            return false;
        }
        // At least a second's worth, so that readings in quick succession are not punished.
        let most_ms = if heating { JUMP_MS } else { u64::MAX };
        let passed_ms = now_ms.saturating_sub(before.at_ms).clamp(1_000, most_ms);
        u64::from(distance) <= JUMP_PER_S.saturating_mul(passed_ms) / 1_000
    }

    fn is_frozen(&mut self, now_ms: u64, water: MilliC, relay_on: bool) -> bool {
        let unmoved = self.still.filter(|still| still.water == water);
        let mut still = unmoved.unwrap_or(Still { water, last_ms: now_ms, heated_ms: 0 });
        // Once frozen it stays so until it moves, though the relay is off by then.
        if still.heated_ms < FROZEN_MS {
            let passed_ms = now_ms.saturating_sub(still.last_ms).min(FRESH_MS);
            still.heated_ms = if relay_on { still.heated_ms + passed_ms } else { 0 };
        }
        still.last_ms = now_ms;
        self.still = Some(still);
        still.heated_ms >= FROZEN_MS
    }
}
