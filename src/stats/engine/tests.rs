//! The engine on a real folder with a clock of the test's own.

use tempfile::TempDir;

use super::*;
use crate::stats::{Bucket, NewHistory, Point, Resolution, StoppedHistory};

/// 2026-11-23, 00:00 UTC.
const MIDNIGHT_MS: i64 = 1_795_392_000_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

struct Kitchen {
    dir: TempDir,
    engine: Engine,
    now_ms: i64,
    frame: Frame,
}

fn config() -> StatsConfig {
    let retention = vec![
        Retention::default(),
        Retention { raw_days: 1, minute_days: 2, hour_days: Some(3) },
        Retention { raw_days: 0, ..Retention::default() },
    ];
    StatsConfig { generation_readings_max: 1_000, retention, ..StatsConfig::default() }
}

fn open(dir: &Path, now_ms: i64) -> Engine {
    Engine::open(dir, config(), Arc::default(), now_ms).unwrap()
}

fn reading(device: u64, t_ms: i64, value: f64) -> Reading {
    Reading { device, property: "water_c".into(), digits: 2, retention: 0, t_ms, value }
}

/// What the tests' cooker measures at a time.
fn water(t_ms: i64) -> f64 {
    f64::from(i32::try_from(t_ms / 10_000 % 997).unwrap()) / 100.0
}

impl Kitchen {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), MIDNIGHT_MS);
        Self { dir, engine, now_ms: MIDNIGHT_MS, frame: Frame::default() }
    }

    fn take(&mut self, readings: &[Reading]) {
        self.engine.take(readings, self.now_ms, &mut self.frame);
    }

    /// Lives for so many minutes: devices 1 and 2 report every ten seconds.
    fn live(&mut self, minutes: i64) {
        for _ in 0..minutes {
            for _ in 0..6 {
                let t_ms = self.now_ms;
                self.take(&[reading(1, t_ms, water(t_ms)), reading(2, t_ms, 5.0)]);
                self.now_ms += 10_000;
            }
            self.engine.do_chores(self.now_ms, &|_| false);
        }
    }

    fn restart(&mut self) {
        self.engine = open(self.dir.path(), self.now_ms);
    }

    fn ask(&self, device: u64, from_ms: i64, resolution: Resolution) -> History {
        let property = "water_c".into();
        let to_ms = self.now_ms + DAY_MS;
        let query = Query { device, property, retention: 0, from_ms, to_ms, resolution };
        self.engine.query(&query, self.now_ms).unwrap()
    }

    fn points(&self, device: u64, from_ms: i64) -> Vec<Point> {
        let History::Points(points) = self.ask(device, from_ms, Resolution::Raw) else { panic!() };
        points
    }

    fn buckets(&self, device: u64, from_ms: i64, step_ms: i64) -> Vec<Bucket> {
        let history = self.ask(device, from_ms, Resolution::Step { step_ms });
        let History::Buckets { step_ms: found, buckets } = history else { panic!() };
        assert_eq!(found, step_ms);
        buckets
    }

    fn files(&self, room: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut rooms = vec![self.dir.path().join(room)];
        while let Some(room) = rooms.pop() {
            for entry in std::fs::read_dir(room).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    rooms.push(path);
                } else {
                    names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        names.sort();
        names
    }
}

#[test]
fn a_reading_is_found_wherever_it_lives() {
    let mut kitchen = Kitchen::new();
    let mut count = 0;
    for minutes in [1, 200, 60 * 20, 60 * 24, 60 * 24] {
        kitchen.live(minutes);
        count += minutes * 6;
        for _ in 0..2 {
            let points = kitchen.points(1, MIDNIGHT_MS);
            assert_eq!(i64::try_from(points.len()).unwrap(), count);
            for (i, point) in (0..).zip(&points) {
                assert_eq!(point.t_ms, MIDNIGHT_MS + i * 10_000);
                assert!((point.value - water(point.t_ms)).abs() < 1e-9);
            }
            kitchen.restart();
        }
    }
    assert!(!kitchen.files("days").is_empty() && !kitchen.files("runs").is_empty());
}

