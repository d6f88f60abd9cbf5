//! What history costs: `cargo bench --bench history [-- NAME...]`, names as in `main`.
//!
//! Every figure is measured through the public handle, on real files below the system's
//! temporary folder. CPU counts all threads, user and system.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "a bench")]
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise, and prints"
)]

#[path = "history/town.rs"]
mod town;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use hearth::stats::{History, Query, Reading, Resolution, StatsConfig, StatsHandle};
use hearth::store::{Batch, Key, Store, Table};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use town::*;

struct Root;

impl Actor for Root {
    type Msg = ();
    type State = ();
    type Arguments = ();
    async fn pre_start(&self, _: ActorRef<()>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

struct House {
    stats: StatsHandle,
    now_ms: Arc<AtomicI64>,
    process: ActorCell,
    name: Arc<str>,
    root: ActorCell,
}

async fn open(dir: &Path, config: StatsConfig) -> House {
    let now_ms = Arc::new(AtomicI64::new(MIDNIGHT_MS));
    let clock = now_ms.clone();
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let stats = StatsHandle::with_clock(dir.to_owned(), config, clock);
    let (root, _) = Actor::spawn(None, Root, ()).await.unwrap();
    let process = stats.start(root.get_cell()).await.unwrap();
    while !stats.is_open() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    House { stats, now_ms, process, name: "temperature_c".into(), root: root.get_cell() }
}

impl House {
    async fn close(self) {
        self.process.stop(None);
        self.process.wait(None).await.unwrap();
        self.root.stop(None);
    }

    fn record(&self, device: u64, (t_ms, value): (i64, f64)) {
        let property = self.name.clone();
        self.stats.record(Reading { device, property, digits: 2, retention: 0, t_ms, value });
    }

    /// Records one reading of each device, never more at once than the queue holds.
    async fn step(&self, devices: &mut [(u64, Thermometer)], step: i64) {
        self.now_ms.store(MIDNIGHT_MS + step * STEP_MS, Ordering::Relaxed);
        for some in devices.chunks_mut(16_384) {
            for (device, thermometer) in some {
                let reading = thermometer.read(step);
                self.record(*device, reading);
            }
            self.stats.settle().await;
        }
    }

    async fn ask(&self, device: u64, days: i64, resolution: Resolution) -> (usize, Duration) {
        let to_ms = self.now_ms.load(Ordering::Relaxed);
        let from_ms = to_ms - days * 86_400_000;
        let property = self.name.clone();
        let query = Query { device, property, retention: 0, from_ms, to_ms, resolution };
        let started = Instant::now();
        let len = match self.stats.query(query).await.unwrap() {
            History::Points(points) => points.len(),
            History::Buckets { buckets, .. } => buckets.len(),
        };
        (len, started.elapsed())
    }
}

fn devices(count: u64) -> Vec<(u64, Thermometer)> {
    (1..=count).map(|i| (i * 90_000_001, Thermometer::new(i))).collect()
}

/// The generator alone, to be taken off.
fn generator_cpu_s(count: u64, steps: i64) -> f64 {
    let before = cpu_s();
    let mut sum = 0.0;
    for (_, thermometer) in &mut devices(count) {
        for step in 0..steps {
            sum += thermometer.read(step).1;
        }
    }
    assert!(sum != 0.0);
    cpu_s() - before
}

/// 10 million readings of 100,000 devices: CPU each, memory, recovery.
async fn town() {
    let (count, steps) = (100_000, 100);
    let readings = (count * steps as u64) as f64;
    let dir = tempfile::tempdir().unwrap();
    let config = StatsConfig { generation_readings_max: 20_000_000, ..StatsConfig::default() };
    let spare = generator_cpu_s(count, steps);
    let mut devices = devices(count);
    let house = open(dir.path(), config.clone()).await;
    let (cpu, rss) = (cpu_s(), rss_bytes());
    for step in 0..steps {
        house.step(&mut devices, step).await;
        if step == 49 || step == 99 {
            let totals = house.stats.totals();
            println!(
                "memory at {} readings a device: {:.0} B a device counted, {:.0} B resident",
                step + 1,
                totals.memory_bytes as f64 / count as f64,
                (rss_bytes() - rss) as f64 / count as f64
            );
        }
    }
    let totals = house.stats.totals();
    assert_eq!((totals.readings as f64, totals.dropped_queue), (readings, 0));
    println!(
        "CPU from record() to the log: {:.3} us a reading; log {:.1} B a reading",
        (cpu_s() - cpu - spare) / readings * 1e6,
        totals.log_bytes as f64 / readings
    );
    let copy = tempfile::tempdir().unwrap();
    house.stats.settle().await;
    house.stats.snapshot(copy.path()).unwrap();
    house.close().await;
    let (started, cpu) = (Instant::now(), cpu_s());
    let house = open(copy.path(), config).await;
    println!(
        "recovery of {:.0} readings: {:.2} s, CPU {:.2} s",
        readings,
        started.elapsed().as_secs_f64(),
        cpu_s() - cpu
    );
    assert_eq!(house.stats.totals().readings_open as f64, readings);
    let before = Instant::now();
    let cpu = cpu_s();
    house.now_ms.fetch_add(86_400_000, Ordering::Relaxed);
    house.stats.tidy().await.unwrap();
    println!(
        "flush and seal of them: {:.2} s, CPU {:.3} us a reading; then {:.2} B a reading on disk",
        before.elapsed().as_secs_f64(),
        (cpu_s() - cpu) / readings * 1e6,
        house.stats.totals().segment_bytes as f64 / readings
    );
    house.close().await;
}

/// 100,000 devices that have 100 readings each, and one more every ten seconds, for ten seconds of
/// real time a round. In the first round nothing is recorded: what the clock and the thermometers
/// cost is taken off.
async fn sustained() {
    let dir = tempfile::tempdir().unwrap();
    let mut devices = devices(100_000);
    let house = open(dir.path(), StatsConfig::default()).await;
    for step in 0..100 {
        house.step(&mut devices, step).await;
    }
    let mut rounds = Rounds::default();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for round in 100..105 {
        let before = cpu_s();
        for some in devices.chunks_mut(100) {
            tick.tick().await;
            for (device, thermometer) in some {
                let reading = thermometer.read(round);
                if !rounds.is_first() {
                    house.record(*device, reading);
                }
            }
        }
        house.stats.settle().await;
        rounds.took(cpu_s() - before);
    }
    let totals = house.stats.totals();
    let dropped = totals.dropped_queue + totals.dropped_disk;
    println!("{} readings kept, {dropped} dropped", totals.readings);
    house.close().await;
}

/// A command's way to the disk, in turns of two seconds: with nothing else to do, and beside
/// 100,000 devices that tell a reading every ten seconds each. Many short turns, because a p99 of
/// a thousand commits is a matter of ten of them, and of what else the machine had to do then.
async fn control() {
    let (dir, control) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut devices = devices(100_000);
    let house = open(dir.path(), StatsConfig::default()).await;
    let (store, writer) = Store::open(control.path()).unwrap();
    let running = writer.clone();
    let thread = std::thread::spawn(move || running.run());
    let (mut idle, mut loaded) = (Vec::new(), Vec::new());
    for turn in 0..60 {
        let times = if turn % 2 == 0 { &mut idle } else { &mut loaded };
        let readings = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            for some in devices.chunks_mut(100).take(200) {
                tick.tick().await;
                for (device, thermometer) in some {
                    let reading = thermometer.read(turn);
                    house.record(*device, reading);
                }
            }
        };
        let commands = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            for number in 0..200 {
                tick.tick().await;
                let mut batch = Batch::new();
                batch.put_bytes(Key::new(Table::Device).id(number), vec![7; 200]);
                let started = Instant::now();
                store.commit(batch).await.unwrap();
                times.push(started.elapsed());
            }
        };
        if turn % 2 == 0 {
            commands.await;
        } else {
            futures_util::future::join(readings, commands).await;
        }
    }
    let at = |times: &[Duration], share: f64| {
        times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3
    };
    for (name, times) in [("idle", &mut idle), ("loaded", &mut loaded)] {
        times.sort();
        let (p50, p99) = (at(times, 0.5), at(times, 0.99));
        println!("a commit, {name}: p50 {p50:.2} ms, p99 {p99:.2} ms, of {}", times.len());
    }
    println!("p99, loaded to idle: {:.2}", at(&loaded, 0.99) / at(&idle, 0.99));
    house.stats.settle().await;
    println!("{} readings kept", house.stats.totals().readings);
    writer.close();
    thread.join().unwrap();
    house.close().await;
}

