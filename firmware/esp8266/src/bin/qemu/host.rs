//! What the emulator does for the program in it: system calls of the Xtensa simulator.

use hearth_esp8266::board::Line;

const EXIT: u32 = 1;
const READ: u32 = 3;
const WRITE: u32 = 4;
const ARGV_SIZE: u32 = 1001;
const ARGV: u32 = 1002;
/// Room for the arguments, in words.
const ARGV_MAX: usize = 64;
/// What is written at once, in bytes.
const OUT: usize = 128;

extern "C" {
    fn simcall(number: u32, a: u32, b: u32, c: u32) -> i32;
}

fn call(number: u32, a: u32, b: u32, c: u32) -> i32 {
    // SAFETY: the callers below pass memory that is theirs for the length of the call.
    unsafe { simcall(number, a, b, c) }
}

/// An address as the emulated machine has it: 32 bits.
fn address<T>(place: *const T) -> u32 {
    place as usize as u32
}

/// Ends the emulator with an exit code.
pub(crate) fn exit(code: u32) -> ! {
    loop {
        call(EXIT, code, 0, 0);
    }
}

/// Prints on the console.
pub(crate) fn print(text: &str) {
    call(WRITE, 1, address(text.as_ptr()), text.len() as u32);
}

/// The last argument of the program.
pub(crate) fn argument(name: &mut [u8; 16]) -> &str {
    let mut room = [0_u32; ARGV_MAX];
    let size = call(ARGV_SIZE, 0, 0, 0);
    if usize::try_from(size).map_or(true, |size| size > 4 * ARGV_MAX) {
        return "";
    }
    call(ARGV, address(room.as_mut_ptr()), 0, 0);
    // Text follows the pointers; the last one is the last text.
    let bytes = room.iter().flat_map(|word| word.to_le_bytes()).take(size as usize);
    let mut length = 0;
    let mut ended = false;
    for byte in bytes {
        if ended {
            (length, ended) = (0, false);
        }
        if byte == 0 {
            ended = true;
        } else if let Some(place) = name.get_mut(length) {
            *place = byte;
            length += 1;
        }
    }
    name.get(..length).and_then(|name| core::str::from_utf8(name).ok()).unwrap_or("")
}

/// The console as a serial line.
pub(crate) struct Console {
    input: [u8; 16],
    next: usize,
    end: usize,
    output: [u8; OUT],
    len: usize,
}

impl Console {
    pub(crate) const fn new() -> Self {
        Self { input: [0; 16], next: 0, end: 0, output: [0; OUT], len: 0 }
    }

    fn flush(&mut self) {
        if self.len > 0 {
            call(WRITE, 1, address(self.output.as_ptr()), self.len as u32);
            self.len = 0;
        }
    }
}

impl Line for Console {
    fn read(&mut self) -> Option<u8> {
        // Whoever listens has said what there was to say.
        self.flush();
        if self.next == self.end {
            let count = call(READ, 0, address(self.input.as_mut_ptr()), 16);
            self.next = 0;
            self.end = usize::try_from(count).unwrap_or(0).min(16);
        }
        let byte = self.input.get(self.next).copied().filter(|_| self.next < self.end)?;
        self.next += 1;
        Some(byte)
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.len == OUT {
            self.flush();
        }
        if let Some(place) = self.output.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        true
    }
}
