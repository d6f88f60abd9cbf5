//! The watch: wakes a sync that waits for a word that never comes.
//!
//! Process: one thread, `store-watch`, for as long as a run of the writer.
//! Supervised by: that run, which ends it and waits for it.
//! Takes: nothing; it looks once a second how long the engine has been at work.
//! Tells: the engine, when that is too long.
//! Never: writes, or answers anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::warn;

use super::Shared;
use crate::supervision;

/// Time between two looks: far longer than a healthy sync, short enough for those who wait.
const LOOK: Duration = Duration::from_secs(1);

/// A watch over the writer; ends when it is dropped.
pub(super) struct Watch {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn over(shared: &Arc<Shared>) -> Self {
        let (shared, over) = (shared.clone(), Arc::new(AtomicBool::new(false)));
        let ends = over.clone();
        // The writer can do without: it is for one rare fault of the engine.
        let thread = supervision::thread("store-watch", move || watch(&shared, &ends))
            .inspect_err(|error| warn!(%error, "nobody watches over the writer"))
            .ok();
        Self { over, thread }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // If it panicked there is nobody left to tell.
            drop(thread.join());
        }
    }
}

fn watch(shared: &Shared, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        thread::park_timeout(LOOK);
        let since = *shared.engine_since();
        if since.is_some_and(|since| since.elapsed() > LOOK) {
            shared.books().engine.nudge();
        }
    }
}
