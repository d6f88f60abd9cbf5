//! The gateway: brings a board that only has a serial line to the server.
//!
//! - Process: one per line; a command of its own (`hearth gateway`), not part of the server.
//! - Supervised by: nobody here; the line is opened again when it breaks, a connection is the
//!   device's to open again.
//! - Takes: IP packets in SLIP frames from the line, bytes from the server.
//! - Tells: the device (TCP, the time of day), the server (TCP).
//! - Never: looks into the MQTT that passes, or lets a device reach anything but the server.
//!
//! The device's TCP ends here, in a network stack of our own, so that nothing has to be set up
//! on the host: no network interface, no route, no rights.

mod line;
mod stack;
mod tap;

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use line::Line;
pub use line::{LineAddress, LineError, Lines};
use stack::{Chunk, Stack};
use tap::Tap;

/// How long to wait before a broken line is opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// How often a device that is being set up is told who it is: it listens for 1.5 s after reset.
const SET_UP_EVERY: Duration = Duration::from_millis(500);
/// What a device answers when it was set up.
const SET_UP: &[u8] = b"hearth: set up";
/// How much is read from a line at once, in bytes.
const READ_MAX: usize = 1024;

/// What a gateway does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's MQTT address, `host:port`.
    pub server: String,
    /// Who the device is to be, `device secret`: given once, to set it up.
    pub provision: Option<String>,
}

/// Serves one line after another (or the same one again) until the process ends.
///
/// # Errors
/// [`LineError`] when a line can never be opened.
pub async fn run(lines: Lines, settings: Settings) -> Result<(), LineError> {
    let mut provision = settings.provision.clone();
    loop {
        match lines.open().await {
            Ok(line) => {
                info!(line = %lines.address(), "line open");
                match Box::pin(serve(&line, &settings.server, &mut provision)).await {
                    Ok(()) => info!("line closed"),
                    Err(error) => warn!(%error, "line broke"),
                }
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => warn!(%error, "line does not open"),
        }
        sleep(REOPEN_AFTER).await;
    }
}

/// Serves one line until it ends.
async fn serve(line: &Line, server: &str, provision: &mut Option<String>) -> io::Result<()> {
    let started = Instant::now();
    let mut stack = Stack::new();
    let mut taps: Vec<Tap> = stack.taps().map(|tap| Tap::new(tap, server)).collect();
    let mut bytes = vec![0; READ_MAX];
    let mut set_up_at = started;
    loop {
        let passed = started.elapsed();
        stack.poll(passed, unix_ms());
        for tap in &mut taps {
            tap.turn(stack.socket(tap.handle()));
        }
        stack.poll(passed, unix_ms());
        if let Some(who) = provision.as_deref()
            && set_up_at <= Instant::now()
        {
            stack.write_line(format!("\nhearth {who} {}\n", stack::SERVER).as_bytes());
            set_up_at = Instant::now() + SET_UP_EVERY;
        }
        let chunks: Vec<Chunk> =
            taps.iter().map(|tap| Chunk::of(stack.socket(tap.handle()))).collect();
        let again_in = if provision.is_some() { SET_UP_EVERY } else { stack.again_in(passed) };
        tokio::select! {
            read = line.read(&mut bytes) => {
                let count = read?;
                let Some(read) = bytes.get(..count).filter(|read| !read.is_empty()) else {
                    return Ok(());
                };
                if provision.is_some() && read.windows(SET_UP.len()).any(|part| part == SET_UP) {
                    info!("device set up");
                    *provision = None;
                }
                stack.read_line(read);
            }
            written = line.write(stack.line()), if !stack.line().is_empty() => {
                stack.line_written(written?);
            }
            () = ready(&mut taps, &chunks) => {}
            () = sleep(again_in) => {}
        }
    }
}

/// Waits until one of the connections to the server can go on.
async fn ready(taps: &mut [Tap], chunks: &[Chunk]) {
    poll_fn(|context| {
        let mut any = Poll::Pending;
        for (tap, chunk) in taps.iter_mut().zip(chunks) {
            if tap.poll_ready(context, *chunk).is_ready() {
                any = Poll::Ready(());
            }
        }
        any
    })
    .await;
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
