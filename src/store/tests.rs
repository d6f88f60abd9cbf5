//! Tests of the store as the rooms above use it.

mod audit;
mod checkpoints;
mod conformance;
mod crash;
mod failures;
mod power;
mod rows;
mod supervised;

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use super::writer::Memory;
use super::*;
use crate::supervision;

/// Longest time that anything may take here.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Chance that is the same in every run (the splitmix64 generator).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// The seed (`HEARTH_SEED`, or 1) and the dice that it gives.
    pub(crate) fn of_this_run() -> (u64, Self) {
        let seed = std::env::var("HEARTH_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(1);
        (seed, Self(seed))
    }

    pub(crate) fn roll(&mut self, sides: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides).unwrap()
    }
}

/// Where a room keeps its rows: the engine of the product, or the one for tests.
#[derive(Clone)]
pub(crate) enum Ground {
    Disk(Arc<TempDir>),
    Memory(Memory),
}

impl Ground {
    pub(crate) fn disk() -> Self {
        Self::Disk(Arc::new(tempfile::tempdir().unwrap()))
    }

    /// One of each: what the interface promises holds on every engine.
    pub(crate) fn all() -> [Self; 2] {
        [Self::disk(), Self::Memory(Memory::default())]
    }
}

pub(crate) fn on_memory(
    memory: &Memory,
    queue_bytes_max: usize,
    limits: Limits,
) -> (Store, Writer) {
    Store::on(memory.clone(), memory.clone(), queue_bytes_max, limits).unwrap()
}

/// A store with a writer that runs.
pub(crate) struct Room {
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    thread: Option<JoinHandle<()>>,
    ground: Ground,
    told: (mpsc::Sender<Told>, mpsc::Receiver<Told>),
}

/// The name of a batch, and how its commit ended.
type Told = (u64, Result<(), CommitError>);

impl Room {
    /// A store whose writer doesn't run yet.
    pub(crate) fn asleep(ground: Ground) -> Self {
        let (store, writer) = match &ground {
            Ground::Disk(folder) => Store::open(folder.path()).unwrap(),
            Ground::Memory(memory) => on_memory(memory, QUEUE_BYTES_MAX, Limits::DEFAULT),
        };
        Self { store, writer, thread: None, ground, told: mpsc::channel() }
    }

    /// A store in memory with checkpoints of its own, and its writer.
    pub(crate) fn with(memory: &Memory, limits: Limits) -> Self {
        let (store, writer) = on_memory(memory, QUEUE_BYTES_MAX, limits);
        let ground = Ground::Memory(memory.clone());
        let mut room = Self { store, writer, thread: None, ground, told: mpsc::channel() };
        room.wake();
        room
    }

    pub(crate) fn on(ground: Ground) -> Self {
        let mut room = Self::asleep(ground);
        room.wake();
        room
    }

    pub(crate) fn new() -> Self {
        Self::on(Ground::disk())
    }

    pub(crate) fn wake(&mut self) {
        let writer = self.writer.clone();
        self.thread = Some(supervision::thread("store-writer", move || writer.run()).unwrap());
    }

    /// Ends the writer once the queue is empty; whether it ended well.
    pub(crate) fn close(&mut self) -> bool {
        self.writer.close();
        self.ended_well()
    }

    /// Waits for the end of the writer's thread; false if it panicked.
    pub(crate) fn ended_well(&mut self) -> bool {
        self.thread.take().is_none_or(|thread| thread.join().is_ok())
    }

    /// Closes the store, and opens it again from what is durable.
    pub(crate) fn reopen(mut self) -> Self {
        assert!(self.close());
        let Self { ground, store, writer, .. } = self;
        drop((store, writer));
        if let Ground::Memory(memory) = &ground {
            memory.crash();
        }
        Self::on(ground)
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        tokio::time::timeout(SOON, self.store.commit(batch)).await.unwrap()
    }

    /// Commits without waiting; [`Room::hear`] tells how it ended, by `name`.
    pub(crate) fn send(&self, name: u64, batch: Batch) {
        let tell = self.told.0.clone();
        self.store.commit_then(batch, move |result| tell.send((name, result)).unwrap());
    }

    /// The next result of what was sent.
    pub(crate) fn hear(&self) -> Told {
        self.told.1.recv_timeout(SOON).unwrap()
    }
}

pub(crate) fn key(number: u64) -> Key {
    Key::new(Table::Device).id(number)
}

pub(crate) fn put(number: u64, value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put_bytes(key(number), value.to_vec());
    batch
}
