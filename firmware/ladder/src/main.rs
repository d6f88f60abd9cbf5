//! Rungs that need a whole Hearth: `hearth-ladder cook|emulated|boot`.
//!
//! Environment: `HEARTH` the server's binary; `QEMU` the emulator; `IMAGES` the folder of the
//! images; `ENTRY_qemu`, `ENTRY_light`, `ENTRY_sousvide` where each of them starts.

mod boot;
mod browser;
mod cook;
mod debugger;
mod emulated;
mod house;
mod kitchen;
mod machine;

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What a rung ends with when it does not hold.
type Broken = Box<dyn std::error::Error>;
type Held<T = ()> = Result<T, Broken>;

fn main() -> ExitCode {
    let rung = std::env::args().nth(1).unwrap_or_default();
    let started = Instant::now();
    let held = match rung.as_str() {
        "cook" => cook::run(),
        "faults" => cook::faults(),
        "emulated" => emulated::run(),
        "boot" => boot::run(),
        _ => Err("hearth-ladder cook|faults|emulated|boot".into()),
    };
    match held {
        Ok(()) => {
            println!("  held in {:.1} s", started.elapsed().as_secs_f32());
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("  BROKEN after {:.1} s: {broken}", started.elapsed().as_secs_f32());
            ExitCode::FAILURE
        }
    }
}

/// Says what was just seen.
fn seen(what: &str) {
    println!("  {what}");
}

/// A variable of the environment.
fn needed(name: &str) -> Held<String> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

/// Calls `look` until it has an answer.
fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Held<Option<T>>) -> Held<T> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(answer) = look()? {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(format!("not within {limit:?}: {what}").into())
}
