//! The data set of `benches/history.rs` in SQLite: one row a reading, WAL, and the indexes that
//! the questions need. `cargo run --release [-- NAME...]` in this folder.
#![allow(clippy::unwrap_used, clippy::pedantic, clippy::print_stdout, reason = "a bench")]

#[path = "../../history/town.rs"]
#[allow(dead_code, reason = "shared with the history bench")]
mod town;

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use town::*;

/// Rows of one transaction: what a group commit every few milliseconds collects.
const BATCH: usize = 1_000;

fn open(path: &std::path::Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    // As Hearth's promise: a power cut may cost the last seconds, a crash nothing.
    db.pragma_update(None, "synchronous", "NORMAL").unwrap();
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS property (id INTEGER PRIMARY KEY, name TEXT);
         CREATE TABLE IF NOT EXISTS reading (
             device INTEGER, property INTEGER, t INTEGER, value REAL,
             PRIMARY KEY (device, property, t)) WITHOUT ROWID;",
    )
    .unwrap();
    db
}

fn insert(db: &mut Connection, readings: &[(u64, i64, f64)]) {
    for batch in readings.chunks(BATCH) {
        let transaction = db.transaction().unwrap();
        {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO reading VALUES (?1, 1, ?2, ?3)")
                .unwrap();
            for (device, t_ms, value) in batch {
                insert.execute(params![*device as i64, t_ms, value]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}

fn devices(count: u64) -> Vec<(u64, Thermometer)> {
    (1..=count).map(|i| (i * 90_000_001, Thermometer::new(i))).collect()
}

fn step(devices: &mut [(u64, Thermometer)], step: i64) -> Vec<(u64, i64, f64)> {
    let read = |(device, thermometer): &mut (u64, Thermometer)| {
        let (t_ms, value) = thermometer.read(step);
        (*device, t_ms, value)
    };
    devices.iter_mut().map(read).collect()
}

/// 10 million readings of 100,000 devices as they arrive.
fn town() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut db = open(&path);
    let mut devices = devices(100_000);
    let mut spare = 0.0;
    let start = cpu_s();
    for i in 0..100 {
        let before = cpu_s();
        let readings = step(&mut devices, i);
        spare += cpu_s() - before;
        insert(&mut db, &readings);
    }
    let cpu_us = (cpu_s() - start - spare) / 10e6 * 1e6;
    println!("CPU of an insert, 100,000 devices: {cpu_us:.2} us a reading");
    drop(db);
    let bytes = disk_bytes(dir.path()) as f64 / 10e6;
    println!("on disk after it: {bytes:.1} B a reading");
}

/// 100,000 devices that have 100 readings each, and one more every ten seconds, in real time; one
/// transaction every ten milliseconds. The first round only generates, and is taken off.
fn sustained() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(&dir.path().join("history.db"));
    let mut devices = devices(100_000);
    for i in 0..100 {
        insert(&mut db, &step(&mut devices, i));
    }
    let mut rounds = Rounds::default();
    for round in 100..105 {
        let (before, started) = (cpu_s(), Instant::now());
        for (tick, some) in (0_u32..).zip(devices.chunks_mut(100)) {
            let due = Duration::from_millis(10) * tick;
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            let readings = step(some, round);
            if !rounds.is_first() {
                insert(&mut db, &readings);
            }
        }
        rounds.took(cpu_s() - before);
    }
}

/// Three days of 50 devices: disk and a day's question.
fn day() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(&dir.path().join("history.db"));
    let mut devices = devices(50);
    for day in 0..3 {
        for hour in 0..24 {
            let mut readings = Vec::new();
            for i in 0..360 {
                readings.extend(step(&mut devices, day * DAY_READINGS + hour * 360 + i));
            }
            insert(&mut db, &readings);
        }
    }
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let bytes = disk_bytes(dir.path()) as f64 / (50 * 3 * DAY_READINGS) as f64;
    println!("on disk, days: {bytes:.1} B a reading");
    let (from_ms, to_ms) = (MIDNIGHT_MS + 2 * 86_400_000, MIDNIGHT_MS + 3 * 86_400_000);
    ask(
        &db,
        "a day as readings",
        "SELECT t, value FROM reading
        WHERE device = ?1 AND property = 1 AND t >= ?2 AND t < ?3 ORDER BY t",
        from_ms,
        to_ms,
    );
    ask(
        &db,
        "a day in minutes",
        "SELECT t / 60000, min(value), avg(value), max(value), count(*)
        FROM reading WHERE device = ?1 AND property = 1 AND t >= ?2 AND t < ?3 GROUP BY 1",
        from_ms,
        to_ms,
    );
}

/// A year of one device.
fn year() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(&dir.path().join("history.db"));
    let mut devices = devices(1);
    for day in 0..365 {
        let mut readings = Vec::new();
        for i in 0..DAY_READINGS {
            readings.extend(step(&mut devices, day * DAY_READINGS + i));
        }
        insert(&mut db, &readings);
    }
    ask(
        &db,
        "a year in hours",
        "SELECT t / 3600000, min(value), avg(value), max(value), count(*)
        FROM reading WHERE device = ?1 AND property = 1 AND t >= ?2 AND t < ?3 GROUP BY 1",
        MIDNIGHT_MS,
        MIDNIGHT_MS + 365 * 86_400_000,
    );
}

fn ask(db: &Connection, name: &str, sql: &str, from_ms: i64, to_ms: i64) {
    let mut times = Vec::new();
    let mut count = 0;
    let mut query = db.prepare(sql).unwrap();
    let devices: i64 = if name.contains("year") { 1 } else { 50 };
    for round in 0..1_000 {
        let device = (round % devices + 1) * 90_000_001;
        let started = Instant::now();
        let rows = query
            .query_map(params![device, from_ms, to_ms], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))
            })
            .unwrap();
        count = rows.map(Result::unwrap).collect::<Vec<_>>().len();
        times.push(started.elapsed());
        if started.elapsed() > Duration::from_millis(500) && round > 4 {
            break;
        }
    }
    println!("{name}: {count} in {:.2} ms (median)", median_ms(times));
}

fn main() {
    println!("SQLite {}, WAL, NORMAL, one row a reading", rusqlite::version());
    let names: Vec<String> = std::env::args().skip(1).collect();
    let all: [(&str, fn()); 4] =
        [("town", town), ("sustained", sustained), ("day", day), ("year", year)];
    for (name, run) in all {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}
