//! The process behind [`StatsHandle`].
//!
//! Process: one, for as long as the server runs.
//! Supervised by: the root of the tree, permanently; it may be started again on the same handle.
//! Takes: [`StatsMsg`], from its own threads only: that they ended.
//! Tells: nobody; it fails when its threads end, and its supervisor starts it again.
//! Never: stands between readings and the log, or between a question and its answer.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::supervision::thread;

use super::handle::{House, StatsHandle};
use super::wish::Wish;
use super::writer;

/// How long a stop waits for the queue to be written and synced.
const FAREWELL: Duration = Duration::from_secs(10);

/// What the process is told.
#[derive(Debug)]
pub enum StatsMsg {
    /// Its threads ended, whether they were asked to or not.
    ThreadsEnded,
}

struct Stats;

/// Its threads, which end when it does.
struct Threads {
    stop: Arc<Wish>,
    /// Closed when they have ended.
    ended: Option<oneshot::Receiver<()>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.make();
    }
}

impl StatsHandle {
    /// Starts the process behind this handle. It reads its logs back on a thread of its own:
    /// questions are [`super::StatsError::Unavailable`] until that is done, readings wait. To be
    /// called again by the supervisor whenever the process has failed.
    ///
    /// # Errors
    /// The thread can't be started, or the supervisor is gone.
    pub async fn start(&self, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
        let started = Actor::spawn_linked(None, Stats, self.house.clone(), supervisor).await;
        started.map(|(actor, _)| actor.get_cell())
    }
}

impl Actor for Stats {
    type Msg = StatsMsg;
    type State = Threads;
    type Arguments = Arc<House>;

    async fn pre_start(
        &self,
        me: ActorRef<StatsMsg>,
        house: Arc<House>,
    ) -> Result<Threads, ActorProcessingErr> {
        let stop = Arc::new(Wish::default());
        let (until_end, ended) = oneshot::channel();
        let (asked, report) = (stop.clone(), Report { process: me, _until_end: until_end });
        thread("history", move || {
            let _report = report;
            writer::run(&house, &asked);
        })?;
        Ok(Threads { stop, ended: Some(ended) })
    }

    async fn handle(
        &self,
        _: ActorRef<StatsMsg>,
        StatsMsg::ThreadsEnded: StatsMsg,
        _: &mut Threads,
    ) -> Result<(), ActorProcessingErr> {
        Err("the threads of history ended".into())
    }

    async fn post_stop(
        &self,
        _: ActorRef<StatsMsg>,
        threads: &mut Threads,
    ) -> Result<(), ActorProcessingErr> {
        threads.stop.make();
        if let Some(ended) = threads.ended.take()
            && timeout(FAREWELL, ended).await.is_err()
        {
            tracing::warn!("history didn't get to the disk in time");
        }
        Ok(())
    }
}

/// Tells the actor that its thread ends, also when it panics.
struct Report {
    process: ActorRef<StatsMsg>,
    _until_end: oneshot::Sender<()>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.process.cast(StatsMsg::ThreadsEnded).is_err() {
            tracing::debug!("history ended after its process");
        }
    }
}

#[cfg(test)]
mod tests;
