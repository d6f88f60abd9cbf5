//! Special registers of the LX106, with the interface of `xtensa-lx` 0.7.
#![no_std]

// SAFETY of every call: the functions of lx106.S read or write one special register and follow
// the call0 convention.
extern "C" {
    fn lx106_set_intenable(mask: u32) -> u32;
    fn lx106_get_intenable() -> u32;
    fn lx106_get_interrupt() -> u32;
    fn lx106_set_interrupt(mask: u32);
    fn lx106_clear_interrupt(mask: u32);
    fn lx106_get_ps() -> u32;
    fn lx106_set_vecbase(base: *const u32);
    fn lx106_get_sp() -> *const u32;
    fn lx106_get_prid() -> u32;
    fn lx106_get_ccount() -> u32;
    fn lx106_get_ccompare0() -> u32;
    fn lx106_set_ccompare0(value: u32);
    fn lx106_break();
}

/// Moves the exception vectors.
///
/// # Safety
/// `base` must hold vectors.
pub unsafe fn set_vecbase(base: *const u32) {
    unsafe { lx106_set_vecbase(base) }
}

/// The stack pointer.
pub fn get_stack_pointer() -> *const u32 {
    unsafe { lx106_get_sp() }
}

/// The processor's number.
pub fn get_processor_id() -> u32 {
    unsafe { lx106_get_prid() }
}

/// Stops in a debugger.
pub fn debug_break() {
    unsafe { lx106_break() }
}

/// Interrupt masks.
pub mod interrupt {
    pub use bare_metal::CriticalSection;

    /// A peripheral's interrupt number.
    ///
    /// # Safety
    /// The number must be the peripheral's.
    pub unsafe trait InterruptNumber: Copy {
        /// The number.
        fn number(self) -> u16;
    }

    /// Disables all; returns the old mask.
    pub fn disable() -> u32 {
        unsafe { super::lx106_set_intenable(0) }
    }

    /// Enables all; returns the old mask.
    ///
    /// # Safety
    /// May end a critical section.
    pub unsafe fn enable() -> u32 {
        unsafe { super::lx106_set_intenable(!0) }
    }

    /// Sets the mask; returns the old one.
    ///
    /// # Safety
    /// May end a critical section.
    pub unsafe fn set_mask(mask: u32) -> u32 {
        unsafe { super::lx106_set_intenable(mask) }
    }

    /// Disables some; returns the old mask.
    pub fn disable_mask(mask: u32) -> u32 {
        let old = disable();
        unsafe { super::lx106_set_intenable(old & !mask) };
        old
    }

    /// Enables some; returns the old mask.
    ///
    /// # Safety
    /// May end a critical section.
    pub unsafe fn enable_mask(mask: u32) -> u32 {
        let old = disable();
        unsafe { super::lx106_set_intenable(old | mask) };
        old
    }

    /// The mask.
    pub fn get_mask() -> u32 {
        unsafe { super::lx106_get_intenable() }
    }

    /// What is pending.
    pub fn get() -> u32 {
        unsafe { super::lx106_get_interrupt() }
    }

    /// Raises software interrupts.
    ///
    /// # Safety
    /// Their handlers run.
    pub unsafe fn set(mask: u32) {
        unsafe { super::lx106_set_interrupt(mask) }
    }

    /// Forgets pending interrupts.
    ///
    /// # Safety
    /// Their handlers do not run.
    pub unsafe fn clear(mask: u32) {
        unsafe { super::lx106_clear_interrupt(mask) }
    }

    /// The current level.
    pub fn get_level() -> u32 {
        unsafe { super::lx106_get_ps() & 0xf }
    }

    /// Runs `f` without interrupts.
    pub fn free<F, R>(f: F) -> R
    where
        F: FnOnce(&CriticalSection) -> R,
    {
        let old = disable();
        let result = f(unsafe { &CriticalSection::new() });
        unsafe { set_mask(old) };
        result
    }
}

/// The cycle counter.
pub mod timer {
    /// Cycles since power-up, modulo 2^32.
    pub fn get_cycle_count() -> u32 {
        unsafe { super::lx106_get_ccount() }
    }

    /// When the counter's interrupt comes.
    pub fn get_ccompare0() -> u32 {
        unsafe { super::lx106_get_ccompare0() }
    }

    /// Sets when the counter's interrupt comes, and takes a pending one back.
    pub fn set_ccompare0(value: u32) {
        unsafe { super::lx106_set_ccompare0(value) }
    }

    /// Waits.
    pub fn delay(clocks: u32) {
        let start = get_cycle_count();
        while get_cycle_count().wrapping_sub(start) < clocks {}
    }
}

/// A value that can be taken once.
#[macro_export]
macro_rules! singleton {
    (: $ty:ty = $expr:expr) => {
        $crate::interrupt::free(|_| {
            static mut VAR: Option<$ty> = None;
            let place = &raw mut VAR;
            if unsafe { (*place).is_some() } {
                None
            } else {
                let value = $expr;
                unsafe {
                    *place = Some(value);
                    (*place).as_mut()
                }
            }
        })
    };
}
