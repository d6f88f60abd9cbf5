//! A worker process: opens its connections, plays its part, tells the director on standard output.
//!
//! Lines it writes: `ready` (then it waits for a line), `mark` (now read the server's accounts),
//! `count NAME NUMBER`, `histogram NAME BUCKETS`, `end`.

use std::io::{self, Write};
use std::time::Duration;

use crate::fleet::Opening;
use crate::histogram::Histogram;
use crate::scene::{Scene, Work};
use crate::{closed, paced, process};

/// Connections that are open before memory is first read: what a server allocates once for its
/// first clients is not a cost of each.
const FIRST: usize = 100;

/// What a worker says when its part is over.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Vec<(&'static str, u64)>,
    pub(crate) histograms: Vec<(&'static str, Histogram)>,
}

/// Writes one line at once.
///
/// # Errors
/// When the director is gone.
pub(crate) fn tell(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn tell_mark() -> io::Result<()> {
    tell("mark")?;
    // The director reads the accounts now; nothing may move meanwhile.
    std::thread::sleep(Duration::from_millis(30));
    Ok(())
}

/// Plays the scene.
///
/// # Errors
/// When a connection cannot be opened or the director is gone.
pub(crate) fn run(scene: &Scene) -> io::Result<()> {
    let mut opening = Opening::new(scene.doors, scene.part, &scene.plans)?;
    if scene.work == Work::Idle {
        opening.open(FIRST, scene.at_once)?;
    }
    if matches!(scene.work, Work::Paced | Work::Closed) {
        opening.open(scene.plans.len(), scene.at_once)?;
    }
    tell("ready")?;
    io::stdin().read_line(&mut String::new())?;
    let before = process::cpu("self")?;
    let (mut tally, _open) = match scene.work {
        Work::Idle | Work::Storm => {
            let already = if scene.work == Work::Idle { FIRST } else { 0 };
            if scene.work == Work::Idle {
                std::thread::sleep(Duration::from_secs(1));
            }
            tell_mark()?;
            opening.open(scene.plans.len(), scene.at_once)?;
            if scene.work == Work::Idle {
                std::thread::sleep(Duration::from_secs(2));
            }
            tell_mark()?;
            let (fleet, took) = opening.finish();
            let opened = u64::try_from(fleet.streams.len().saturating_sub(already)).unwrap_or(0);
            let tally =
                Tally { counts: vec![("opened", opened)], histograms: vec![("open", took)] };
            (tally, Some(fleet))
        }
        Work::Paced => (paced::run(scene, opening.finish().0)?, None),
        Work::Closed => (closed::run(scene, opening.finish().0)?, None),
    };
    let cpu = process::cpu("self")?.saturating_sub(before);
    tally.counts.push(("client_us", u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX)));
    for (name, count) in &tally.counts {
        tell(&format!("count {name} {count}"))?;
    }
    for (name, histogram) in &tally.histograms {
        tell(&format!("histogram {name} {}", histogram.to_line()))?;
    }
    tell("end")
}
