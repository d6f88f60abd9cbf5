//! The handle on a family of actors by key: device by id, session by user.
//!
//! A look-up is a read of a sharded map, no message to anybody. The map belongs to the handle, not
//! to the supervisors behind it, so handles outlive any of their deaths.
//!
//! **A reference may be that of an actor about to end**: between the look-up and the cast anything
//! can happen. [`Directory::tell`] retries once with a fresh actor, which is enough for an actor
//! that retires by `drain` (it handles all it accepted and refuses the rest). Whoever keeps an
//! `ActorRef` across a wait does the same: on a refused cast, ask the directory again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt::Display;
use std::future::Future;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, Weak};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use ractor::{ActorCell, ActorRef, Message, MessagingErr, SpawnErr};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::family::{Child, ChildInfo, Family, StartError};
use super::gauge::{Gauge, Post};
use super::restart::Intensity;
use super::root::{Branch, ChildSpec, Strategy};
use super::supervisor::{Supervisor, SupervisorMsg};
use super::{child, read, write};

/// How soon a question is repeated to a supervisor that is being restarted.
const ASK_AGAIN: Duration = Duration::from_millis(10);
/// How long backoffs are waited out before one is reported, and how soon after its end a child is
/// asked for again.
const WAIT_OUT: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(1);

type Start<K, M> = Box<
    dyn Fn(K, Gauge, ActorCell) -> BoxFuture<'static, Result<ActorRef<M>, SpawnErr>> + Send + Sync,
>;

/// The handle; cheap to clone.
pub struct Directory<K, M> {
    house: Arc<House<K, M>>,
}

/// A handle that does not keep the family: for its own children, who would keep themselves.
pub struct WeakDirectory<K, M> {
    house: Weak<House<K, M>>,
}

impl<K, M> WeakDirectory<K, M> {
    /// The handle, while anybody keeps the family.
    #[must_use]
    pub fn upgrade(&self) -> Option<Directory<K, M>> {
        self.house.upgrade().map(|house| Directory { house })
    }
}

/// What the handles and the supervisors of a family share.
pub(super) struct House<K, M> {
    pub(super) family: Family,
    pub(super) start: Start<K, M>,
    pub(super) count: AtomicUsize,
    pub(super) faults: AtomicU64,
    shards: Box<[Shard<K, M>]>,
    hasher: RandomState,
}

/// The children of one supervisor, and the supervisor while there is one.
pub(super) struct Shard<K, M> {
    pub(super) children: RwLock<HashMap<K, Child<M>>>,
    pub(super) supervisor: RwLock<Option<ActorRef<SupervisorMsg<K, M>>>>,
}

impl<K, M> Clone for Directory<K, M> {
    fn clone(&self) -> Self {
        Self { house: Arc::clone(&self.house) }
    }
}

