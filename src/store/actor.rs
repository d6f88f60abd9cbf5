//! The store's actor: holds the writer's thread, so that the supervision tree can.
//!
//! Process: one, `store`, the first child of the root.
//! Supervised by: the root, permanent; a restart starts a new thread on the same queue and tree.
//! Takes: `WriterEnded`, from its own thread.
//! Tells: nobody; commits are answered by the writer itself.
//! Never: touches a batch; stops before what waits in the queue is on disk.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::sync::oneshot;

use super::Writer;
use crate::supervision;

/// What may be sent to the store's actor.
#[derive(Debug)]
pub enum StoreMsg {
    /// The writer's thread is gone.
    WriterEnded {
        /// What ended it, for the log.
        why: &'static str,
    },
}

/// The actor; its argument is the writer that it runs.
#[derive(Debug, Clone, Copy)]
pub struct StoreActor;

/// The thread, as the actor sees it.
pub struct StoreState {
    writer: Writer,
    /// Resolves when the thread has ended.
    ended: Option<oneshot::Receiver<()>>,
}

/// Starts the actor, and the writer's thread with it.
///
/// # Errors
/// [`SpawnErr`] if there can't be a thread.
pub async fn start(writer: Writer, parent: ActorCell) -> Result<ActorRef<StoreMsg>, SpawnErr> {
    Ok(Actor::spawn_linked(None, StoreActor, writer, parent).await?.0)
}

fn run_in_thread(writer: Writer, me: ActorRef<StoreMsg>) -> io::Result<oneshot::Receiver<()>> {
    let (ends, ended) = oneshot::channel();
    supervision::thread("store-writer", move || {
        // `Writer` leaves nothing half done that the next run doesn't find, see `writer::Books`.
        let why = match catch_unwind(AssertUnwindSafe(|| writer.run())) {
            Ok(()) => "another run took over",
            Err(_) => "the writer panicked",
        };
        // An actor that is gone needs no word.
        drop(me.cast(StoreMsg::WriterEnded { why }));
        drop(ends);
    })?;
    Ok(ended)
}

impl Actor for StoreActor {
    type Msg = StoreMsg;
    type State = StoreState;
    type Arguments = Writer;

    async fn pre_start(
        &self,
        me: ActorRef<StoreMsg>,
        writer: Writer,
    ) -> Result<StoreState, ActorProcessingErr> {
        writer.open();
        let ended = run_in_thread(writer.clone(), me)?;
        Ok(StoreState { writer, ended: Some(ended) })
    }

    async fn handle(
        &self,
        _: ActorRef<StoreMsg>,
        message: StoreMsg,
        _: &mut StoreState,
    ) -> Result<(), ActorProcessingErr> {
        let StoreMsg::WriterEnded { why } = message;
        Err(why.into())
    }

    async fn post_stop(
        &self,
        _: ActorRef<StoreMsg>,
        state: &mut StoreState,
    ) -> Result<(), ActorProcessingErr> {
        state.writer.close();
        if let Some(ended) = state.ended.take() {
            // An error means that it ended without a word: ended all the same.
            drop(ended.await);
        }
        Ok(())
    }
}
