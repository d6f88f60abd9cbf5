//! The whole device as one function: time and inputs in, relay and messages out. A board, an
//! emulated chip and the simulator call the same one.

mod cooker;
mod lamp;

pub use cooker::{Arming, Cooker, CookerConfig};
pub use lamp::{Lamp, LampConfig};

use crate::contract::Messages;
use crate::record::Saved;
use crate::safety::ProbeFault;
use crate::units::{MilliC, PerMille};

/// What the device sees in one step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The server hears us: connected, and subscribed to `set`.
    pub online: bool,
    /// The time of day in Unix ms, once somebody told it.
    pub unix_ms: Option<u64>,
    /// The payload of a `set` that arrived.
    pub set: Option<&'a [u8]>,
    /// The button's contact: true is pressed.
    pub button: bool,
    /// A new reading of the temperature sensor; `None` while it still converts.
    pub probe: Option<Result<MilliC, ProbeFault>>,
    /// The float switch: true is too little water.
    pub low_water: bool,
    /// What the relay's contact really does, where the hardware can tell.
    pub relay_is_on: Option<bool>,
}

/// What the device does after one step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    /// The relay (of a cooker's heater, of a lamp that cannot be dimmed).
    pub relay: bool,
    /// The level of a lamp, before [`light::duty`](crate::light::duty).
    pub level: PerMille,
    /// What is to be published, in this order.
    pub messages: Messages,
    /// What is to be written to flash, replacing what was written before.
    pub save: Option<Saved>,
    /// Whether the watchdog may be fed: everything that matters was seen to work.
    pub feed_watchdog: bool,
}

/// A device's behaviour. [`App::step`] is to be called at least once a second of the device's
/// time, and at once when something arrived.
pub trait App {
    /// Lets time pass to `now_ms` (monotonic, from any start) with what is seen now.
    fn step(&mut self, now_ms: u64, inputs: &Inputs<'_>) -> Outputs;
}