impl<K, M> Directory<K, M>
where
    K: Clone + Eq + Hash + Display + Send + Sync + 'static,
    M: Message,
{
    /// A family whose children `start` spawns, linked to the supervisor it is given. A child counts
    /// what it takes with the gauge it is given, and sends to itself through a [`Post`].
    ///
    /// `start` should not load anything: the child does that in `post_start` or at its first
    /// message, off the supervisor. What must not exist is found out before asking for it.
    pub fn new<F, R>(family: Family, start: F) -> Self
    where
        F: Fn(K, Gauge, ActorCell) -> R + Send + Sync + 'static,
        R: Future<Output = Result<ActorRef<M>, SpawnErr>> + Send + 'static,
    {
        let house = House {
            family,
            start: Box::new(move |key, gauge, supervisor| Box::pin(start(key, gauge, supervisor))),
            count: AtomicUsize::new(0),
            faults: AtomicU64::new(0),
            shards: (0..family.shards.max(1)).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
        };
        Self { house: Arc::new(house) }
    }

    /// A handle that does not keep the family.
    #[must_use]
    pub fn downgrade(&self) -> WeakDirectory<K, M> {
        WeakDirectory { house: Arc::downgrade(&self.house) }
    }

    /// The family as a child of the root: a branch above its supervisors.
    #[must_use]
    pub fn spec(&self) -> ChildSpec {
        let (house, family) = (Arc::clone(&self.house), self.house.family);
        let start = move |root: ActorCell| {
            let specs = (0..house.shards.len()).map(|index| shard_spec(&house, index)).collect();
            let branch = Branch::new(specs, Strategy::OneForOne, Intensity::default());
            async move { Ok(child(branch, (), root).await?.get_cell()) }
        };
        // Each floor gets a second more than the one below it, which ends by itself first.
        ChildSpec::new(family.name, start).stop_within(family.stop_within + Duration::from_secs(4))
    }

    /// The actor of that key if it runs now. No message, no wait: a few 100 ns
    /// with cold caches and 100,000 children.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Post<M>> {
        let children = read(&self.house.shard(key).children);
        children.get(key)?.serving().cloned()
    }

    /// The actor of that key, started if need be. A short backoff is waited for.
    ///
    /// # Errors
    /// [`StartError`]; never waits longer than [`Family::answer_within`].
    pub async fn get_or_start(&self, key: &K) -> Result<Post<M>, StartError> {
        if let Some(actor) = self.get(key) {
            return Ok(actor);
        }
        let answer = timeout(self.house.family.answer_within, self.ask(key)).await;
        answer.unwrap_or(Err(StartError::Unavailable))
    }

    /// Sends to the actor of that key, started if need be; once more if it was just ending.
    ///
    /// Ok means that the message is in a mailbox, not that it was handled.
    ///
    /// # Errors
    /// [`StartError`]; the message is lost then.
    pub async fn tell(&self, key: &K, message: M) -> Result<(), StartError> {
        let Err(message) = send(&self.get_or_start(key).await?, message) else { return Ok(()) };
        let fresh = self.get_or_start(key).await?;
        send(&fresh, message).map_err(|_message| StartError::Unavailable)
    }

    /// Sends to the actor of that key if it runs now.
    ///
    /// # Errors
    /// Gives the message back if there is none.
    pub fn try_tell(&self, key: &K, message: M) -> Result<(), M> {
        match self.get(key) {
            Some(actor) => send(&actor, message),
            None => Err(message),
        }
    }

    /// Ends the child of that key after its queue, for good: also one that backs off or is
    /// quarantined, and whatever its restart kind says.
    pub fn stop(&self, key: K) {
        if let Some(supervisor) = read(&self.house.shard(&key).supervisor).as_ref() {
            supervisor.cast(SupervisorMsg::Stop(key)).ok(); // it is stopping: then all end
        }
    }

    /// Kills the child of that key in the middle of what it does, as a fault would; it is started
    /// again. `None` if it does not run.
    #[must_use]
    pub fn kill(&self, key: &K) -> Option<()> {
        self.get(key).map(|actor| actor.kill())
    }

    /// Children that run, back off or are quarantined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.house.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Faults of children since the start of the process.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.house.faults.load(Ordering::Relaxed)
    }

    /// Every child, in no order; locks one shard at a time, for about 50 ns a child.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ChildInfo<K>> {
        let shards = self.house.shards.iter();
        shards
            .flat_map(|shard| {
                let children = read(&shard.children);
                children.iter().map(|(key, child)| child.info(key)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The children in trouble only: those that failed since they last ran well.
    #[must_use]
    pub fn troubled(&self) -> Vec<ChildInfo<K>> {
        let shards = self.house.shards.iter();
        shards
            .flat_map(|shard| {
                let children = read(&shard.children);
                let troubled = children.iter().filter(|(_, child)| child.trouble.is_some());
                troubled.map(|(key, child)| child.info(key)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The supervisors themselves, for tests that kill one.
    #[must_use]
    pub fn supervisors(&self) -> Vec<ActorCell> {
        let alive = |shard: &Shard<K, M>| Some(read(&shard.supervisor).as_ref()?.get_cell());
        self.house.shards.iter().filter_map(alive).collect()
    }

    /// Asks the supervisor, again if it dies over the question.
    async fn ask(&self, key: &K) -> Result<Post<M>, StartError> {
        let shard = self.house.shard(key);
        let patience = Instant::now() + WAIT_OUT;
        loop {
            let supervisor = read(&shard.supervisor).clone();
            let Some(answer) = question(supervisor, key).await else {
                sleep(ASK_AGAIN).await;
                continue;
            };
            match answer {
                Err(StartError::BackingOff { retry_in })
                    if Instant::now() + retry_in <= patience =>
                {
                    sleep(retry_in + SOON).await;
                }
                answer => return answer,
            }
        }
    }
}

/// The supervisor's answer; `None` if there is no supervisor or it died over the question.
async fn question<K: Clone + Send + 'static, M: Message>(
    supervisor: Option<ActorRef<SupervisorMsg<K, M>>>,
    key: &K,
) -> Option<Result<Post<M>, StartError>> {
    let (reply, answer) = oneshot::channel();
    supervisor?.cast(SupervisorMsg::GetOrStart(key.clone(), reply)).ok()?;
    answer.await.ok()
}

/// Casts; gives the message back if the actor takes none any more.
fn send<M: Message>(actor: &Post<M>, message: M) -> Result<(), M> {
    match actor.cast(message) {
        Err(MessagingErr::SendErr(message)) => Err(message),
        // The other errors can't meet a typed reference.
        Ok(()) | Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => Ok(()),
    }
}

fn shard_spec<K, M>(house: &Arc<House<K, M>>, index: usize) -> ChildSpec
where
    K: Clone + Eq + Hash + Display + Send + Sync + 'static,
    M: Message,
{
    let family = house.family;
    let house = Arc::clone(house);
    let name: Cow<'static, str> = format!("{}/{index}", family.name).into();
    let start = move |branch: ActorCell| {
        let supervisor = Supervisor { house: Arc::clone(&house), index };
        async move { Ok(child(supervisor, (), branch).await?.get_cell()) }
    };
    ChildSpec::new(name, start).stop_within(family.stop_within + Duration::from_secs(2))
}

impl<K: Hash, M> House<K, M> {
    fn shard(&self, key: &K) -> &Shard<K, M> {
        let count = u64::try_from(self.shards.len()).unwrap_or(1).max(1);
        let index = usize::try_from(self.hasher.hash_one(key) % count).unwrap_or(0);
        self.nth(index)
    }

    /// The shard of that index, which is below the number of shards.
    #[expect(clippy::indexing_slicing, reason = "there is one shard at least, and % bounds it")]
    pub(super) fn nth(&self, index: usize) -> &Shard<K, M> {
        &self.shards[index % self.shards.len()]
    }
}

impl<K, M> Default for Shard<K, M> {
    fn default() -> Self {
        Self { children: RwLock::default(), supervisor: RwLock::default() }
    }
}

/// Makes an actor the supervisor of a shard, or nobody.
pub(super) fn appoint<K, M>(shard: &Shard<K, M>, it: Option<ActorRef<SupervisorMsg<K, M>>>) {
    *write(&shard.supervisor) = it;
}
