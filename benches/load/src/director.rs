//! Directs one measurement: worker processes on one side, the server's accounts on the other.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::arguments::Arguments;
use crate::histogram::Histogram;
use crate::process::{self, Sample};
use crate::ratio;
use crate::server::{self, Server};

/// The figures of one measurement, by name, in the order in which they are told.
pub(crate) type Figures = Vec<(&'static str, f64)>;

struct Worker {
    child: Child,
    input: ChildStdin,
    lines: io::Lines<BufReader<ChildStdout>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

impl Worker {
    fn start(arguments: &Arguments, part: usize, server: &Server) -> io::Result<Self> {
        let (mqtt, web) = (server.doors.mqtt.to_string(), server.doors.web.to_string());
        let part = part.to_string();
        let changes = [("part", part.as_str()), ("mqtt", &mqtt), ("web", &web)];
        let words = arguments.with(&arguments.command, &changes).words();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(io::Error::other("a worker without pipes"));
        };
        Ok(Self { child, input, lines: BufReader::new(output).lines() })
    }

    fn line(&mut self) -> io::Result<String> {
        self.lines.next().unwrap_or_else(|| Err(io::Error::other("a worker gave up")))
    }
}

/// What all workers said and the server's accounts at the marks.
#[derive(Default)]
struct Outcome {
    marks: Vec<Sample>,
    counts: BTreeMap<String, u64>,
    histograms: BTreeMap<String, Histogram>,
}

/// Starts the server, measures, stops it.
///
/// # Errors
/// When the server or a worker fails.
pub(crate) fn measure(arguments: &Arguments) -> io::Result<Figures> {
    let server = server::start(arguments)?;
    if arguments.command == "start" {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let sample = process::sample(&server.pids, true)?;
        return Ok(vec![
            ("start_ms", ratio(super::nanos(server.start), 1_000_000)),
            ("rss_mib", ratio(sample.rss, 1 << 20)),
            ("pss_mib", ratio(sample.pss, 1 << 20)),
        ]);
    }
    let parts: usize = arguments.value("parts")?;
    let workers = (0..parts).map(|part| Worker::start(arguments, part, &server));
    let mut workers = workers.collect::<io::Result<Vec<_>>>()?;
    for worker in &mut workers {
        while worker.line()? != "ready" {}
    }
    for worker in &mut workers {
        worker.input.write_all(b"go\n")?;
    }
    let with_pss = arguments.command == "idle";
    let outcome = listen(&mut workers, &server.pids, with_pss)?;
    Ok(figures(arguments, &outcome))
}

/// Reads all workers to their end. With several, the window opens at the first one's opening mark
/// and closes at the last one's closing mark.
fn listen(workers: &mut [Worker], pids: &[u32], with_pss: bool) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    for mark in 0..2 {
        for (index, worker) in workers.iter_mut().enumerate() {
            while worker.line()? != "mark" {}
            if mark == 0 && index == 0 {
                outcome.marks.push(process::sample(pids, with_pss)?);
            }
        }
    }
    outcome.marks.push(process::sample(pids, with_pss)?);
    for worker in workers {
        loop {
            let line = worker.line()?;
            let mut words = line.splitn(3, ' ');
            let (kind, name) = (words.next(), words.next().unwrap_or_default().to_owned());
            let rest = words.next().unwrap_or_default();
            match kind {
                Some("count") => {
                    *outcome.counts.entry(name).or_default() += rest.parse().unwrap_or(0);
                }
                Some("histogram") => {
                    let read = Histogram::from_line(rest)?;
                    outcome.histograms.entry(name).or_default().merge(&read);
                }
                _ => break,
            }
        }
    }
    Ok(outcome)
}

fn figures(arguments: &Arguments, outcome: &Outcome) -> Figures {
    let count = |name: &str| outcome.counts.get(name).copied().unwrap_or(0);
    let micros = |name: &str, per_mille| {
        outcome.histograms.get(name).map_or(0.0, |histogram| histogram.micros_at(per_mille))
    };
    let [before, after] = outcome.marks.as_slice() else { return Vec::new() };
    let cpu_us = u64::try_from(after.cpu.saturating_sub(before.cpu).as_micros()).unwrap_or(0);
    let took_us = u64::try_from((after.at - before.at).as_micros()).unwrap_or(0);
    let seconds: u64 = arguments.value("seconds").unwrap_or(1);
    let all: u64 = seconds + arguments.value::<u64>("warm-up").unwrap_or(0);
    let (opened, received) = (count("opened"), count("received"));
    // A microsecond of CPU per message is a second per million.
    let client = ratio(count("client_us") * seconds, received.max(1) * all.max(1));
    match arguments.command.as_str() {
        "idle" => vec![
            ("rss_bytes", ratio(after.rss.saturating_sub(before.rss), opened)),
            ("pss_bytes", ratio(after.pss.saturating_sub(before.pss), opened)),
            ("open_cpu_us", ratio(cpu_us, opened)),
        ],
        "storm" => vec![
            ("per_second", ratio(opened * 1_000_000, took_us)),
            ("cpu_us", ratio(cpu_us, opened)),
            ("p50_us", micros("open", 500)),
            ("p99_us", micros("open", 990)),
            ("client_cpu_us", ratio(count("client_us"), opened)),
        ],
        "pairs" | "tabs" => vec![
            ("cpu_s_per_m", ratio(cpu_us, received)),
            ("p50_us", micros("due", 500)),
            ("p99_us", micros("due", 990)),
            ("p999_us", micros("due", 999)),
            ("wire_p50_us", micros("wire", 500)),
            ("wire_p99_us", micros("wire", 990)),
            ("lag_p50_us", micros("lag", 500)),
            ("lag_p99_us", micros("lag", 990)),
            ("client_s_per_m", client),
            ("missing", ratio(count("sent").saturating_sub(received), 1)),
            ("misrouted", ratio(count("misrouted"), 1)),
            ("twice", ratio(count("twice"), 1)),
            ("cut", ratio(count("closed"), 1)),
        ],
        _ => vec![
            (
                "per_second",
                ratio(received * 1_000_000, count("window_us"))
                    * ratio(arguments.value("parts").unwrap_or(1), 1),
            ),
            ("cpu_s_per_m", ratio(cpu_us, received)),
            ("client_s_per_m", client),
            ("missing", ratio(count("missing"), 1)),
            ("silent_pairs", ratio(count("silent_pairs"), 1)),
            ("cut", ratio(count("closed"), 1)),
        ],
    }
}
