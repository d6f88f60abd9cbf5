//! The safety layer: last in the chain before the relay, and able to do one thing only: keep it
//! off. It knows nothing of phases and timers, and trusts nobody above it.

mod heat;
mod probe;

use crate::units::MilliC;
use heat::Heat;
pub use heat::Limits;
use probe::Probe;
pub use probe::ProbeFault;

/// Why heating is forbidden until somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The sensor could not be believed for 30 s.
    Sensor,
    /// The water was hotter than any cook may be.
    OverTemp,
    /// Ten minutes of full power without effect: no water, a broken element, probe out.
    NoHeat,
    /// Heating for longer than any cook takes.
    TooLong,
    /// The relay stays closed though it was opened.
    RelayStuck,
}

impl Fault {
    /// The contract's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::OverTemp => "over_temp",
            Self::NoHeat => "no_heating",
            Self::TooLong => "too_long",
            Self::RelayStuck => "relay_stuck",
        }
    }

    /// The word of the `fault` property, which knows fewer.
    #[must_use]
    pub const fn property(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::OverTemp => "over_temp",
            Self::NoHeat | Self::RelayStuck => "heater",
            Self::TooLong => "other",
        }
    }

    /// Whether only the button on the device clears it: somebody must have looked.
    #[must_use]
    pub const fn is_latched(self) -> bool {
        matches!(self, Self::OverTemp | Self::RelayStuck)
    }
}

/// What the layers above want, and what the hardware says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The relay closed.
    pub relay: bool,
    /// A cook is on, so the sensor matters and the clock of [`Limits::heating_max_ms`] runs.
    pub heating: bool,
    /// The temperature asked for.
    pub target: MilliC,
    /// The float switch says there is too little water.
    pub low_water: bool,
    /// What the relay's contact really does, where the hardware can tell.
    pub relay_is_on: Option<bool>,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the relay may be closed: never more than was wanted.
    pub relay: bool,
    /// The standing fault.
    pub fault: Option<Fault>,
    /// Whether this step proved enough to feed the watchdog.
    pub feed_watchdog: bool,
}

/// The safety layer of one heater.
#[derive(Debug, Clone)]
pub struct Safety {
    probe: Probe,
    heat: Heat,
    fault: Option<Fault>,
    relay: bool,
    heating: bool,
}

impl Safety {
    /// A layer that has seen nothing and allows nothing yet.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            probe: Probe::new(),
            heat: Heat::new(limits),
            fault: None,
            relay: false,
            heating: false,
        }
    }

    /// Takes a reading of the sensor; once a second is usual, more than 5 s apart is too seldom.
    pub fn sample(&mut self, now_ms: u64, reading: Result<MilliC, ProbeFault>) {
        self.probe.sample(now_ms, reading, self.relay, self.heating);
    }

    /// The last reading that was believed.
    #[must_use]
    pub fn water(&self) -> Option<MilliC> {
        self.probe.water()
    }

    /// The standing fault.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Judges what is wanted.
    pub fn judge(&mut self, now_ms: u64, wanted: Wanted) -> Verdict {
        self.heating = wanted.heating;
        let water = self.probe.fresh(now_ms);
        if self.fault.is_none() {
            self.fault = self.new_fault(now_ms, wanted, water);
        }
        let believed = water.filter(|_| self.probe.is_trusted());
        let cool = believed.is_some_and(|water| self.heat.is_cool(water, wanted.target));
        self.relay =
            wanted.relay && wanted.heating && self.fault.is_none() && cool && !wanted.low_water;
        self.heat.relay(now_ms, self.relay, water);

        let relay_agrees = wanted.relay_is_on.is_none_or(|is_on| is_on == self.relay);
        let at_rest = !self.relay && wanted.relay_is_on != Some(true);
        // A stale sensor or a contact that does not follow starves the watchdog while heating;
        // with the heater off there is nothing a reset would make safer.
        let feed_watchdog = at_rest || (believed.is_some() && relay_agrees);
        Verdict { relay: self.relay, fault: self.fault, feed_watchdog }
    }

    /// Somebody turned heating off: faults that are not latched are over, the sensor is judged
    /// afresh.
    pub fn clear(&mut self) {
        if self.fault.is_none_or(|fault| !fault.is_latched()) {
            self.local_reset();
        }
    }

    /// Somebody held the button on the device: every fault is over unless its cause still stands.
    pub fn local_reset(&mut self) {
        self.fault = None;
        self.probe.forget();
    }

    fn new_fault(&mut self, now_ms: u64, wanted: Wanted, water: Option<MilliC>) -> Option<Fault> {
        let heat = self.heat.judge(now_ms, wanted, water, self.relay);
        let blind = self.probe.is_lost(now_ms, wanted.heating);
        heat.or(blind.then_some(Fault::Sensor))
    }
}

#[cfg(test)]
mod tests;
