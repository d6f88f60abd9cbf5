//! The watchdog: it resets the chip when nothing proves any more that all is well.

use esp8266_hal::prelude::*;
use esp8266_hal::target::WDT;
use esp8266_hal::watchdog::{StageTimeout, Watchdog as Hal};

/// The watchdog, running.
pub struct Watchdog {
    hal: Hal,
}

impl Watchdog {
    /// Starts it: the chip is reset 6.7 s after the last feeding.
    pub fn new(wdt: WDT) -> Self {
        let mut hal = wdt.watchdog();
        hal.start((StageTimeout::Stage671Sec, StageTimeout::StageDisabled));
        Self { hal }
    }

    /// All is well.
    pub fn feed(&mut self) {
        self.hal.feed();
    }
}
