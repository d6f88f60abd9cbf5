//! An emulated LX106 with an image in it, and its monitor.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::debugger::Debugger;
use crate::{Held, needed, within};

/// The GPIO's output register.
pub(crate) const GPIO_OUT: u32 = 0x6000_0300;
/// Bits written here are set in it.
pub(crate) const GPIO_OUT_SET: u32 = 0x6000_0304;
/// Bits written here are cleared in it.
pub(crate) const GPIO_OUT_CLEAR: u32 = 0x6000_0308;
/// Bits written here become outputs.
pub(crate) const GPIO_ENABLE_SET: u32 = 0x6000_0310;
/// What the pins read.
pub(crate) const GPIO_IN: u32 = 0x6000_0318;
/// The watchdog's feeding place.
pub(crate) const WDT_FEED: u32 = 0x6000_0914;
/// The relay's bit.
pub(crate) const RELAY: u32 = 1 << 5;

/// The emulator.
pub(crate) struct Machine {
    process: Child,
    monitor: UnixStream,
    path: PathBuf,
}

impl Machine {
    /// Starts `image` with an argument, its serial line at `line`.
    pub(crate) fn start(image: &str, argument: &str, line: &str) -> Held<Self> {
        Self::open(image, argument, line, &[])
    }

    /// Starts `image` without a line, held before its first instruction: see
    /// [`Machine::debugger`].
    pub(crate) fn held(image: &str) -> Held<Self> {
        Self::open(image, "", "null", &["-S"])
    }

    fn open(image: &str, argument: &str, line: &str, more: &[&str]) -> Held<Self> {
        let elf = format!("{}/{image}", needed("IMAGES")?);
        let entry = needed(&format!("ENTRY_{image}"))?;
        let path = std::env::temp_dir().join(format!("lx106-{image}-{}", std::process::id()));
        std::fs::remove_file(&path).unwrap_or_default();
        let mut process = Command::new(needed("QEMU")?)
            .args(["-M", "sim", "-cpu", "lx106", "-display", "none"])
            .args(["-semihosting-config", &format!("enable=on,arg=hearth,arg={argument}")])
            .args(["-device", &format!("loader,file={elf}")])
            .args(["-device", &format!("loader,addr={entry},cpu-num=0")])
            .args(["-monitor", &format!("unix:{},server=on,wait=off", path.display())])
            .args(["-gdb", &format!("unix:{}.gdb,server=on,wait=off", path.display())])
            .args(["-serial", line])
            .args(more)
            .stdin(Stdio::null())
            .spawn()?;
        let monitor = within(Duration::from_secs(20), "the emulator's monitor", || {
            if let Some(status) = process.try_wait()? {
                return Err(format!("the emulator ended with {status}").into());
            }
            Ok(UnixStream::connect(&path).ok())
        })?;
        monitor.set_read_timeout(Some(Duration::from_millis(300)))?;
        Ok(Self { process, monitor, path })
    }

    /// A debugger for a machine that is held.
    pub(crate) fn debugger(&self) -> Held<Debugger> {
        Debugger::connect(&self.path.with_extension("gdb"))
    }

    /// Sets what the pins read.
    pub(crate) fn pins_read(&self, bits: u32) -> Held {
        let mut debugger = self.debugger()?;
        debugger.poke(GPIO_IN, bits)?;
        debugger.let_go()
    }

    /// A word of the machine's memory.
    pub(crate) fn word(&mut self, address: u32) -> Held<u32> {
        self.said()?;
        writeln!(self.monitor, "xp /1wx {address:#x}")?;
        within(Duration::from_secs(5), "the monitor's answer", || {
            let said = self.said()?;
            let word = said.split(": 0x").nth(1).map(|rest| &rest[..rest.len().min(8)]);
            Ok(word.and_then(|word| u32::from_str_radix(word, 16).ok()))
        })
    }

    fn said(&mut self) -> Held<String> {
        let mut said = Vec::new();
        let mut bytes = [0; 512];
        loop {
            match self.monitor.read(&mut bytes) {
                Ok(0) => return Err("the emulator is gone".into()),
                Ok(count) => said.extend_from_slice(&bytes[..count]),
                Err(fault)
                    if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(String::from_utf8_lossy(&said).into_owned());
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().map(drop).unwrap_or_default();
        std::fs::remove_file(&self.path).unwrap_or_default();
        std::fs::remove_file(self.path.with_extension("gdb")).unwrap_or_default();
    }
}
