//! `hearth simulate`: devices only, for a server that runs elsewhere.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use crate::simulator::{Broker, Build, DEVICES_MAX, Progress, SPEED_MAX, Simulator, credentials};

use super::say;
use super::serve::{runtime, told_to_stop};

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// How often it is told until everybody is online.
const TOLD_EVERY_AT_FIRST: Duration = Duration::from_secs(1);

/// How long the devices may take to say goodbye.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Simulated devices.
#[derive(Args)]
pub struct Simulate {
    /// The server: `mqtt://host:port`.
    #[arg(long)]
    url: Broker,
    /// How many devices, the first ones of the credentials.
    #[arg(long)]
    devices: usize,
    /// A CSV file with the columns `device` and `secret`, as `hearth town` writes it.
    #[arg(long)]
    credentials: PathBuf,
    /// What the devices are: light, `sous_vide`, switch, plug, thermometer or counter.
    #[arg(long, default_value = "counter")]
    kind: String,
    /// How much faster than the clock a cooker's water warms and its timer runs.
    #[arg(
        long, default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(SPEED_MAX))
    )]
    speed: u32,
    /// Seconds between two reports of what a device measures.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Devices that connect in one second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

impl Simulate {
    /// Runs them until told to stop.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn run(self) -> anyhow::Result<()> {
        if self.devices > DEVICES_MAX {
            bail!("no more than {DEVICES_MAX} devices in one simulator");
        }
        let file = || self.credentials.display().to_string();
        let table = std::fs::read_to_string(&self.credentials).with_context(file)?;
        let credentials = credentials::read(&table, self.devices).with_context(file)?;
        let build =
            Build { kind: self.kind, speed: self.speed, every: Duration::from_secs(self.every) };
        runtime()?.block_on(async {
            let mut simulator = Simulator::new(self.url.clone(), self.rate);
            for credential in credentials {
                simulator.start(&build, credential)?;
            }
            say(&format!("{} devices connect to {}", self.devices, self.url));
            tokio::select! {
                stopped = told_to_stop() => stopped?,
                () = tell_progress(&simulator) => {}
            }
            let drained = simulator.stop(STOP_WITHIN).await;
            say(&format!("stopped: {} said goodbye, {} cut off", drained.ended, drained.cut_off));
            Ok(())
        })
    }
}

/// Tells how the devices are doing, without end.
async fn tell_progress(simulator: &Simulator) {
    let (mut before, mut since) = (Progress::default(), Instant::now());
    loop {
        let everybody = before.started > 0 && before.online == before.started;
        tokio::time::sleep(if everybody { TOLD_EVERY } else { TOLD_EVERY_AT_FIRST }).await;
        let (now, passed) = (simulator.progress(), since.elapsed());
        since = Instant::now();
        say(&line(&before, &now, passed));
        before = now;
    }
}

/// One line of progress. Pure.
fn line(before: &Progress, now: &Progress, passed: Duration) -> String {
    let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_s = |before: u64, now: u64| now.saturating_sub(before).saturating_mul(1_000) / ms;
    let losses = now.lost.saturating_sub(before.lost);
    let lost = match (losses, &now.last_fault) {
        (0, _) => String::new(),
        (_, None) => format!(", {losses} links lost"),
        (_, Some(why)) => format!(", {losses} links lost (the last: {why})"),
    };
    format!(
        "{} of {} online, {}/s out, {}/s in{lost}",
        now.online,
        now.started,
        per_s(before.published, now.published),
        per_s(before.received, now.received),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_shows_rates_and_only_new_losses() {
        let before = Progress { published: 100, lost: 2, ..Progress::default() };
        let now = Progress {
            started: 10,
            online: 9,
            published: 600,
            received: 5,
            lost: 2,
            last_fault: Some("refused".into()),
        };
        let passed = Duration::from_secs(5);
        assert_eq!(line(&before, &now, passed), "9 of 10 online, 100/s out, 1/s in");
        let now = Progress { lost: 3, ..now };
        assert!(line(&before, &now, passed).ends_with("1 links lost (the last: refused)"));
    }
}
