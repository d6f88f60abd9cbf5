//! The sous-vide cooker: a relay at GPIO5, a DS18B20 at GPIO4, a float switch at GPIO13, a
//! button at GPIO14.
#![no_std]
#![no_main]

use esp8266_hal::prelude::*;
use hearth_device::app::{Cooker, CookerConfig};
use hearth_esp8266::{board, chip::Chip, panic};

#[entry]
fn main() -> ! {
    let Some(mut chip) = Chip::with_heater() else { panic::stop() };
    let saved = chip.saved();
    board::run(Cooker::new(CookerConfig::default(), saved.as_ref()), chip)
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    panic::stop()
}
