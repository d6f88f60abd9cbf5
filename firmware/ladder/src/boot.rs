//! Rung: the very images that are flashed come up in the emulator: relay low first, watchdog fed.

use std::time::Duration;

use crate::debugger::Debugger;
use crate::machine::{GPIO_ENABLE_SET, GPIO_OUT_CLEAR, GPIO_OUT_SET, Machine, RELAY, WDT_FEED};
use crate::{Held, seen, within};

/// The lamp's bit in the GPIO registers.
const LAMP: u32 = 1 << 12;
/// The pins with the button at rest, and with the button pressed (to ground).
const RELEASED: u32 = 1 << 13 | 1 << 14;
const PRESSED: u32 = 1 << 13;
/// What feeds the watchdog.
const FOOD: u32 = 0x73;
/// Writes to the pins before the relay's becomes an output; more would be another firmware.
const WRITES_MAX: usize = 16;

pub(crate) fn run() -> Held {
    for image in ["light", "sousvide"] {
        let mut machine = Machine::held(image)?;
        relay_low_first(machine.debugger()?)?;
        seen(&format!("{image}: the relay's pin was low before it became an output"));
        within(Duration::from_secs(20), "the watchdog fed", || {
            Ok((machine.word(WDT_FEED)? == FOOD).then_some(()))
        })?;
        // The emulator keeps the last word written to each register.
        if machine.word(GPIO_OUT_SET)? & RELAY != 0 {
            return Err(format!("{image}: the relay was closed").into());
        }
        seen(&format!("{image}: watchdog fed, relay still open"));
        if image == "light" {
            button_lights_it(&mut machine)?;
            seen("light: the button lights it, through the dimmer's interrupt");
        }
    }
    Ok(())
}

/// Presses the button and looks at the lamp's pin, which only the interrupt sets.
///
/// Registers begin as zeros here, so the button is pressed at first; when that was too long for a
/// press, a second one does it.
fn button_lights_it(machine: &mut Machine) -> Held {
    if machine.word(GPIO_OUT_SET)? & LAMP != 0 {
        return Err("it shines before anybody asked".into());
    }
    for pins in [RELEASED, PRESSED, RELEASED] {
        machine.pins_read(pins)?;
        std::thread::sleep(Duration::from_millis(600));
        if machine.word(GPIO_OUT_SET)? & LAMP != 0 {
            return Ok(());
        }
    }
    Err("it stays dark".into())
}

/// Follows every write to the pins until the relay's becomes an output.
fn relay_low_first(mut debugger: Debugger) -> Held {
    for register in [GPIO_OUT_SET, GPIO_OUT_CLEAR, GPIO_ENABLE_SET] {
        debugger.watch(register)?;
    }
    let mut is_low = false;
    for _ in 0..WRITES_MAX {
        match debugger.next_write()? {
            (GPIO_OUT_SET, bits) if bits & RELAY != 0 => return Err("the relay was closed".into()),
            (GPIO_OUT_CLEAR, bits) => is_low |= bits & RELAY != 0,
            (GPIO_ENABLE_SET, bits) if bits & RELAY != 0 => {
                debugger.let_go()?;
                return if is_low { Ok(()) } else { Err("an output before it was low".into()) };
            }
            _ => {}
        }
    }
    Err("the relay's pin never became an output".into())
}
