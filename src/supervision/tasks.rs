//! Connections: plain tasks, counted, bounded, and drained at the end.
//!
//! A connection is never restarted (its peer comes back), so it needs no actor and no mailbox,
//! only somebody who knows that it exists. Watching costs a task some 60 bytes and no timer (tokio
//! rounds a task up to 128).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{KILL_WITHIN, lock};
use crate::observe::metrics;

/// A set of tasks of one kind; clones share it. When the last clone is dropped, the tasks are
/// ended at once: nothing runs unsupervised. So a task must not hold a handle on its own set; give
/// a listener's loop a set of its own.
#[derive(Debug, Clone)]
pub struct Tasks {
    owner: Arc<Owner>,
}

/// Tells a task that it should say goodbye and end. 8 bytes; waiting registers nothing.
#[derive(Debug, Clone)]
pub struct Cancel {
    shared: Arc<Shared>,
}

/// No task was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TasksFull {
    /// The limit of tasks is reached.
    #[error("{0} are open, which is the limit")]
    Limit(usize),
    /// The set is being drained.
    #[error("closing")]
    Closing,
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Tasks that ended by themselves.
    pub ended: usize,
    /// Tasks that were cut off at the deadline.
    pub cut_off: usize,
}

const OPEN: u8 = 0;
const CLOSING: u8 = 1;
const CUT: u8 = 2;

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    tasks_max: usize,
    phase: AtomicU8,
    active: AtomicUsize,
    panics: AtomicU64,
    refused: AtomicU64,
    wakers: Mutex<Slab<Waker>>,
    one_ended: Notify,
}

impl Tasks {
    /// An empty set of at most `tasks_max` tasks; `name` is for the log.
    #[must_use]
    pub fn new(name: &'static str, tasks_max: usize) -> Self {
        let shared = Shared {
            name,
            tasks_max,
            phase: AtomicU8::new(OPEN),
            active: AtomicUsize::new(0),
            panics: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            wakers: Mutex::new(Slab::new()),
            one_ended: Notify::new(),
        };
        Self { owner: Arc::new(Owner { shared: Arc::new(shared) }) }
    }

    /// Starts a task. A panic in it is caught, counted and ends only this task.
    ///
    /// # Errors
    /// [`TasksFull`]; it is counted.
    pub fn spawn<F, T>(&self, task: F) -> Result<(), TasksFull>
    where
        F: FnOnce(Cancel) -> T,
        T: Future<Output = ()> + Send + 'static,
    {
        let shared = &self.owner.shared;
        let place = Shared::enter(shared).inspect_err(|_full| {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            metrics().tasks_refused.inc();
        })?;
        let future = task(Cancel { shared: Arc::clone(shared) });
        #[expect(clippy::disallowed_methods, reason = "this is the place that watches tasks")]
        tokio::spawn(Watched { future, place });
        Ok(())
    }

    /// Tells every task to end, waits for them until the deadline and cuts off the rest.
    /// From now on nothing is started any more.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        let shared = &self.owner.shared;
        let before = self.active();
        shared.advance(CLOSING);
        if timeout(deadline, shared.empty()).await.is_ok() {
            return Drained { ended: before, cut_off: 0 };
        }
        let cut_off = self.active();
        shared.advance(CUT);
        timeout(KILL_WITHIN, shared.empty()).await.ok();
        tracing::warn!(tasks = shared.name, cut_off, "drain deadline passed");
        Drained { ended: before.saturating_sub(cut_off), cut_off }
    }

    /// Whether a drain has begun: nothing is started here any more.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.owner.shared.phase.load(Ordering::Acquire) != OPEN
    }

    /// Tasks that run now.
    #[must_use]
    pub fn active(&self) -> usize {
        self.owner.shared.active.load(Ordering::Acquire)
    }

    /// The most tasks that may run at once.
    #[must_use]
    pub fn tasks_max(&self) -> usize {
        self.owner.shared.tasks_max
    }

    /// Tasks that panicked so far.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.owner.shared.panics.load(Ordering::Relaxed)
    }

    /// Tasks that were refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.owner.shared.refused.load(Ordering::Relaxed)
    }
}

impl Cancel {
    /// Whether it is time to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.phase.load(Ordering::Acquire) >= CLOSING
    }

    /// Waits until it is time to end. Cancel safe.
    ///
    /// Await it in the task itself (also below `select!` or `join!`): the whole task is woken, so
    /// that waiting for the end costs no registration at every turn.
    pub async fn cancelled(&self) {
        std::future::poll_fn(
            |_cx| {
                if self.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
            },
        )
        .await;
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.advance(CUT);
    }
}

impl Shared {
    fn enter(shared: &Arc<Self>) -> Result<Place, TasksFull> {
        if shared.phase.load(Ordering::Acquire) != OPEN {
            return Err(TasksFull::Closing);
        }
        let more = |active| (active < shared.tasks_max).then_some(active + 1);
        let entered = shared.active.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        entered.map_err(|_active| TasksFull::Limit(shared.tasks_max))?;
        Ok(Place { shared: Arc::clone(shared), waker: None })
    }

