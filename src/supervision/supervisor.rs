//! Process: a supervisor of one shard of a family (8 per family): devices, sessions, spaces.
//! Supervised by: the family's branch, restarted alone, its children are then started on demand.
//! Takes: `SupervisorMsg` from directories and its own timers; the endings of its children.
//! Tells: directories, by answering; its children only to end.
//! Never: dies of its children, calls one, loads anything, or does O(children) work per event.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ractor::{
    Actor, ActorCell, ActorProcessingErr, ActorRef, ActorStatus, Message, SupervisionEvent,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::directory::{House, Shard, appoint};
use super::family::{Child, StartError, Trouble};
use super::gauge::{Gauge, Post};
use super::restart::Ending;
use super::{KILL_WITHIN, Obituary, guarded, read, write};
use crate::observe::metrics;

type Reply<M> = oneshot::Sender<Result<Post<M>, StartError>>;

/// What may be asked of a supervisor.
pub(super) enum SupervisorMsg<K, M> {
    /// The actor of that key, started if need be.
    GetOrStart(K, Reply<M>),
    /// End the child of that key for good, after its queue.
    Stop(K),
    /// A pause is over (its own timer; the number names the pause).
    TryAgain(K, u64),
}

/// The actor.
pub(super) struct Supervisor<K, M> {
    pub(super) house: Arc<House<K, M>>,
    pub(super) index: usize,
}

/// Beside the children's rows, which the directory shares.
pub(super) struct SupervisorState<K, M> {
    /// Whose the running actors are, by the number of their actor id.
    keys: HashMap<u64, K>,
    /// Who waits for a child that is just ending, to get the next one.
    waiting: HashMap<K, Vec<Reply<M>>>,
    /// Children that were told to end for good.
    leaving: HashSet<K>,
    /// The number of the latest pause.
    turn: u64,
}

/// What a child's row says to somebody who asks for the child.
enum Row<M> {
    Serving(Post<M>),
    Ending,
    Paused(StartError),
    None,
}

