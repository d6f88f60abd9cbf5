//! The emulated board: the same core, network and relay driver on an emulated LX106. Its serial
//! line is the emulator's console, its water bath is simulated, its relay is the chip's GPIO
//! register, which the emulator's monitor can read.
//!
//! The emulator's argument says what it is: `selftest`, `light` or `cooker`.
#![no_std]
#![no_main]

mod host;

use esp8266_hal::prelude::*;
use esp8266_hal::target::{Peripherals, GPIO};
use hearth_device::app::{Cooker, CookerConfig, Lamp, LampConfig, Outputs};
use hearth_device::bath::Bath;
use hearth_device::record::{Provision, Saved};
use hearth_device::selftest::CHECKS;
use hearth_device::units::PerMille;
use hearth_esp8266::board::{run, Board, Senses};
use hearth_esp8266::clock::Clock;
use hearth_esp8266::pins::Pins;
use hearth_esp8266::relay::Relay;
use hearth_esp8266::watchdog::Watchdog;
use host::Console;

/// The emulated LX106 counts 40 MHz.
const CYCLES_PER_MS: u32 = 40_000;
/// How often the simulated sensor gives a reading, in ms.
const READING_MS: u64 = 800;

/// The relay's bit in the GPIO registers.
const RELAY: u32 = 1 << 5;

#[entry]
fn main() -> ! {
    let mut name = [0; 16];
    match host::argument(&mut name) {
        "selftest" => selftest(),
        "light" => run(Lamp::new(LampConfig::default(), None), Emulated::new()),
        "cooker" => run(Cooker::new(CookerConfig::default(), None), Emulated::new()),
        _ => host::exit(2),
    }
}

fn selftest() -> ! {
    let mut failed = 0;
    for (name, check) in CHECKS {
        let holds = check();
        failed += u32::from(!holds);
        host::print(if holds { "ok      " } else { "FAILED  " });
        host::print(name);
        host::print("\n");
    }
    host::exit(failed)
}

struct Emulated {
    clock: Clock,
    console: Console,
    relay: Relay,
    watchdog: Watchdog,
    bath: Bath,
    heated_ms: u64,
    read_ms: u64,
    is_on: bool,
}

impl Emulated {
    fn new() -> Self {
        let Some(parts) = Peripherals::take() else { host::exit(3) };
        Self {
            clock: Clock::new(CYCLES_PER_MS),
            console: Console::new(),
            relay: Pins::new(parts.GPIO).relay,
            watchdog: Watchdog::new(parts.WDT),
            bath: Bath::default(),
            heated_ms: 0,
            read_ms: 0,
            is_on: false,
        }
    }
}

impl Board for Emulated {
    type Line = Console;

    fn now_ms(&mut self) -> u64 {
        self.clock.now_ms()
    }

    fn line(&mut self) -> &mut Console {
        &mut self.console
    }

    fn sense(&mut self, now_ms: u64) -> Senses {
        let passed_ms = now_ms - self.heated_ms;
        self.heated_ms = now_ms;
        let share = if self.is_on { PerMille::FULL } else { PerMille::ZERO };
        self.bath.step(u32::try_from(passed_ms).unwrap_or(0), share);
        let due = now_ms - self.read_ms >= READING_MS;
        if due {
            self.read_ms = now_ms;
        }
        Senses { probe: due.then(|| Ok(self.bath.water())), ..Senses::default() }
    }

    fn act(&mut self, outputs: &Outputs) {
        if self.is_on != outputs.relay {
            self.is_on = outputs.relay;
            self.relay.set(outputs.relay);
            let bit = if outputs.relay { RELAY } else { 0 };
            // SAFETY: plain memory here. The chip's own logic would now set this register.
            unsafe { (*GPIO::ptr()).gpio_out.write(|w| w.bits(bit)) };
        }
    }

    fn feed(&mut self) {
        self.watchdog.feed();
    }

    fn provision(&mut self) -> Option<Provision> {
        None
    }

    fn store_provision(&mut self, _provision: &Provision) {}

    fn store_saved(&mut self, _saved: &Saved) {}
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    hearth_esp8266::relay::off();
    host::print("panic");
    if let Some(place) = info.location() {
        host::print(" in ");
        host::print(place.file());
    }
    host::print("\n");
    host::exit(101)
}