/// Full days of 500 devices: disk, CPU of sealing, a day's question.
async fn day() {
    let (count, days) = (500, 3);
    let dir = tempfile::tempdir().unwrap();
    let config = StatsConfig { generation_readings_max: 1_000_000, ..StatsConfig::default() };
    let mut devices = devices(count);
    let house = open(dir.path(), config).await;
    for day in 0..days {
        for step in day * DAY_READINGS..(day + 1) * DAY_READINGS {
            house.step(&mut devices, step).await;
        }
    }
    let resolutions = [
        ("as readings", Resolution::Raw),
        ("in minutes", Resolution::Step { step_ms: 60_000 }),
        ("500 points", Resolution::Auto { points: 500 }),
    ];
    for round in ["today, unsealed", "yesterday, sealed"] {
        for (name, resolution) in resolutions {
            let mut times = Vec::new();
            let mut len = 0;
            for question in 0..1_000 {
                let device = (question % 50 + 1) * 90_000_001;
                let (found, time) = house.ask(device, 1, resolution).await;
                times.push(time);
                len = found;
            }
            println!("a day, {round}, {name}: {len} in {:.2} ms (median)", median_ms(times));
        }
        house.now_ms.store(MIDNIGHT_MS + days * 86_400_000 + 1, Ordering::Relaxed);
        let cpu = cpu_s();
        house.stats.tidy().await.unwrap();
        house.stats.tidy().await.unwrap();
        if round.starts_with("today") {
            let readings = (count as i64 * DAY_READINGS) as f64;
            println!("sealing: CPU {:.3} us a reading", (cpu_s() - cpu) / readings * 1e6);
        }
    }
    let readings = (count as i64 * DAY_READINGS * days) as f64;
    for tier in ["raw.0.seg", "minute.0.seg", "hour.0.seg", ""] {
        let bytes: u64 = std::fs::read_dir(dir.path().join("days"))
            .unwrap()
            .flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap())
            .map(|file| file.unwrap())
            .filter(|file| file.file_name().to_str().unwrap().ends_with(tier))
            .map(|file| file.metadata().unwrap().len())
            .sum();
        let tier = if tier.is_empty() { "all" } else { tier };
        println!("on disk, {tier}: {:.3} B a reading", bytes as f64 / readings);
    }
    println!("on disk, whole folder: {:.3} B", disk_bytes(dir.path()) as f64 / readings);
    house.close().await;
}

