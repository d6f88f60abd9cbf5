//! The lamp's dimmer: the cycle counter's interrupt turns the pin on and off 200 times a second.

use core::sync::atomic::{AtomicU32, Ordering};
use esp8266_hal::gpio::{Gpio12, Output, PushPull};
use esp8266_hal::target::GPIO;
use xtensa_lx::timer::{get_cycle_count, set_ccompare0};
use xtensa_lx_rt::exception::Context;

/// The lamp's bit in the GPIO registers.
const BIT: u32 = 1 << 12;
/// A period, in cycles: 5 ms at 80 MHz.
const PERIOD: u32 = 400_000;
/// The shortest pulse, in cycles: 20 us, so that two interrupts never meet.
const SHORTEST: u32 = 1_600;
/// The duty at which the lamp is always on.
const FULL: u32 = 1_023;
/// The counter's interrupt.
const CCOMPARE0: u32 = 1 << 6;

/// The on-time, in cycles.
static ON: AtomicU32 = AtomicU32::new(0);
/// Whether the pin is on, and the next interrupt ends that.
static IS_ON: AtomicU32 = AtomicU32::new(0);

/// The dimmer.
pub struct Pwm {
    _pin: Gpio12<Output<PushPull>>,
}

impl Pwm {
    /// Starts it, dark.
    pub fn new(pin: Gpio12<Output<PushPull>>) -> Self {
        set_ccompare0(get_cycle_count().wrapping_add(PERIOD));
        // SAFETY: no critical section is open; the handler below is ready.
        unsafe { xtensa_lx::interrupt::enable_mask(CCOMPARE0) };
        Self { _pin: pin }
    }

    /// Sets the duty, 0..=1023.
    pub fn set(&mut self, duty: u16) {
        let exact = u32::from(duty).min(FULL) * (PERIOD / FULL);
        let on = match u32::from(duty) {
            0 => 0,
            FULL.. => PERIOD,
            _ => exact.clamp(SHORTEST, PERIOD - SHORTEST),
        };
        ON.store(on, Ordering::Relaxed);
    }
}

#[no_mangle]
#[link_section = ".rwtext"]
extern "Rust" fn __ccompare_interrupt(_context: &Context) {
    let on = ON.load(Ordering::Relaxed);
    let was_on = IS_ON.load(Ordering::Relaxed) != 0;
    // A period begins, unless the pin is on for a part of one.
    let now_on = !was_on && on > 0 || on >= PERIOD;
    let lasts = match (was_on, on) {
        (_, 0) => PERIOD,
        (_, PERIOD..) => PERIOD,
        (true, _) => PERIOD - on,
        (false, _) => on,
    };
    IS_ON.store(u32::from(now_on), Ordering::Relaxed);
    // SAFETY: writes to registers that set or clear one bit.
    unsafe {
        let gpio = &*GPIO::ptr();
        if now_on {
            gpio.gpio_out_w1ts.write(|w| w.bits(BIT));
        } else {
            gpio.gpio_out_w1tc.write(|w| w.bits(BIT));
        }
    }
    set_ccompare0(get_cycle_count().wrapping_add(lasts));
}
