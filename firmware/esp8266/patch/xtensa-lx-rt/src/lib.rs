//! Start-up and exceptions of the LX106, with the interface of `xtensa-lx-rt` 0.12.
#![no_std]

pub use xtensa_lx_rt_proc_macros::{entry, exception, interrupt, pre_init};

/// What was interrupted.
pub mod exception {
    /// The registers at that moment; the handlers get it in this order (see vectors.S).
    #[repr(C)]
    #[allow(non_snake_case)]
    #[derive(Debug, Default)]
    pub struct Context {
        pub PC: u32,
        pub PS: u32,
        pub A: [u32; 16],
        pub SAR: u32,
        pub EXCCAUSE: u32,
        pub EXCVADDR: u32,
    }

    /// The number of an exception.
    #[repr(transparent)]
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct ExceptionCause(pub u32);

    #[no_mangle]
    #[link_section = ".rwtext"]
    extern "C" fn __default_exception(cause: ExceptionCause, context: &Context) {
        panic!("exception {} at {:08x}", cause.0, context.PC)
    }

    #[no_mangle]
    #[link_section = ".rwtext"]
    extern "C" fn __default_interrupt(_level: u32, _context: &Context) {}
}

/// Nothing: the LX106 has one level.
pub mod interrupt {}

/// Fills a section with zeros.
///
/// # Safety
/// The range must be a section that nothing uses yet.
pub unsafe fn zero_bss(start: *mut u32, end: *mut u32) {
    let mut at = start;
    while at < end {
        // Volatile, so that it is not turned into a call of memset, which may lie in flash.
        unsafe {
            at.write_volatile(0);
            at = at.add(1);
        }
    }
}

#[doc(hidden)]
#[no_mangle]
unsafe extern "C" fn DefaultPreInit() {}

#[doc(hidden)]
#[no_mangle]
extern "Rust" fn default_mem_hook() -> bool {
    true
}

/// Runs once the stack stands: fills the sections, sets the vectors, calls `main`.
///
/// The image's data is loaded where it is used (by the boot ROM and by the emulator alike), so
/// there is nothing to copy.
///
/// # Safety
/// Only to be reached from the entry points in vectors.S.
#[doc(hidden)]
#[no_mangle]
pub unsafe extern "C" fn Reset() -> ! {
    extern "C" {
        static mut _bss_start: u32;
        static mut _bss_end: u32;
        static _init_start: u32;
        fn lx106_set_vecbase(base: *const u32);
    }
    extern "Rust" {
        fn main() -> !;
        fn __pre_init();
        fn __zero_bss() -> bool;
    }
    unsafe {
        __pre_init();
        if __zero_bss() {
            zero_bss(&raw mut _bss_start, &raw mut _bss_end);
        }
        lx106_set_vecbase(&raw const _init_start);
        main()
    }
}
