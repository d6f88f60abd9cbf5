//! UART0: the line to the gateway.

use crate::board::Line;
use esp8266_hal::prelude::*;
use esp8266_hal::target::UART0;
use esp8266_hal::uart::UART0Serial;

/// The bus clock, in Hz.
const CLOCK_HZ: u32 = 80_000_000;
/// The line's speed, in bits per second.
pub const BAUD: u32 = 115_200;

/// The line, 8N1.
pub struct Uart {
    serial: UART0Serial,
}

impl Uart {
    /// Takes the UART over from the boot ROM, whose speed depends on the crystal.
    pub fn new(uart: UART0, pins: crate::pins::UartPins) -> Self {
        // SAFETY: any divider is allowed; this one gives 115,274 bit/s, 0.06 % fast.
        uart.uart_clkdiv.write(|w| unsafe { w.bits(CLOCK_HZ / BAUD) });
        Self { serial: uart.serial(pins.tx, pins.rx) }
    }
}

impl Line for Uart {
    fn read(&mut self) -> Option<u8> {
        self.serial.read().ok()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.serial.write(byte).is_ok()
    }
}
