//! Which pin does what; the wiring diagram in firmware/README.md shows the same.

use crate::relay::Relay;
use esp8266_hal::gpio::{
    Gpio1, Gpio12, Gpio13, Gpio14, Gpio3, Gpio4, Input, OpenDrain, Output, PullUp, PushPull, UART,
};
use esp8266_hal::prelude::*;
use esp8266_hal::target::GPIO;

/// The pins of the line to the gateway.
pub struct UartPins {
    /// GPIO1.
    pub tx: Gpio1<UART>,
    /// GPIO3.
    pub rx: Gpio3<UART>,
}

/// Every pin in its role.
pub struct Pins {
    /// GPIO5: the relay, active high.
    pub relay: Relay,
    /// GPIO4: the sensor's wire, with 4.7 kohm to 3.3 V.
    pub probe: Gpio4<Output<OpenDrain>>,
    /// GPIO12: the lamp's MOSFET.
    pub lamp: Gpio12<Output<PushPull>>,
    /// GPIO13: the float switch, open when there is water; to ground when there is not.
    pub low_water: Gpio13<Input<PullUp>>,
    /// GPIO14: the button, to ground.
    pub button: Gpio14<Input<PullUp>>,
    /// GPIO1 and GPIO3.
    pub uart: UartPins,
}

impl Pins {
    /// Gives every pin its role, the relay's first.
    pub fn new(gpio: GPIO) -> Self {
        let parts = gpio.split();
        let relay = Relay::new(parts.gpio5);
        let mut lamp = parts.gpio12.into_push_pull_output();
        lamp.set_low().unwrap_or(());
        Self {
            relay,
            probe: parts.gpio4.into_open_drain_output(),
            lamp,
            low_water: parts.gpio13.into_pull_up_input(),
            button: parts.gpio14.into_pull_up_input(),
            uart: UartPins { tx: parts.gpio1, rx: parts.gpio3 },
        }
    }
}
