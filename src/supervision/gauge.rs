//! How much an actor has to do: ractor's mailbox can't tell, so the senders and the actor count.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ractor::concurrency::JoinHandle;
use ractor::{ActorRef, Message, MessagingErr};

/// What was sent to an actor and what it took out of its mailbox; clones share the counts, which
/// begin again with every life of the actor. 24 bytes of heap.
#[derive(Debug, Clone, Default)]
pub struct Gauge {
    counts: Arc<Counts>,
}

/// Both wrap: only differences mean something.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU32,
    taken: AtomicU32,
}

impl Gauge {
    /// The actor took a message out of its mailbox: the first thing that its `handle` does.
    pub fn taken(&self) {
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that wait in the mailbox now.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        let (taken, sent) = (self.handled(), self.counts.sent.load(Ordering::Relaxed));
        // Between a count and its message another thread may look: a moment's debt is none.
        u32::try_from(sent.wrapping_sub(taken).cast_signed()).unwrap_or(0)
    }

    /// Messages taken so far, modulo 2^32.
    #[must_use]
    pub fn handled(&self) -> u32 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    fn sent(&self) {
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn unsent(&self) {
        self.counts.sent.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An actor's address that counts what is sent there. Whoever sends to a child of a family, itself
/// included, does so here; whatever else an [`ActorRef`] can do, this can do too.
pub struct Post<M> {
    actor: ActorRef<M>,
    gauge: Gauge,
}

impl<M> Clone for Post<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), gauge: self.gauge.clone() }
    }
}

impl<M> fmt::Debug for Post<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl<M> Deref for Post<M> {
    type Target = ActorRef<M>;

    fn deref(&self) -> &ActorRef<M> {
        &self.actor
    }
}

impl<M: Message> Post<M> {
    /// The address of `actor`, which counts with `gauge`.
    #[must_use]
    pub const fn new(actor: ActorRef<M>, gauge: Gauge) -> Self {
        Self { actor, gauge }
    }

    /// What the actor has to do.
    #[must_use]
    pub const fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Sends a message. Ok means that it is in the mailbox.
    ///
    /// # Errors
    /// Gives it back if the actor takes none any more.
    pub fn cast(&self, message: M) -> Result<(), MessagingErr<M>> {
        self.gauge.sent();
        self.actor.cast(message).inspect_err(|_refused| self.gauge.unsent())
    }

    /// Sends a message after a while.
    pub fn send_after<F>(
        &self,
        wait: Duration,
        message: F,
    ) -> JoinHandle<Result<(), MessagingErr<M>>>
    where
        F: FnOnce() -> M + Send + 'static,
    {
        let gauge = self.gauge.clone();
        self.actor.send_after(wait, move || {
            gauge.sent();
            message()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_and_not_taken_waits() {
        let gauge = Gauge::default();
        (0..3).for_each(|_| gauge.sent());
        assert_eq!((gauge.waiting(), gauge.handled()), (3, 0));
        (0..3).for_each(|_| gauge.taken());
        assert_eq!((gauge.waiting(), gauge.handled()), (0, 3));
    }

    #[test]
    fn a_count_that_is_a_moment_behind_is_no_debt() {
        let gauge = Gauge::default();
        gauge.taken();
        assert_eq!(gauge.waiting(), 0);
    }
}
