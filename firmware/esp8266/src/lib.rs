//! Hearth's devices on an ESP8266.
//!
//! What a device does is decided in `hearth-device`; here is what touches the chip: one small
//! file per piece of hardware, and [`board::run`], the loop that joins them. `esp8266-hal` is
//! used in those files and nowhere else.
#![no_std]

pub mod board;
pub mod chip;
pub mod clock;
pub mod flash;
pub mod net;
pub mod onewire;
pub mod panic;
pub mod pins;
pub mod pwm;
pub mod relay;
pub mod setup;
pub mod uart;
pub mod watchdog;
