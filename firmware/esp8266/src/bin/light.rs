//! The light: a MOSFET at GPIO12, a button at GPIO14.
#![no_std]
#![no_main]

use esp8266_hal::prelude::*;
use hearth_device::app::{Lamp, LampConfig};
use hearth_device::light::{Fittings, PowerOn};
use hearth_esp8266::{board, chip::Chip, panic};

#[entry]
fn main() -> ! {
    let Some(mut chip) = Chip::with_lamp() else { panic::stop() };
    let fittings = Fittings { white: false, colour: false };
    let config = LampConfig { fittings, power_on: PowerOn::Last };
    let saved = chip.saved();
    board::run(Lamp::new(config, saved.as_ref()), chip)
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    panic::stop()
}