/// A year of five devices.
async fn year() {
    let dir = tempfile::tempdir().unwrap();
    let mut devices = devices(5);
    let house = open(dir.path(), StatsConfig::default()).await;
    for day in 0..365 {
        for step in day * DAY_READINGS..(day + 1) * DAY_READINGS {
            house.now_ms.store(MIDNIGHT_MS + step * STEP_MS, Ordering::Relaxed);
            for (device, thermometer) in &mut devices {
                let reading = thermometer.read(step);
                house.record(*device, reading);
            }
            if step % 4_000 == 0 {
                house.stats.settle().await;
            }
        }
        house.stats.tidy().await.unwrap();
        house.now_ms.store(MIDNIGHT_MS + (day + 1) * 86_400_000, Ordering::Relaxed);
        house.stats.tidy().await.unwrap();
    }
    for (name, resolution) in [
        ("in hours", Resolution::Step { step_ms: 3_600_000 }),
        ("500 points", Resolution::Auto { points: 500 }),
    ] {
        let mut times = Vec::new();
        let mut len = 0;
        for round in 0..50 {
            let (found, time) = house.ask((round % 5 + 1) * 90_000_001, 365, resolution).await;
            times.push(time);
            len = found;
        }
        println!("a year, {name}: {len} in {:.2} ms (median)", median_ms(times));
    }
    let totals = house.stats.totals();
    println!("files: {}, {} kB", totals.segments, totals.segment_bytes / 1_000);
    house.close().await;
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if wanted("town") {
            town().await;
        }
        if wanted("sustained") {
            sustained().await;
        }
        if wanted("control") {
            control().await;
        }
        if wanted("day") {
            day().await;
        }
        if wanted("year") {
            year().await;
        }
    });
}