impl<K, M> Supervisor<K, M>
where
    K: Clone + Eq + Hash + Display + Send + Sync + 'static,
    M: Message,
{
    fn shard(&self) -> &Shard<K, M> {
        self.house.nth(self.index)
    }

    fn row(&self, key: &K) -> Row<M> {
        let children = read(&self.shard().children);
        let Some(child) = children.get(key) else { return Row::None };
        match (&child.actor, &child.trouble) {
            (None, Some(trouble)) => Row::Paused(trouble.error(Instant::now())),
            (None, None) => Row::None,
            (Some(_), _) => child.serving().map_or(Row::Ending, |a| Row::Serving(a.clone())),
        }
    }

    async fn get_or_start(
        &self,
        me: &ActorRef<SupervisorMsg<K, M>>,
        key: K,
        reply: Reply<M>,
        state: &mut SupervisorState<K, M>,
    ) {
        if reply.is_closed() {
            return; // it gave up waiting
        }
        let limit = self.house.family.children_max;
        let answer = match self.row(&key) {
            Row::Serving(actor) => Ok(actor),
            Row::Paused(error) => Err(error),
            Row::Ending => {
                state.waiting.entry(key).or_default().push(reply);
                return;
            }
            Row::None if self.house.count.load(Ordering::Relaxed) >= limit => {
                Err(StartError::Full { limit })
            }
            Row::None => self.start(me, key, state).await,
        };
        reply.send(answer).ok(); // it gave up waiting: the child stays, as if it had come later
    }

    /// Starts a child that does not run.
    async fn start(
        &self,
        me: &ActorRef<SupervisorMsg<K, M>>,
        key: K,
        state: &mut SupervisorState<K, M>,
    ) -> Result<Post<M>, StartError> {
        let gauge = Gauge::default();
        let start = async { (self.house.start)(key.clone(), gauge.clone(), me.get_cell()).await };
        let started = timeout(self.house.family.start_within, guarded(start)).await;
        match started.unwrap_or_else(|_late| Err("the start took too long".into())) {
            Ok(actor) => {
                let actor = Post::new(actor, gauge);
                state.keys.insert(actor.get_id().pid(), key.clone());
                let mut children = write(&self.shard().children);
                let child = children.entry(key).or_insert_with(|| self.new_child());
                (child.actor, child.since) = (Some(actor.clone()), Instant::now());
                Ok(actor)
            }
            Err(fault) => {
                self.ended(me, key, Ending::Fault, &fault, state);
                Err(StartError::Failed(fault))
            }
        }
    }

    fn new_child(&self) -> Child<M> {
        self.house.count.fetch_add(1, Ordering::Relaxed);
        Child { actor: None, since: Instant::now(), trouble: None }
    }

    fn forget(&self, key: &K) {
        if write(&self.shard().children).remove(key).is_some() {
            self.house.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A child ended, or did not start: forgets it, or plans its restart.
    fn ended(
        &self,
        me: &ActorRef<SupervisorMsg<K, M>>,
        key: K,
        ending: Ending,
        fault: &str,
        state: &mut SupervisorState<K, M>,
    ) {
        if ending == Ending::Fault {
            self.house.faults.fetch_add(1, Ordering::Relaxed);
            metrics().child_faults.inc();
        }
        if state.leaving.remove(&key) {
            return self.forget(&key);
        }
        let now = Instant::now();
        let mut children = write(&self.shard().children);
        let child = children.entry(key.clone()).or_insert_with(|| self.new_child());
        let ran = child.actor.take().map(|_dead| now.saturating_duration_since(child.since));
        let (before, patience) = (child.trouble.take(), &self.house.family.patience);
        let Some(mut trouble) = Trouble::after(before, patience, (ending, ran), fault.into(), now)
        else {
            drop(children);
            return self.forget(&key);
        };
        state.turn += 1;
        trouble.turn = state.turn;
        let (turn, quarantined) = (trouble.turn, trouble.quarantined);
        let pause = trouble.due.saturating_duration_since(now);
        (child.since, child.trouble) = (now, Some(trouble));
        drop(children);
        let (family, pause_ms) = (self.house.family.name, pause.as_millis());
        tracing::warn!(family, child = %key, fault, quarantined, pause_ms, "child failed");
        me.send_after(pause, move || SupervisorMsg::TryAgain(key, turn));
    }

    /// Serves those who waited for the end of a child: with a fresh one, or with the bad news.
    async fn serve_waiting(
        &self,
        me: &ActorRef<SupervisorMsg<K, M>>,
        key: K,
        state: &mut SupervisorState<K, M>,
    ) {
        for reply in state.waiting.remove(&key).unwrap_or_default() {
            self.get_or_start(me, key.clone(), reply, state).await;
        }
    }

    fn stop(&self, key: K, state: &mut SupervisorState<K, M>) {
        let running = read(&self.shard().children).get(&key).map(|child| child.actor.clone());
        match running {
            Some(Some(actor)) => {
                actor.drain().ok(); // it is ending already: as wished
                state.leaving.insert(key);
            }
            Some(None) => self.forget(&key),
            None => {}
        }
    }

    async fn try_again(
        &self,
        me: &ActorRef<SupervisorMsg<K, M>>,
        key: K,
        turn: u64,
        state: &mut SupervisorState<K, M>,
    ) {
        let due = |child: &Child<M>| {
            child.actor.is_none() && child.trouble.as_ref().is_some_and(|t| t.turn == turn)
        };
        let is_due = read(&self.shard().children).get(&key).is_some_and(due);
        if is_due {
            self.start(me, key, state).await.ok(); // a failure has planned the next attempt
        }
    }

    /// Ends what an earlier life of this supervisor left, so that no key ever has two actors.
    async fn clear(&self) {
        let left: Vec<_> = {
            let mut children = write(&self.shard().children);
            self.house.count.fetch_sub(children.len(), Ordering::Relaxed);
            std::mem::take(&mut *children).into_values().filter_map(|child| child.actor).collect()
        };
        let left: Vec<_> = left.iter().map(|actor| actor.get_cell()).collect();
        kill_all(&left).await;
    }
}

/// Kills and waits, for all together no longer than [`KILL_WITHIN`]; returns how many were left.
async fn kill_all(cells: &[ActorCell]) -> usize {
    cells.iter().for_each(ActorCell::kill);
    await_all(cells, KILL_WITHIN).await
}

/// Waits for all until the deadline; returns how many did not end.
async fn await_all(cells: &[ActorCell], deadline: Duration) -> usize {
    let each = async {
        for cell in cells {
            cell.wait(None).await.ok();
        }
    };
    timeout(deadline, each).await.ok();
    cells.iter().filter(|cell| cell.get_status() != ActorStatus::Stopped).count()
}

impl<K, M> Actor for Supervisor<K, M>
where
    K: Clone + Eq + Hash + Display + Send + Sync + 'static,
    M: Message,
{
    type Msg = SupervisorMsg<K, M>;
    type State = SupervisorState<K, M>;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        _arguments: (),
    ) -> Result<Self::State, ActorProcessingErr> {
        self.clear().await;
        appoint(self.shard(), Some(me));
        Ok(SupervisorState {
            keys: HashMap::new(),
            waiting: HashMap::new(),
            leaving: HashSet::new(),
            turn: 0,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMsg::GetOrStart(key, reply) => {
                self.get_or_start(&me, key, reply, state).await;
            }
            SupervisorMsg::Stop(key) => self.stop(key, state),
            SupervisorMsg::TryAgain(key, turn) => self.try_again(&me, key, turn, state).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(Obituary { cell, ending, fault }) = Obituary::of(event) else { return Ok(()) };
        let Some(key) = state.keys.remove(&cell.get_id().pid()) else { return Ok(()) };
        self.ended(&me, key.clone(), ending, &fault, state);
        self.serve_waiting(&me, key, state).await;
        Ok(())
    }

    async fn post_stop(
        &self,
        me: ActorRef<Self::Msg>,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        appoint(self.shard(), None);
        let children = me.get_cell().get_children();
        for child in &children {
            child.drain().ok(); // all at once; each is waited for below
        }
        let late = await_all(&children, self.house.family.stop_within).await;
        if late > 0 {
            let left = kill_all(&children).await;
            let family = self.house.family.name;
            tracing::warn!(family, late, left, "children did not stop in time and were killed");
        }
        self.clear().await;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits for what it spawns")]
mod tests;
