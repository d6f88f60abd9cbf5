//! Rung: the very images that are flashed come up in the emulator: relay low, watchdog fed.

use std::time::Duration;

use crate::machine::{
    GPIO_ENABLE_SET, GPIO_OUT_CLEAR, GPIO_OUT_SET, Machine, RELAY, WDT_FEED,
};
use crate::{Held, seen, within};

/// What feeds the watchdog.
const FOOD: u32 = 0x73;

pub(crate) fn run() -> Held {
    for image in ["light", "sousvide"] {
        let mut machine = Machine::start(image, "", "null")?;
        within(Duration::from_secs(20), "the watchdog fed", || {
            Ok((machine.word(WDT_FEED)? == FOOD).then_some(()))
        })?;
        // The emulator keeps the last word written to each register.
        let (set, enabled) = (machine.word(GPIO_OUT_SET)?, machine.word(GPIO_ENABLE_SET)?);
        if set & RELAY != 0 {
            return Err(format!("{image}: the relay was closed").into());
        }
        if image == "sousvide" && machine.word(GPIO_OUT_CLEAR)? & RELAY == 0 {
            return Err(format!("{image}: the relay was not opened").into());
        }
        seen(&format!("{image}: relay low, watchdog fed, last pin made output {enabled:#x}"));
    }
    Ok(())
}
