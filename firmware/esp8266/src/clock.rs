//! The time since power came, counted in the processor's cycles.

use xtensa_lx::timer::get_cycle_count;

/// A clock. The cycle counter runs over every 53 s at 80 MHz, so it must be read more often.
pub struct Clock {
    cycles_per_ms: u32,
    last: u32,
    rest: u32,
    now_ms: u64,
}

impl Clock {
    /// A clock at 0, for a processor of so many cycles per millisecond.
    pub fn new(cycles_per_ms: u32) -> Self {
        Self { cycles_per_ms, last: get_cycle_count(), rest: 0, now_ms: 0 }
    }

    /// Milliseconds since the clock was made.
    pub fn now_ms(&mut self) -> u64 {
        let count = get_cycle_count();
        let passed = count.wrapping_sub(self.last).saturating_add(self.rest);
        self.last = count;
        self.rest = passed % self.cycles_per_ms;
        self.now_ms += u64::from(passed / self.cycles_per_ms);
        self.now_ms
    }
}

/// Waits a few microseconds, at 80 MHz.
#[inline(always)]
pub fn wait_us(us: u32) {
    xtensa_lx::timer::delay(us * 80);
}
