//! Setting a device up over its serial line: one line of text, `hearth <device> <secret>
//! <host>:<port>`, while it is new or in the first seconds after power came.

use crate::board::Line;
use hearth_device::record::Provision;

/// How long a device that is set up listens for being set up anew, in ms.
const LISTEN_MS: u64 = 1_500;
/// The longest line, in bytes.
const LINE_MAX: usize = 176;
/// What the device answers.
const DONE: &[u8] = b"hearth: set up\r\n";

/// Listens for the line.
pub struct Setup {
    known: Option<Provision>,
    line: [u8; LINE_MAX],
    len: usize,
}

impl Setup {
    /// Begins to listen; `known` is who the device is so far.
    pub const fn new(known: Option<Provision>) -> Self {
        Self { known, line: [0; LINE_MAX], len: 0 }
    }

    /// Takes what came over the line; who the device is, once that is decided, and whether that
    /// is news.
    pub fn listen<L: Line>(&mut self, now_ms: u64, line: &mut L) -> Option<(Provision, bool)> {
        while let Some(byte) = line.read() {
            if let Some(provision) = self.push(byte) {
                for byte in DONE {
                    // Sixteen bytes always have room in a FIFO that nobody else uses yet.
                    line.write(*byte);
                }
                return Some((provision, true));
            }
        }
        if now_ms < LISTEN_MS {
            return None;
        }
        self.known.clone().map(|known| (known, false))
    }

    fn push(&mut self, byte: u8) -> Option<Provision> {
        if byte == b'\n' || byte == b'\r' {
            let line = self.line.get(..self.len).and_then(|line| core::str::from_utf8(line).ok());
            self.len = 0;
            return line.and_then(Provision::from_line);
        }
        if let Some(place) = self.line.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        None
    }
}
