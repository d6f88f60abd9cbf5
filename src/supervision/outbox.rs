//! The bounded way from an actor to its connection, lean while idle.
//!
//! The actor owns the [`Outbox`], the connection's task the [`Inbox`]. **The link is ownership**:
//! when the actor dies its half drops and `recv` ends, so the connection closes and the peer comes
//! back; when the connection dies, the actor sees it at the next push. An idle pair costs 88
//! bytes of heap (tokio's bounded channel: 1.2 KB), because an empty queue owns no memory.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::lock;

/// A new way for at most `limit` waiting items (at least one).
#[must_use]
pub fn outbox<T>(limit: usize) -> (Outbox<T>, Inbox<T>) {
    let queue = Queue {
        items: VecDeque::new(),
        reader: None,
        limit: limit.max(1),
        writers: 1,
        ended: false,
    };
    let queue = Arc::new(Mutex::new(queue));
    (Outbox { queue: Arc::clone(&queue) }, Inbox { queue })
}

/// The actor's half.
#[derive(Debug)]
pub struct Outbox<T> {
    queue: Arc<Mutex<Queue<T>>>,
}

/// A way in for answers: while an [`Outbox`] is left the link is open, whoever holds this.
#[derive(Debug)]
pub struct WeakOutbox<T> {
    queue: Arc<Mutex<Queue<T>>>,
}

/// The connection's half.
#[derive(Debug)]
pub struct Inbox<T> {
    queue: Arc<Mutex<Queue<T>>>,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    reader: Option<Waker>,
    limit: usize,
    writers: u32,
    /// Nothing more goes in: a last word was said, or the reader is gone.
    ended: bool,
}

/// Why an item was not taken; it comes back to its sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError<T> {
    /// The limit of waiting items is reached: merge, drop or end the link.
    #[error("the outbox is full")]
    Full(T),
    /// The reader is gone, or the last word was said.
    #[error("the outbox is closed")]
    Closed(T),
}

impl<T> Outbox<T> {
    /// Puts an item at the end; never waits.
    ///
    /// # Errors
    /// [`PushError::Full`] at the limit, [`PushError::Closed`] when nobody will read it.
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        push(&self.queue, item)
    }

    /// Says a last word, also above the limit: what waits is still delivered, then this, then
    /// `recv` returns `None`, whoever else holds a clone. Returns whether a reader is there.
    pub fn close_with(self, last: T) -> bool {
        let mut queue = lock(&self.queue);
        if queue.ended {
            return false;
        }
        queue.items.push_back(last);
        queue.ended = true;
        true // dropping this half wakes the reader
    }

    /// Whether a push is in vain: the reader is gone or the last word was said.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.queue).ended
    }

    /// Items that wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.queue).items.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A way in that does not keep the link open: for what only answers.
    #[must_use]
    pub fn downgrade(&self) -> WeakOutbox<T> {
        WeakOutbox { queue: Arc::clone(&self.queue) }
    }

    /// Whether both lead to the same reader.
    #[must_use]
    pub fn same_link(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.queue, &other.queue)
    }
}

impl<T> WeakOutbox<T> {
    /// Puts an item at the end; never waits.
    ///
    /// # Errors
    /// As [`Outbox::push`]; also closed when no [`Outbox`] is left.
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        if lock(&self.queue).writers == 0 {
            return Err(PushError::Closed(item));
        }
        push(&self.queue, item)
    }
}

impl<T> Clone for WeakOutbox<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

fn push<T>(queue: &Mutex<Queue<T>>, item: T) -> Result<(), PushError<T>> {
    let mut queue = lock(queue);
    if queue.ended {
        return Err(PushError::Closed(item));
    }
    if queue.items.len() >= queue.limit {
        return Err(PushError::Full(item));
    }
    queue.items.push_back(item);
    let reader = queue.reader.take();
    drop(queue);
    wake(reader);
    Ok(())
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        let mut queue = lock(&self.queue);
        queue.writers = queue.writers.saturating_add(1);
        drop(queue);
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.writers = queue.writers.saturating_sub(1);
        let over = queue.writers == 0 || queue.ended;
        let reader = if over { queue.reader.take() } else { None };
        drop(queue);
        wake(reader);
    }
}

impl<T> Inbox<T> {
    /// The next item; `None` once every [`Outbox`] is gone (or a last word was said) and nothing
    /// waits. Cancel safe: an item is taken only in the moment it is returned.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next item if one waits: to drain a turn into one write.
    pub fn try_recv(&mut self) -> Option<T> {
        lock(&self.queue).items.pop_front()
    }

    /// [`Inbox::recv`] for a hand-written poll.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut queue = lock(&self.queue);
        if let Some(item) = queue.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if queue.writers == 0 || queue.ended {
            return Poll::Ready(None);
        }
        // About to idle: give the memory of the last burst back.
        queue.items = VecDeque::new();
        match &mut queue.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Items that wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.queue).items.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.ended = true;
        queue.reader = None;
        let unread = std::mem::take(&mut queue.items);
        drop(queue);
        drop(unread); // outside of the lock: an item's own drop may take another one
    }
}

/// Wakes outside of the lock, so that the reader does not run into it.
fn wake(reader: Option<Waker>) {
    if let Some(waker) = reader {
        waker.wake();
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits for what it spawns")]
mod tests;
