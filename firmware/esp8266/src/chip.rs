//! The whole chip as a board, with a lamp or with a heater.

use crate::board::{Board, Senses};
use crate::clock::Clock;
use crate::flash::Flash;
use crate::onewire::Probe;
use crate::pins::Pins;
use crate::pwm::Pwm;
use crate::relay::Relay;
use crate::uart::Uart;
use crate::watchdog::Watchdog;
use esp8266_hal::gpio::{Gpio13, Gpio14, Input, PullUp};
use esp8266_hal::prelude::*;
use esp8266_hal::target::Peripherals;
use hearth_device::app::Outputs;
use hearth_device::light::duty;
use hearth_device::record::{Provision, Saved};

/// Cycles of the processor in a millisecond.
const CYCLES_PER_MS: u32 = 80_000;

/// What is connected.
enum Load {
    Lamp(Pwm),
    Heater(Relay, Probe),
}

/// The chip.
pub struct Chip {
    clock: Clock,
    uart: Uart,
    flash: Flash,
    watchdog: Watchdog,
    button: Gpio14<Input<PullUp>>,
    low_water: Gpio13<Input<PullUp>>,
    load: Load,
}

impl Chip {
    /// The chip with a lamp at GPIO12; `None` when it was taken before.
    pub fn with_lamp() -> Option<Self> {
        Self::new(true)
    }

    /// The chip with a relay at GPIO5 and a sensor at GPIO4; `None` when it was taken before.
    pub fn with_heater() -> Option<Self> {
        Self::new(false)
    }

    fn new(lamp: bool) -> Option<Self> {
        let parts = Peripherals::take()?;
        let pins = Pins::new(parts.GPIO);
        let load = if lamp {
            Load::Lamp(Pwm::new(pins.lamp))
        } else {
            Load::Heater(pins.relay, Probe::new(pins.probe))
        };
        Some(Self {
            clock: Clock::new(CYCLES_PER_MS),
            uart: Uart::new(parts.UART0, pins.uart),
            flash: Flash::new(parts.SPI0),
            watchdog: Watchdog::new(parts.WDT),
            button: pins.button,
            low_water: pins.low_water,
            load,
        })
    }

    /// What the device was doing when the power went.
    pub fn saved(&mut self) -> Option<Saved> {
        self.flash.saved()
    }
}

impl Board for Chip {
    type Line = Uart;

    fn now_ms(&mut self) -> u64 {
        self.clock.now_ms()
    }

    fn line(&mut self) -> &mut Uart {
        &mut self.uart
    }

    fn sense(&mut self, now_ms: u64) -> Senses {
        let Ok(button) = self.button.is_low();
        let Ok(low_water) = self.low_water.is_low();
        match &mut self.load {
            Load::Lamp(_) => Senses { button, ..Senses::default() },
            Load::Heater(relay, probe) => Senses {
                probe: probe.step(now_ms),
                button,
                low_water,
                relay_is_on: Some(relay.is_on()),
            },
        }
    }

    fn act(&mut self, outputs: &Outputs) {
        match &mut self.load {
            Load::Lamp(pwm) => pwm.set(duty(outputs.level)),
            Load::Heater(relay, _) => relay.set(outputs.relay),
        }
    }

    fn feed(&mut self) {
        self.watchdog.feed();
    }

    fn provision(&mut self) -> Option<Provision> {
        self.flash.provision()
    }

    fn store_provision(&mut self, provision: &Provision) {
        self.flash.store_provision(provision);
    }

    fn store_saved(&mut self, saved: &Saved) {
        self.flash.store_saved(saved);
    }
}
