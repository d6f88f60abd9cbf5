//! The relay: low before its pin is an output, low when anything goes wrong.

use esp8266_hal::gpio::{Gpio5, Output, PushPull};
use esp8266_hal::prelude::*;
use esp8266_hal::target::GPIO;

/// The relay's bit in the GPIO registers.
const BIT: u32 = 1 << 5;

/// The relay.
pub struct Relay {
    pin: Gpio5<Output<PushPull>>,
}

impl Relay {
    /// Takes the pin, off.
    pub fn new<Mode>(pin: Gpio5<Mode>) -> Self {
        off();
        Self { pin: pin.into_push_pull_output() }
    }

    /// Closes or opens it.
    pub fn set(&mut self, on: bool) {
        let Ok(()) = if on { self.pin.set_high() } else { self.pin.set_low() };
    }

    /// What the pin is, read back from the pad.
    pub fn is_on(&self) -> bool {
        let Ok(is_on) = self.pin.is_set_high();
        is_on
    }
}

/// Opens the relay from wherever the program is: at start, in a panic.
pub fn off() {
    // SAFETY: a write to a register that only clears the bits that are set in it.
    unsafe { (*GPIO::ptr()).gpio_out_w1tc.write(|w| w.bits(BIT)) };
}
