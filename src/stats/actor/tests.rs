//! The process as its neighbours see it: a handle that never waits and never goes stale.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use ractor::SupervisionEvent;
use tokio::time::sleep;

use super::*;
use crate::stats::csv::CsvPieces;
use crate::stats::{Clock, History, Point, Query, Reading, Resolution, StatsConfig, StatsError};

const SOON: Duration = Duration::from_secs(20);
/// 2026-11-23, 12:00 UTC.
const NOON_MS: i64 = 1_795_435_200_000;
/// Names the folder of the child process that is to be killed.
const VICTIM: &str = "HEARTH_TEST_HISTORY_DIR";

/// A supervisor that starts the process again, as the tree does.
struct Parent(StatsHandle, mpsc::Sender<ActorCell>);

impl Actor for Parent {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(self.1.send(self.0.start(me.get_cell()).await?)?)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) | SupervisionEvent::ActorTerminated(..) = event {
            self.1.send(self.0.start(me.get_cell()).await?)?;
        }
        Ok(())
    }
}

fn clock() -> Clock {
    Arc::new(|| NOON_MS)
}

async fn house(dir: &Path, config: StatsConfig) -> (StatsHandle, mpsc::Receiver<ActorCell>) {
    let stats = StatsHandle::with_clock(dir.to_owned(), config, clock());
    let (tell, process) = mpsc::channel();
    Actor::spawn(None, Parent(stats.clone(), tell), ()).await.unwrap();
    (stats, process)
}

fn reading(device: u64, t_ms: i64) -> Reading {
    Reading { device, property: "a".into(), digits: 1, retention: 0, t_ms, value: 21.5 }
}