#[test]
fn every_resolution_tells_the_same_story_before_and_after_sealing() {
    let mut kitchen = Kitchen::new();
    kitchen.live(60 * 23);
    let before: Vec<_> = [10_000, MINUTE_MS, 7 * MINUTE_MS, HOUR_MS, DAY_MS]
        .map(|step_ms| kitchen.buckets(1, MIDNIGHT_MS, step_ms))
        .into();
    kitchen.now_ms += 2 * HOUR_MS;
    kitchen.live(1);
    assert!(kitchen.files("runs").is_empty(), "the day is sealed");
    for (buckets, step_ms) in before.iter().zip([10_000, MINUTE_MS, 7 * MINUTE_MS, HOUR_MS]) {
        let after = kitchen.buckets(1, MIDNIGHT_MS, step_ms);
        for (old, new) in buckets.iter().zip(&after) {
            assert_eq!((old.t_ms, old.count), (new.t_ms, new.count));
            assert!((old.mean - new.mean).abs() < 1e-9);
            assert!((old.min, old.max, old.last) == (new.min, new.max, new.last));
        }
    }
    assert_eq!(before[4][0].count, 60 * 23 * 6);
}

#[test]
fn late_and_repeated_readings_land_once_and_in_the_right_bucket() {
    let mut kitchen = Kitchen::new();
    kitchen.live(60 * 24 + 30);
    let late_ms = MIDNIGHT_MS + 5 * HOUR_MS + 5_000;
    // Yesterday is sealed; the device was away and tells now, twice.
    for _ in 0..2 {
        kitchen.take(&[reading(1, late_ms, 99.0), reading(1, late_ms + 1, 98.0)]);
    }
    for _ in 0..2 {
        let bucket = kitchen.buckets(1, late_ms - 5_000, MINUTE_MS)[0];
        assert_eq!(bucket.t_ms, late_ms - 5_000);
        assert!((bucket.count, bucket.max) == (8, 99.0), "{bucket:?}");
        let points = kitchen.points(1, late_ms - 5_000);
        assert!((points[1].t_ms, points[1].value) == (late_ms, 99.0));
        assert_eq!(points.len(), (19 * 60 + 30) * 6 + 2);
        kitchen.now_ms += DAY_MS;
        kitchen.take(&[]);
        kitchen.engine.do_chores(kitchen.now_ms, &|_| false);
        kitchen.engine.do_chores(kitchen.now_ms, &|_| false);
        kitchen.restart();
    }
}

#[test]
fn what_is_too_old_goes_by_the_file_and_what_is_for_ever_stays() {
    let mut kitchen = Kitchen::new();
    let short = |t_ms| Reading { retention: 1, ..reading(3, t_ms, 1.0) };
    let rolled = |t_ms| Reading { retention: 2, ..reading(4, t_ms, 1.0) };
    for _ in 0..130 {
        let t_ms = kitchen.now_ms;
        kitchen.take(&[reading(1, t_ms, 7.5), short(t_ms), rolled(t_ms)]);
        kitchen.now_ms += DAY_MS;
        kitchen.take(&[]);
        // The first round flushes and seals, the second finds nothing left to do.
        kitchen.engine.do_chores(kitchen.now_ms, &|_| false);
        kitchen.engine.do_chores(kitchen.now_ms, &|_| false);
    }
    let files = kitchen.files("days");
    let count = |name: &str| files.iter().filter(|file| *file == name).count();
    assert!((7..=9).contains(&count("raw.0.seg")), "{files:?}");
    assert!((90..=92).contains(&count("minute.0.seg")));
    assert!((1..=3).contains(&count("raw.1.seg")) && count("raw.2.seg") == 0);
    assert!((2..=4).contains(&count("minute.1.seg")));
    assert_eq!(kitchen.buckets(1, MIDNIGHT_MS, HOUR_MS).len(), 130);
    assert_eq!(kitchen.buckets(4, MIDNIGHT_MS, HOUR_MS).len(), 130);
    assert!(kitchen.buckets(3, MIDNIGHT_MS, HOUR_MS).len() <= 35);
    assert!(kitchen.points(1, MIDNIGHT_MS).len() <= 9);
    let joined = kitchen.files("hours");
    assert!((8..=9).contains(&joined.len()), "four times 32 days: {joined:?}");
    kitchen.restart();
    assert_eq!(kitchen.buckets(1, MIDNIGHT_MS, HOUR_MS).len(), 130);
}

