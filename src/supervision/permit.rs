//! Per-link permits: how a connection is held back while its actor is behind.
//!
//! A mailbox has no bound, so the bound sits at the edge. A connection acquires a permit before it
//! reads on and puts it into the message; it returns when the message has been handled (or was
//! thrown away with the mailbox). TCP does the rest.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// The permits of one link; about 48 bytes of heap. Owned by the task that acquires.
#[derive(Debug)]
pub struct Permits {
    shared: Arc<Shared>,
    limit: u32,
}

#[derive(Debug)]
struct Shared {
    held: AtomicU32,
    /// Wakes the owner once fewer than this are held: its limit, to spare needless wake-ups.
    limit: u32,
    owner: AtomicWaker,
}

/// The right to have one message under way; returned when dropped.
///
/// A clone (for a second mailbox) counts by itself and is never refused, so that only the
/// connection ever waits, and waits until both are handled. Eight bytes, no allocation.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
}

impl Permits {
    /// A link with at most `limit` messages under way (at least one).
    #[must_use]
    pub fn new(limit: u32) -> Self {
        let limit = limit.max(1);
        let shared = Shared { held: AtomicU32::new(0), limit, owner: AtomicWaker::new() };
        Self { shared: Arc::new(shared), limit }
    }

    /// Waits until fewer than the limit are held, then holds one more. Cancel safe.
    pub async fn acquire(&mut self) -> Permit {
        poll_fn(|cx| self.poll_acquire(cx)).await
    }

    /// A permit if there is one now.
    pub fn try_acquire(&mut self) -> Option<Permit> {
        if self.held() >= self.limit {
            return None;
        }
        self.shared.held.fetch_add(1, Ordering::AcqRel);
        Some(Permit { shared: Arc::clone(&self.shared) })
    }

    /// [`Permits::acquire`] for a hand-written poll.
    pub fn poll_acquire(&mut self, cx: &mut Context<'_>) -> Poll<Permit> {
        if let Some(permit) = self.try_acquire() {
            return Poll::Ready(permit);
        }
        self.shared.owner.register(cx.waker());
        // One may have come back between the look and the registration.
        self.try_acquire().map_or(Poll::Pending, Poll::Ready)
    }

    /// How many are held now; clones may take this above the limit.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.shared.held.load(Ordering::Acquire)
    }
}

impl Clone for Permit {
    fn clone(&self) -> Self {
        self.shared.held.fetch_add(1, Ordering::AcqRel);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let before = self.shared.held.fetch_sub(1, Ordering::AcqRel);
        if before <= self.shared.limit {
            self.shared.owner.wake();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits for what it spawns")]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn the_owner_waits_until_a_message_was_handled() {
        let mut permits = Permits::new(2);
        let first = permits.acquire().await;
        let _second = permits.acquire().await;
        assert!(permits.try_acquire().is_none());
        assert!(timeout(Duration::from_millis(20), permits.acquire()).await.is_err());
        drop(first);
        let _third = timeout(SOON, permits.acquire()).await.expect("a permit came back");
        assert_eq!(permits.held(), 2);
    }

    #[tokio::test]
    async fn a_clone_is_never_refused_and_holds_the_owner_back() {
        let mut permits = Permits::new(1);
        let first = permits.acquire().await;
        let (second, third) = (first.clone(), first.clone());
        drop((first, third));
        assert!(permits.try_acquire().is_none());
        drop(second);
        assert!(permits.try_acquire().is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_up_is_lost_between_two_threads() {
        let mut permits = Permits::new(3);
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let handler = tokio::spawn(async move { while receive.recv().await.is_some() {} });
        for _ in 0..20_000 {
            let permit = timeout(SOON, permits.acquire()).await.expect("no lost wake-up");
            send.send(permit).expect("the handler lives");
        }
        drop(send);
        handler.await.expect("the handler ends");
        assert_eq!(permits.held(), 0);
    }
}
