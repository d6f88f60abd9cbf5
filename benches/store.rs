//! What a committed write costs: `cargo bench --bench store [FOLDER]`.
//!
//! Values of 200 bytes under keys of 17. CPU is that of all threads of the process, from the
//! kernel's own count; the times depend on the disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hearth::store::{Batch, Key, Store, Table};

/// CPU time of all threads, from the first field of each one's `schedstat` (nanoseconds).
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this bench needs Linux");
    let nanoseconds = |task: PathBuf| {
        let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tasks.flatten().map(|task| nanoseconds(task.path())).sum())
}

fn batch(number: u64, spread: u64) -> Batch {
    let mut batch = Batch::new();
    let device = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % spread;
    batch.put_bytes(Key::new(Table::Device).id(device).id(0), vec![number as u8; 200]);
    batch
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let (store, writer) = Store::open(folder.path()).expect("a store");
    let running = writer.clone();
    let thread = std::thread::spawn(move || running.run());
    println!("group   rounds   CPU µs a write   p50 µs   p99 µs   µs a write");
    for (group, rounds) in [(1, 4000), (8, 2000), (64, 1000), (1024, 100), (1, 4000)] {
        let (cpu_before, before) = (cpu(), Instant::now());
        let mut times = Vec::with_capacity(rounds);
        for round in 0..rounds as u64 {
            let start = Instant::now();
            if group == 1 {
                store.commit(batch(round, 100_000)).await.expect("durable");
            } else {
                let (tell, mut hear) = tokio::sync::mpsc::unbounded_channel();
                for at in 0..group {
                    let tell = tell.clone();
                    let then = move |result| drop(tell.send(result));
                    store.commit_then(batch(round * group + at, 100_000), then);
                }
                drop(tell);
                while let Some(result) = hear.recv().await {
                    result.expect("durable");
                }
            }
            times.push(start.elapsed());
        }
        times.sort();
        let writes = group * rounds as u64;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / writes as f64;
        println!(
            "{group:5} {rounds:8} {:16.1} {:8} {:8} {:12.1}",
            each(cpu() - cpu_before),
            times[times.len() / 2].as_micros(),
            times[times.len() * 99 / 100].as_micros(),
            each(before.elapsed()),
        );
    }
    let figures = store.figures();
    println!("{figures:?}");
    writer.close();
    thread.join().expect("the writer ends");
}