#[test]
fn a_forgotten_device_is_gone_at_once_and_for_good() {
    let mut kitchen = Kitchen::new();
    kitchen.live(60 * 25);
    assert_eq!(kitchen.engine.properties(2).unwrap().len(), 1);
    kitchen.engine.forget(2).unwrap();
    kitchen.engine.forget(2).unwrap();
    for _ in 0..2 {
        assert!(kitchen.points(2, MIDNIGHT_MS).is_empty());
        assert!(kitchen.engine.properties(2).unwrap().is_empty());
        assert!(!kitchen.points(1, MIDNIGHT_MS).is_empty());
        kitchen.live(60 * 24);
        kitchen.restart();
    }
}

#[test]
fn a_copy_made_while_it_runs_answers_the_same() {
    let mut kitchen = Kitchen::new();
    kitchen.live(60 * 30);
    let copy = tempfile::tempdir().unwrap();
    kitchen.engine.snapshot(copy.path()).unwrap();
    let (points, hours) = (kitchen.points(1, 0), kitchen.buckets(1, MIDNIGHT_MS, HOUR_MS));
    kitchen.live(60 * 24);
    kitchen.engine = open(copy.path(), kitchen.now_ms);
    assert_eq!(kitchen.points(1, 0), points);
    assert_eq!(kitchen.buckets(1, MIDNIGHT_MS, HOUR_MS), hours);
}