    fn advance(&self, phase: u8) {
        self.phase.fetch_max(phase, Ordering::AcqRel);
        let wakers: Vec<Waker> =
            lock(&self.wakers).iter().map(|(_, waker)| waker.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    async fn empty(&self) {
        loop {
            let one_ended = self.one_ended.notified();
            if self.active.load(Ordering::Acquire) == 0 {
                return;
            }
            one_ended.await;
        }
    }
}

pin_project! {
    /// A task with its place in the set.
    struct Watched<T> {
        #[pin]
        future: T,
        place: Place,
    }
}

/// A task's place in its set; leaving it is dropping it.
struct Place {
    shared: Arc<Shared>,
    waker: Option<usize>,
}

impl<T: Future<Output = ()>> Future for Watched<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let shared = &this.place.shared;
        // Register before looking at the phase: whoever advances it wakes the registered.
        if this.place.waker.is_none() {
            this.place.waker = Some(lock(&shared.wakers).insert(cx.waker().clone()));
        }
        if shared.phase.load(Ordering::Acquire) == CUT {
            return Poll::Ready(());
        }
        catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))).unwrap_or_else(|_words| {
            shared.panics.fetch_add(1, Ordering::Relaxed);
            metrics().task_panics.inc();
            Poll::Ready(())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(waker) = self.waker {
            drop(lock(&self.shared.wakers).try_remove(waker));
        }
        self.shared.active.fetch_sub(1, Ordering::AcqRel);
        // Only a drain waits, and it looks again after each wake-up.
        if self.shared.phase.load(Ordering::Acquire) != OPEN {
            self.shared.one_ended.notify_waiters();
        }
    }
}

/// Starts a named thread for work that blocks: password hashing, the store's writer.
///
/// It ends when its work returns, so give it a channel that closes. A panic ends the thread and is
/// logged; whoever waits for its answers sees their channel close.
///
/// # Errors
/// When the operating system has no thread left.
pub fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    async fn settled(tasks: &Tasks, active: usize) {
        timeout(SOON, async {
            while tasks.active() != active {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("the tasks settle");
    }

    #[tokio::test]
    async fn every_task_says_goodbye_at_a_drain() {
        let tasks = Tasks::new("test", 100);
        let goodbyes = Arc::new(AtomicU64::new(0));
        for _ in 0..100 {
            let goodbyes = Arc::clone(&goodbyes);
            let task = async move |cancel: Cancel| {
                cancel.cancelled().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                goodbyes.fetch_add(1, Ordering::Relaxed);
            };
            tasks.spawn(task).unwrap();
        }
        assert_eq!(tasks.drain(SOON).await, Drained { ended: 100, cut_off: 0 });
        assert_eq!(goodbyes.load(Ordering::Relaxed), 100);
        assert_eq!(tasks.spawn(async |_| {}), Err(TasksFull::Closing));
    }

    #[tokio::test]
    async fn a_task_that_ignores_the_drain_is_cut_off_at_the_deadline() {
        let tasks = Tasks::new("test", 2);
        tasks.spawn(async |_| std::future::pending().await).unwrap();
        tasks.spawn(async |cancel| cancel.cancelled().await).unwrap();
        let drained = tasks.drain(Duration::from_millis(50)).await;
        assert_eq!((drained, tasks.active()), (Drained { ended: 1, cut_off: 1 }, 0));
    }

    #[tokio::test]
    async fn one_task_above_the_limit_is_refused_and_counted() {
        let tasks = Tasks::new("test", 1);
        tasks.spawn(async |cancel| cancel.cancelled().await).unwrap();
        assert_eq!(tasks.spawn(async |_| {}), Err(TasksFull::Limit(1)));
        assert_eq!((tasks.active(), tasks.refused()), (1, 1));
    }

    #[tokio::test]
    async fn a_panicking_task_is_counted_and_ends_alone() {
        let tasks = Tasks::new("test", 10);
        tasks.spawn(async |cancel| cancel.cancelled().await).unwrap();
        tasks.spawn(async |_| panic!("a bad packet")).unwrap();
        settled(&tasks, 1).await;
        assert_eq!(tasks.panics(), 1);
    }

    #[tokio::test]
    async fn tasks_end_with_the_last_handle() {
        struct Told(Arc<Notify>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let (tasks, ended) = (Tasks::new("test", 10), Arc::new(Notify::new()));
        let told = Told(Arc::clone(&ended));
        let task = async move |_: Cancel| {
            let _told = told;
            std::future::pending::<()>().await;
        };
        tasks.spawn(task).unwrap();
        tokio::task::yield_now().await;
        drop(tasks);
        timeout(SOON, ended.notified()).await.expect("the task was dropped");
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_task_ended() {
        let tasks = Tasks::new("test", 1);
        for _ in 0..50 {
            tasks.spawn(async |_| {}).unwrap();
            settled(&tasks, 0).await;
        }
        assert!(lock(&tasks.owner.shared.wakers).is_empty());
    }
}
