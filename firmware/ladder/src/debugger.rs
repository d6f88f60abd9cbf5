//! The emulator's debugger port, as far as watching writes needs it (GDB's remote protocol).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::{Held, within};

/// A debugger that holds the machine.
pub(crate) struct Debugger {
    port: UnixStream,
}

impl Debugger {
    pub(crate) fn connect(path: &Path) -> Held<Self> {
        let port = within(Duration::from_secs(20), "the emulator's debugger", || {
            Ok(UnixStream::connect(path).ok())
        })?;
        port.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { port })
    }

    /// Stops the machine whenever this word is written.
    pub(crate) fn watch(&mut self, address: u32) -> Held {
        match self.ask(&format!("Z2,{address:x},4"))?.as_str() {
            "OK" => Ok(()),
            other => Err(format!("the debugger can't watch {address:#x}: {other:?}").into()),
        }
    }

    /// Lets the machine run to the next write that is watched: its address and the word written.
    pub(crate) fn next_write(&mut self) -> Held<(u32, u32)> {
        let stop = self.ask("c")?;
        let address = stop.split_once("watch:").and_then(|(_, rest)| rest.split(';').next());
        let address = u32::from_str_radix(address.ok_or_else(|| format!("stopped: {stop}"))?, 16)?;
        // It stopped before the write: one step without the watch does it.
        self.ask(&format!("z2,{address:x},4"))?;
        self.ask("s")?;
        let word = self.ask(&format!("m{address:x},4"))?;
        self.watch(address)?;
        Ok((address, u32::from_str_radix(&word, 16)?.swap_bytes()))
    }

    /// Writes a word into the machine's memory.
    pub(crate) fn poke(&mut self, address: u32, word: u32) -> Held {
        let word = word.swap_bytes();
        let mut answer = self.ask(&format!("M{address:x},4:{word:08x}"))?;
        // A machine that was running says first that it stopped.
        while answer.starts_with('T') {
            answer = self.answer()?;
        }
        match answer.as_str() {
            "OK" => Ok(()),
            other => Err(format!("{address:#x} can't be written: {other:?}").into()),
        }
    }

    /// Lets the machine go.
    pub(crate) fn let_go(mut self) -> Held {
        self.ask("D").map(drop)
    }

    fn ask(&mut self, question: &str) -> Held<String> {
        let sum = question.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.port, "${question}#{sum:02x}")?;
        self.answer()
    }

    fn answer(&mut self) -> Held<String> {
        let mut answer = Vec::new();
        let mut byte = [0];
        while answer.last() != Some(&b'#') {
            self.port.read_exact(&mut byte)?;
            match byte[0] {
                // Acknowledgements, and the beginning of the answer.
                b'+' if answer.is_empty() => {}
                b'$' => answer.clear(),
                other => answer.push(other),
            }
        }
        answer.pop();
        self.port.read_exact(&mut [0; 2])?;
        self.port.write_all(b"+")?;
        Ok(String::from_utf8(answer)?)
    }
}
