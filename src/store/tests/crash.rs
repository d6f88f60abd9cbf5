//! kill -9: a child process writes and says what was acknowledged; then it is killed, at random,
//! and everything it said must be there. And a disk that refuses to take more, on the real engine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

const FOLDER: &str = "HEARTH_TEST_STORE";
/// Milliseconds from a write to its checkpoint, if that is not to be the product's.
const WAIT: &str = "HEARTH_TEST_WAIT_MS";
/// Devices that the child writes to; each of its batches writes one of them and a log row.
const DEVICES: u64 = 300;
const KILLS: u64 = 20;

/// This test binary again, as the child that runs one test.
fn child(test: &str, folder: &Path, wait_ms: &str) -> (Child, BufReader<ChildStdout>) {
    let program = std::env::current_exe().unwrap();
    // It wants errors, not signals, for files that grow too large.
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(program)
        .args([&format!("store::tests::crash::{test}"), "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(WAIT, wait_ms)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// The store of the child, and its writer at work.
fn child_store() -> (Store, Writer, JoinHandle<()>) {
    let folder = std::env::var_os(FOLDER).unwrap();
    let wait_ms = std::env::var(WAIT).unwrap().parse().unwrap();
    let limits = Limits { wait: Duration::from_millis(wait_ms), ..Limits::DEFAULT };
    let (store, writer) = Store::open_with(Path::new(&folder), limits).unwrap();
    let running = writer.clone();
    let thread = supervision::thread("store-writer", move || running.run()).unwrap();
    (store, writer, thread)
}

/// The number in a line `word number`.
fn number(line: &str, word: &str) -> Option<u64> {
    line.strip_prefix(word)?.trim().parse().ok()
}

fn log_key(number: u64) -> Key {
    Key::new(Table::Owned).id(number)
}

/// Small values and large ones, so that some lie in several rows.
fn value(number: u64) -> Vec<u8> {
    let length = if number.is_multiple_of(17) { 5000 } else { 200 };
    number.to_be_bytes().into_iter().cycle().take(length).collect()
}

fn write(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put_bytes(key(number % DEVICES), value(number));
    batch.put_bytes(log_key(number), vec![]);
    batch
}

/// The first number that the store has no log row of. Everything below it must be whole.
fn check(store: &Store, acknowledged: u64) -> u64 {
    let (mut next, mut after) = (0, None);
    loop {
        let page = store.page(&Key::new(Table::Owned), after.as_ref(), PAGE_ROWS_MAX).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, _) in page {
            assert_eq!(key.fields().id(), Some(next), "a hole in what was written");
            next += 1;
        }
    }
    assert!(next >= acknowledged, "{acknowledged} acknowledged, {next} found");
    let newest: BTreeMap<_, _> = (0..next).map(|number| (number % DEVICES, number)).collect();
    for (device, number) in newest {
        assert_eq!(store.get(&key(device)), Ok(Some(value(number))), "the last write of {device}");
    }
    next
}

#[test]
#[ignore = "the child of the test below"]
fn writes_until_it_is_killed() {
    let (store, ..) = child_store();
    let first = check(&store, 0);
    for number in first.. {
        // A pause now and then, so that groups of all sizes are cut.
        if number.is_multiple_of(97) {
            std::thread::sleep(Duration::from_millis(1));
        }
        while store.figures().queue_bytes > 200 * 1024 {
            std::thread::yield_now();
        }
        store.commit_then(write(number), move |result| {
            result.unwrap();
            // One write call a line: a killed process leaves no half of one.
            let mut out = std::io::stdout().lock();
            out.write_all(format!("durable {number}\n").as_bytes()).unwrap();
            out.flush().unwrap();
        });
    }
}

#[test]
fn whatever_was_acknowledged_outlives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        // Every other time the kill may fall into a checkpoint.
        let wait_ms = if kill % 2 == 0 { "60000" } else { "5" };
        let (mut child, lines) = child("writes_until_it_is_killed", folder.path(), wait_ms);
        let mut told = 0;
        let told_until_the_end = 1 + kill * 7919 % 1500;
        for line in lines.lines().map_while(Result::ok) {
            if let Some(number) = number(&line, "durable ") {
                acknowledged = acknowledged.max(number + 1);
                told += 1;
            }
            if told == told_until_the_end {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(told >= told_until_the_end, "the child ended by itself");
        let (store, _writer) = Store::open(folder.path()).unwrap();
        check(&store, acknowledged);
    }
}

#[test]
#[ignore = "the child of the tests below"]
fn writes_until_the_disk_refuses_and_takes_it_again() {
    let (store, writer, thread) = child_store();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut number, mut refused) = (0, 0);
    loop {
        match runtime.block_on(store.commit(write(number))) {
            Ok(()) => {
                number += 1;
                println!("committed {number}");
                if refused > 0 {
                    break;
                }
            }
            Err(CommitError::Unknown(_)) => println!("unknown {number}"),
            Err(error) => {
                assert!(matches!(error, CommitError::Refused(_)), "{error:?}");
                // What waits for its checkpoint is read from memory.
                let broken = (0..DEVICES.min(number)).filter(|at| store.get(&key(*at)).is_err());
                println!("doubtful {}", broken.count());
                refused += 1;
                println!("refused {number}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
    writer.close();
    thread.join().unwrap();
    check(&store, number);
    println!("recovered {}", store.figures().recoveries);
}

/// Lets files grow to `bytes` only.
fn limit(child: &Child, bytes: &str) {
    let (pid, bytes) = (child.id().to_string(), format!("--fsize={bytes}:"));
    assert!(Command::new("prlimit").args([&bytes, "--pid", &pid]).status().unwrap().success());
}

#[test]
fn a_disk_that_takes_no_more_loses_nothing_and_is_taken_up_again_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let test = "writes_until_the_disk_refuses_and_takes_it_again";
    let (mut child, lines) = child(test, folder.path(), "60000");
    let (mut refused, mut unknown, mut recovered) = (0, 0, 0);
    for line in lines.lines().map_while(Result::ok) {
        if number(&line, "committed ") == Some(1000) {
            limit(&child, "4096");
        }
        unknown += u64::from(number(&line, "unknown ").is_some());
        assert!(number(&line, "doubtful ").is_none_or(|rows| rows <= 1), "{line}");
        refused += u64::from(number(&line, "refused ").is_some());
        if refused == 40 {
            limit(&child, "unlimited");
        }
        recovered = number(&line, "recovered ").unwrap_or(recovered);
    }
    assert!(child.wait().unwrap().success());
    assert_eq!((unknown, recovered), (1, 1));
}