#[test]
fn a_crash_between_any_two_steps_neither_loses_nor_doubles() {
    // What sealing replaced comes back from the dead, as if the power went before it was removed.
    let mut kitchen = Kitchen::new();
    kitchen.live(60 * 23);
    let before = tempfile::tempdir().unwrap();
    kitchen.engine.snapshot(before.path()).unwrap();
    kitchen.live(61);
    let points = kitchen.points(1, MIDNIGHT_MS);
    assert!(kitchen.files("runs").is_empty());
    for room in ["runs", "wal"] {
        for entry in std::fs::read_dir(before.path().join(room)).unwrap() {
            let from = entry.unwrap().path();
            let to = kitchen.dir.path().join(room).join(from.file_name().unwrap());
            if !to.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
    }
    assert!(!kitchen.files("runs").is_empty());
    std::fs::create_dir(kitchen.dir.path().join("days/0000000001-0000000009.tmp")).unwrap();
    std::fs::write(kitchen.dir.path().join("runs/0000000099.tmp"), b"half").unwrap();
    kitchen.restart();
    assert_eq!(kitchen.points(1, MIDNIGHT_MS), points);
    assert!(kitchen.files("runs").is_empty());
}

#[test]
fn a_folder_that_refuses_writes_costs_history_and_nothing_else() {
    let mut kitchen = Kitchen::new();
    kitchen.live(1);
    // No run can be written, so the second generation fills up and the rest is dropped.
    std::fs::remove_dir(kitchen.dir.path().join("runs")).unwrap();
    kitchen.live(500);
    let totals = kitchen.engine.totals();
    assert!(totals.dropped_disk > 0 && totals.disk_errors > 0, "{totals:?}");
    assert_eq!(totals.readings + totals.dropped_disk, 501 * 12);
    std::fs::create_dir(kitchen.dir.path().join("runs")).unwrap();
    kitchen.live(1);
    let totals = kitchen.engine.totals();
    kitchen.live(10);
    assert_eq!(kitchen.engine.totals().dropped_disk, totals.dropped_disk, "it recovers by itself");
    let kept = kitchen.engine.totals().readings / 2;
    assert_eq!(kitchen.points(1, MIDNIGHT_MS).len() as u64, kept);
}

#[test]
fn a_clock_set_back_or_forward_loses_nothing() {
    let mut kitchen = Kitchen::new();
    for step_ms in [-400 * DAY_MS, 10 * DAY_MS, -3 * DAY_MS, 393 * DAY_MS] {
        kitchen.live(3);
        kitchen.now_ms += step_ms;
    }
    kitchen.live(3);
    kitchen.restart();
    let hours = kitchen.buckets(1, MIDNIGHT_MS - 500 * DAY_MS, HOUR_MS);
    assert_eq!(hours.iter().map(|hour| hour.count).sum::<u64>(), 5 * 18);
}

#[test]
fn what_is_brought_out_of_one_history_and_into_another_is_the_same() {
    let mut kitchen = Kitchen::new();
    // Long enough for hours alone, minutes, and readings: 100, 30 and the last 7 days.
    for _ in 0..100 {
        kitchen.live(61);
        kitchen.now_ms += DAY_MS - 61 * MINUTE_MS;
        kitchen.take(&[]);
        kitchen.engine.do_chores(kitchen.now_ms, &|_| false);
        kitchen.engine.do_chores(kitchen.now_ms, &|_| false);
    }
    kitchen.live(90);
    let hours = kitchen.buckets(1, MIDNIGHT_MS, HOUR_MS);
    let minutes = kitchen.buckets(1, kitchen.now_ms - 60 * DAY_MS, MINUTE_MS);
    let points = kitchen.points(1, kitchen.now_ms - 6 * DAY_MS);
    let (from, now_ms) = (kitchen.dir.path().to_owned(), kitchen.now_ms);
    let old = StoppedHistory::open(&from, config(), now_ms).unwrap();
    let to = tempfile::tempdir().unwrap();
    let mut new = NewHistory::begin(to.path(), &config(), now_ms).unwrap();
    for property in old.properties(1).unwrap() {
        let mut parts = Vec::new();
        let keep = |part| {
            parts.push(part);
            Ok::<(), StatsError>(())
        };
        old.all(1, &property, "cooker", keep).unwrap();
        new.series(1, &property, "cooker", 2, &parts).unwrap();
    }
    new.finish().unwrap();
    kitchen.engine = open(to.path(), now_ms);
    assert_eq!(kitchen.points(1, now_ms - 6 * DAY_MS), points);
    for (step_ms, from_ms, old) in
        [(HOUR_MS, MIDNIGHT_MS, hours), (MINUTE_MS, now_ms - 60 * DAY_MS, minutes)]
    {
        let new = kitchen.buckets(1, from_ms, step_ms);
        assert_eq!(old.len(), new.len());
        for (old, new) in old.iter().zip(&new) {
            assert_eq!((old.t_ms, old.count), (new.t_ms, new.count));
            assert!((old.mean - new.mean).abs() < 1e-9, "{old:?} {new:?}");
            assert!((old.min, old.max, old.last) == (new.min, new.max, new.last));
        }
    }
}

#[test]
fn the_day_on_which_clocks_are_set_back_has_twenty_five_hours() {
    let mut kitchen = Kitchen::new();
    // 2026-10-25 in Berlin: the hour from two to three is there twice.
    kitchen.now_ms = 1_792_879_200_000;
    let (from_ms, berlin) = (kitchen.now_ms, jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let midnight = |t_ms| {
        let time = berlin.to_datetime(jiff::Timestamp::from_millisecond(t_ms).unwrap());
        (time.day(), time.hour(), time.minute())
    };
    kitchen.live(25 * 60);
    assert_eq!((midnight(from_ms), midnight(kitchen.now_ms)), ((25, 0, 0), (26, 0, 0)));
    let hours = kitchen.buckets(1, from_ms, HOUR_MS);
    let whole: Vec<(i64, u64)> = hours.iter().map(|hour| (hour.t_ms, hour.count)).collect();
    assert_eq!(whole, (0..25).map(|i| (from_ms + i * HOUR_MS, 360)).collect::<Vec<_>>());
}
