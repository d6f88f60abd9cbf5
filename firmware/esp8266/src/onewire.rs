//! The DS18B20 on its wire, one byte a step: bits are timed in microseconds, but between two
//! bytes the rest of the device runs, so the serial line never waits for the sensor.

use crate::clock::wait_us;
use esp8266_hal::gpio::{Gpio4, OpenDrain, Output};
use esp8266_hal::prelude::*;
use hearth_device::ds18b20::{decode, CONVERT, CONVERT_MS, READ, SKIP_ROM};
use hearth_device::safety::ProbeFault;
use hearth_device::units::MilliC;

/// The wire.
pub struct Probe {
    pin: Gpio4<Output<OpenDrain>>,
    step: Step,
    pad: [u8; 9],
}

#[derive(Clone, Copy)]
enum Step {
    /// Reset, address, start a conversion.
    Start(u8),
    /// The sensor converts until then.
    Convert(u64),
    /// Reset, address, ask for the scratchpad.
    Ask(u8),
    /// Read the scratchpad's bytes.
    Read(usize),
}

impl Probe {
    /// A sensor that has not been asked yet.
    pub const fn new(pin: Gpio4<Output<OpenDrain>>) -> Self {
        Self { pin, step: Step::Start(0), pad: [0xff; 9] }
    }

    /// Does at most one byte's work (0.6 ms, a reset 1 ms); the reading it completes.
    pub fn step(&mut self, now_ms: u64) -> Option<Result<MilliC, ProbeFault>> {
        match self.step {
            Step::Start(0) | Step::Ask(0) => {
                let next = matches!(self.step, Step::Start(_));
                if !self.reset() {
                    // Tried again after a pause, so that an absent sensor costs no time.
                    self.step = Step::Convert(now_ms + CONVERT_MS);
                    return Some(Err(ProbeFault::Absent));
                }
                self.step = if next { Step::Start(1) } else { Step::Ask(1) };
            }
            Step::Start(1) => {
                self.write(SKIP_ROM);
                self.step = Step::Start(2);
            }
            Step::Start(_) => {
                self.write(CONVERT);
                self.step = Step::Convert(now_ms + CONVERT_MS);
            }
            Step::Convert(until_ms) if now_ms >= until_ms => self.step = Step::Ask(0),
            Step::Convert(_) => {}
            Step::Ask(1) => {
                self.write(SKIP_ROM);
                self.step = Step::Ask(2);
            }
            Step::Ask(_) => {
                self.write(READ);
                self.step = Step::Read(0);
            }
            Step::Read(at) => {
                let byte = self.read();
                if let Some(place) = self.pad.get_mut(at) {
                    *place = byte;
                }
                self.step = Step::Read(at + 1);
                if at + 1 == self.pad.len() {
                    self.step = Step::Start(0);
                    return Some(decode(&self.pad));
                }
            }
        }
        None
    }

    /// Resets the bus; false when nobody answers.
    fn reset(&mut self) -> bool {
        self.low();
        wait_us(480);
        self.release();
        wait_us(70);
        let present = !self.is_high();
        wait_us(410);
        present
    }

    fn write(&mut self, byte: u8) {
        for bit in 0..8 {
            let one = byte >> bit & 1 == 1;
            self.low();
            wait_us(if one { 6 } else { 60 });
            self.release();
            wait_us(if one { 64 } else { 10 });
        }
    }

    fn read(&mut self) -> u8 {
        let mut byte = 0;
        for bit in 0..8 {
            self.low();
            wait_us(3);
            self.release();
            wait_us(9);
            byte |= u8::from(self.is_high()) << bit;
            wait_us(55);
        }
        byte
    }

    fn low(&mut self) {
        let Ok(()) = self.pin.set_low();
    }

    fn release(&mut self) {
        let Ok(()) = self.pin.set_high();
    }

    fn is_high(&self) -> bool {
        let Ok(is_high) = self.pin.is_high();
        is_high
    }
}
