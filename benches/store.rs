//! What a committed write costs: `cargo bench --bench store`.
//!
//! Values of 200 bytes under keys of 17, spread over 100,000 devices. CPU is that of all threads
//! of the process, as the kernel counts it; the times depend on the disk.
#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::unwrap_used, reason = "a bench")]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a bench")]
#![allow(clippy::disallowed_methods, reason = "nothing to supervise in a bench")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hearth::model::{Device, DeviceId, UserId};
use hearth::store::{Batch, Key, SecretHash, Store, Table, devices};

/// CPU time of all threads, from the first field of each one's `schedstat` (nanoseconds).
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this bench needs Linux");
    let nanoseconds = |task: PathBuf| {
        let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tasks.flatten().map(|task| nanoseconds(task.path())).sum())
}

fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    let device = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 100_000;
    batch.put_bytes(Key::new(Table::Device).id(device).id(0), vec![number as u8; 200]);
    batch
}

/// Prints one line: CPU of a write, times of a group or of a commit, µs.
fn line(what: &str, writes: u64, groups: u64, cpu: Duration, mut times: Vec<Duration>) {
    times.sort();
    let cpu = cpu.as_secs_f64() * 1e6 / writes as f64;
    let [p50, p99] = [50, 99].map(|part| times[(times.len() - 1) * part / 100].as_micros());
    println!("{what:28} {writes:8} writes {groups:7} syncs {cpu:8.1} CPU {p50:7} p50 {p99:7} p99");
}

/// Groups of `size`, one after the other.
async fn groups(store: &Store, size: u64, rounds: u64) {
    let (before, start, mut times) = (store.figures().groups, cpu(), Vec::new());
    for round in 0..rounds {
        let asked = Instant::now();
        let (tell, mut hear) = tokio::sync::mpsc::unbounded_channel();
        for at in 0..size {
            let tell = tell.clone();
            store.commit_then(batch(round * size + at), move |result| drop(tell.send(result)));
        }
        drop(tell);
        while let Some(result) = hear.recv().await {
            result.expect("durable");
        }
        times.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let groups = store.figures().groups - before;
    line(&format!("groups of {size}"), size * rounds, groups, cpu() - start, times);
}

/// Commits that come at a steady rate, each on its own.
async fn steady(store: &Store, per_s: u64, seconds: u64) {
    let (before, start) = (store.figures().groups, cpu());
    let mut clock = tokio::time::interval(Duration::from_nanos(1_000_000_000 / per_s));
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let left = Arc::new(AtomicU64::new(per_s * seconds));
    for number in 0..per_s * seconds {
        clock.tick().await;
        let (times, left, asked) = (times.clone(), left.clone(), Instant::now());
        store.commit_then(batch(number), move |result| {
            result.expect("durable");
            times.lock().expect("no panic").push(asked.elapsed());
            left.fetch_sub(1, Ordering::Relaxed);
        });
    }
    while left.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let groups = store.figures().groups - before;
    let times = times.lock().expect("no panic").clone();
    line(&format!("{per_s} a second"), per_s * seconds, groups, cpu() - start, times);
}

/// A town's devices, a thousand in a batch.
async fn town(store: &Store, count: u64) {
    let (before, start, mut times) = (store.figures().groups, cpu(), Vec::new());
    for batch_number in 0..count / 1000 {
        let mut batch = Batch::new();
        for id in (1..=1000).map(|at| DeviceId(batch_number * 1000 + at)) {
            let mut device = Device::new(
                id,
                UserId(id.0 / 5),
                "sous_vide".into(),
                "Bob's cooker".into(),
                Some("Kitchen".into()),
                1_795_400_000_000,
            );
            device.desired = [("target_c", 54.5), ("timer_s", 7200.0)].into_iter().collect();
            device.reported = [("target_c", 54.5), ("water_c", 54.46)].into_iter().collect();
            devices::create(&mut batch, &device, &SecretHash::of(id.to_string()));
        }
        let asked = Instant::now();
        store.commit(batch).await.expect("durable");
        times.push(asked.elapsed());
    }
    let groups = store.figures().groups - before;
    line(&format!("{count} devices"), 3 * count, groups, cpu() - start, times);
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("Linux");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("Linux") / 1024
}

/// Opens the store, runs `work` on it, closes it.
async fn with_store<T>(folder: &std::path::Path, work: impl AsyncFnOnce(&Store) -> T) -> T {
    let start = Instant::now();
    let (store, writer) = Store::open(folder).expect("a store");
    println!("opened in {} ms, {} MiB resident", start.elapsed().as_millis(), rss_mib());
    let running = writer.clone();
    let thread = std::thread::spawn(move || running.run());
    let done = work(&store).await;
    writer.close();
    thread.join().expect("the writer ends");
    done
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    with_store(folder.path(), async |store| {
        groups(store, 1024, 100).await;
        groups(store, 64, 300).await;
        groups(store, 1, 1000).await;
        steady(store, 500, 6).await;
        steady(store, 2000, 4).await;
        steady(store, 10_000, 2).await;
    })
    .await;
    let folder = tempfile::tempdir_in(".").expect("a folder");
    with_store(folder.path(), async |store| town(store, 100_000).await).await;
    with_store(folder.path(), async |store| {
        let start = Instant::now();
        let (mut seen, mut after) = (0, None);
        loop {
            let page = devices::list(store, after, 1024).expect("readable");
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            seen += page.len();
        }
        println!("{seen} devices read in {} ms", start.elapsed().as_millis());
    })
    .await;
    println!("{} MiB resident at the end", rss_mib());
}