async fn points(stats: &StatsHandle, device: u64) -> Vec<Point> {
    let property = "a".into();
    let (from_ms, to_ms, resolution) = (NOON_MS, NOON_MS + 1_000_000_000, Resolution::Raw);
    let query = Query { device, property, retention: 0, from_ms, to_ms, resolution };
    let asked = Instant::now();
    loop {
        match stats.query(query.clone()).await {
            Ok(History::Points(points)) => return points,
            Err(StatsError::Unavailable) if asked.elapsed() < SOON => {
                sleep(Duration::from_millis(5)).await;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_outlives_the_process_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (stats, processes) = house(dir.path(), StatsConfig::default()).await;
    let mut count = 0;
    for end in [ActorCell::kill, |process: &ActorCell| process.stop(None)] {
        for t_ms in 0..100 {
            stats.record(reading(7, NOON_MS + count + t_ms));
        }
        count += 100;
        let process = processes.try_recv().unwrap();
        end(&process);
        timeout(SOON, process.wait(None)).await.unwrap().unwrap();
        // Nobody is there to take these; they wait.
        stats.record(reading(7, NOON_MS + count));
        count += 1;
        timeout(SOON, stats.settle()).await.unwrap();
        assert_eq!(i64::try_from(points(&stats, 7).await.len()).unwrap(), count);
    }
    assert_eq!(stats.properties(7).await.unwrap().len(), 1);
    stats.forget(7).await.unwrap();
    assert!(points(&stats, 7).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_history_that_can_not_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("no folder");
    std::fs::write(&file, b"").unwrap();
    let config = StatsConfig { queue_readings_max: 10, ..StatsConfig::default() };
    let (stats, processes) = house(&file, config).await;
    let started = Instant::now();
    for t_ms in 0..100_000 {
        stats.record(reading(1, t_ms));
    }
    assert!(started.elapsed() < Duration::from_secs(2));
    let totals = stats.totals();
    assert_eq!((totals.readings, totals.dropped_queue + totals.dropped_disk), (0, 99_990));
    let property = "a".into();
    let (from_ms, to_ms, resolution) = (0, 1, Resolution::Raw);
    let query = Query { device: 1, property, retention: 0, from_ms, to_ms, resolution };
    assert!(matches!(stats.query(query).await, Err(StatsError::Unavailable)));
    let process = processes.recv().unwrap();
    assert!(processes.try_recv().is_err(), "it waits for its disk; it doesn't die of it");
    process.stop(None);
    timeout(SOON, process.wait(None)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_from_many_tasks_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let config = StatsConfig { generation_readings_max: 1_000, ..StatsConfig::default() };
    let (stats, _processes) = house(dir.path(), config).await;
    timeout(SOON, async {
        for round in 0..20 {
            for device in 0..500 {
                stats.record(reading(device, NOON_MS + round * 10));
            }
            stats.tidy().await.ok();
            stats.settle().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(stats.totals().dropped_disk + stats.totals().dropped_queue, 0);
    for device in [0, 1, 250, 499] {
        assert_eq!(points(&stats, device).await.len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_comes_in_pieces_over_gaps_and_crowds() {
    let dir = tempfile::tempdir().unwrap();
    let (stats, _processes) = house(dir.path(), StatsConfig::default()).await;
    // More than fit into one answer within a minute, and one 11 days later.
    for t_ms in (0..120_000).chain([1_000_000_000 - 1]) {
        stats.record(reading(1, NOON_MS + t_ms));
        if t_ms % 20_000 == 0 {
            timeout(SOON, stats.settle()).await.unwrap();
        }
    }
    timeout(SOON, stats.settle()).await.unwrap();
    points(&stats, 2).await;
    let property = "a".into();
    let (from_ms, to_ms, resolution) = (0, NOON_MS + 1_000_000_000, Resolution::Raw);
    let query = Query { device: 1, property, retention: 0, from_ms, to_ms, resolution };
    let mut pieces = CsvPieces::new(stats, query);
    let mut text = String::new();
    while let Some(piece) = timeout(SOON, pieces.next()).await.unwrap().unwrap() {
        text.push_str(&piece);
    }
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (120_002, "t,value"));
    assert!(lines[1..].is_sorted() && lines[1] == format!("{NOON_MS},21.5"));
}

/// Not a test of its own: what the next one kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let Some(dir) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let (stats, _processes) = house(&dir, StatsConfig::default()).await;
    for t_ms in 0..10_000 {
        stats.record(reading(u64::try_from(t_ms % 10).unwrap(), NOON_MS + t_ms));
    }
    stats.settle().await;
    println!("settled");
    for t_ms in 10_000.. {
        stats.record(reading(u64::try_from(t_ms % 10).unwrap(), NOON_MS + t_ms));
        sleep(Duration::from_micros(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_minus_nine_loses_nothing_that_had_settled() {
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "stats::actor::tests::the_process_that_is_killed"])
        .env(VICTIM, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = Vec::new();
    let mut output = victim.stdout.take().unwrap();
    while !String::from_utf8_lossy(&seen).contains("settled") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    sleep(Duration::from_millis(50)).await;
    victim.kill().unwrap();
    victim.wait().unwrap();
    let (stats, _processes) = house(dir.path(), StatsConfig::default()).await;
    let mut times = Vec::new();
    for device in 0..10 {
        times.extend(points(&stats, device).await.iter().map(|point| point.t_ms - NOON_MS));
    }
    times.sort_unstable();
    assert!(times.len() >= 10_000);
    assert!(times.iter().copied().eq(0..i64::try_from(times.len()).unwrap()), "no gap, no double");
}

#[tokio::test]
async fn who_waits_is_told_when_all_that_was_recorded_before_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (stats, _process) = house(dir.path(), StatsConfig::default()).await;
    for round in 0..20 {
        for t_ms in 0..100 {
            stats.record(reading(7, NOON_MS + round * 100 + t_ms));
        }
        let (told, hears) = oneshot::channel();
        let kept = stats.clone();
        stats.when_kept(move || told.send(kept.totals().readings).unwrap());
        let readings = timeout(SOON, hears).await.unwrap().unwrap();
        assert_eq!(readings, u64::try_from((round + 1) * 100).unwrap());
    }
}

#[tokio::test]
async fn nobody_waits_for_what_is_dropped_or_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = StatsConfig { queue_readings_max: 2, ..StatsConfig::default() };
    let stats = StatsHandle::with_clock(dir.path().to_owned(), config, clock());
    let called = Arc::new(AtomicU64::new(0));
    let call = || {
        let called = called.clone();
        move || {
            called.fetch_add(1, Ordering::Relaxed);
        }
    };
    stats.when_kept(call());
    assert_eq!(called.load(Ordering::Relaxed), 1, "nothing was recorded");
    for t_ms in 0..3 {
        stats.record(reading(7, NOON_MS + t_ms));
    }
    stats.when_kept(call());
    assert_eq!(called.load(Ordering::Relaxed), 2, "the queue is full");
}
