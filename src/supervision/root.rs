//! Process: the root (one), and one branch above the shards of every family of actors.
//! Supervised by: the root by nobody, `main` waits for it; a branch by the root.
//! Takes: the endings of its children, and its own timer.
//! Tells: nobody; it starts and stops children.
//! Never: calls a child, loads anything, or waits for more than a child's start or farewell.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::family::{ChildInfo, ChildStatus};
use super::restart::{Intensity, Window};
use super::{Obituary, farewell, guarded, lock};
use crate::observe::metrics;

/// How long a child may take to stop unless its spec says otherwise.
const STOP_WITHIN: Duration = Duration::from_secs(5);

type Start = Arc<
    dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, ActorProcessingErr>> + Send + Sync,
>;

/// A child of the root: its name and how to start it, now and after every restart.
#[derive(Clone)]
pub struct ChildSpec {
    name: Cow<'static, str>,
    start: Start,
    stop_within: Duration,
}

impl ChildSpec {
    /// A child that `start` spawns linked to the supervisor it is given.
    pub fn new<F, R>(name: impl Into<Cow<'static, str>>, start: F) -> Self
    where
        F: Fn(ActorCell) -> R + Send + Sync + 'static,
        R: Future<Output = Result<ActorCell, ActorProcessingErr>> + Send + 'static,
    {
        let start: Start = Arc::new(move |supervisor| Box::pin(start(supervisor)));
        Self { name: name.into(), start, stop_within: STOP_WITHIN }
    }

    /// A room of several children that do not know each other: each is restarted alone. The room
    /// fails, and with it what was started after it, when they fail too often.
    ///
    /// Beside it, a view on whoever is on duty in the room.
    #[must_use]
    pub fn room(
        name: impl Into<Cow<'static, str>>,
        specs: Vec<Self>,
        intensity: Intensity,
    ) -> (Self, RoomView) {
        let view = RoomView::default();
        let shown = view.clone();
        let start = move |supervisor: ActorCell| {
            let branch = Branch::new(specs.clone(), Strategy::OneForOne, intensity);
            shown.show(branch.roster.clone());
            async move {
                let (actor, _task) = Actor::spawn_linked(None, branch, (), supervisor).await?;
                Ok(actor.get_cell())
            }
        };
        (Self::new(name, start), view)
    }

    /// How long the child may take to finish its queue and stop; then it is killed.
    #[must_use]
    pub fn stop_within(mut self, deadline: Duration) -> Self {
        self.stop_within = deadline;
        self
    }
}

/// Which children are restarted together with a dead one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Those started after it: they may depend on it.
    RestForOne,
    /// None: they don't know each other.
    OneForOne,
}

/// The root could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// A child did not start; those before it were stopped again.
    #[error("{0}")]
    Start(Box<str>),
}

/// How the house ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everybody said goodbye.
    Stopped,
    /// The deadline passed; what was left was killed.
    Overdue,
    /// It failed too often; the process should exit non-zero and be started afresh.
    GaveUp(Box<str>),
}

/// The running house.
#[derive(Debug)]
pub struct Root {
    actor: ActorRef<BranchMsg>,
    roster: Roster,
}

impl Root {
    /// Starts the children in order, each once its predecessor has started.
    ///
    /// # Errors
    /// When a child does not start: its name and reason. Those before it have been stopped.
    pub async fn start(specs: Vec<ChildSpec>, intensity: Intensity) -> Result<Self, RootError> {
        let branch = Branch::new(specs, Strategy::RestForOne, intensity);
        let roster = branch.roster.clone();
        match Actor::spawn(None, branch, ()).await {
            Ok((actor, _task)) => Ok(Self { actor, roster }),
            Err(error) => {
                Err(RootError::Start(roster.gave_up().unwrap_or_else(|| super::fault_text(&error))))
            }
        }
    }

    /// Waits until the house has ended, by [`Root::stop`] or because it gave up.
    pub async fn ended(&self) -> Ended {
        self.actor.wait(None).await.ok();
        self.roster.gave_up().map_or(Ended::Stopped, Ended::GaveUp)
    }

    /// Stops the children, last started first, and waits; kills what is left at the deadline.
    pub async fn stop(&self, deadline: Duration) -> Ended {
        if farewell(&self.actor.get_cell(), deadline).await {
            self.ended().await
        } else {
            Ended::Overdue
        }
    }

    /// Who is on duty; for the admin page, and for tests that kill somebody.
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }
}

/// The children of a root as they are now; clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    board: Arc<Mutex<Board>>,
}

/// The roster of a room, through all its restarts.
#[derive(Debug, Clone, Default)]
pub struct RoomView(Arc<Mutex<Roster>>);

impl RoomView {
    /// The roster of the room as it is staffed now.
    #[must_use]
    pub fn roster(&self) -> Roster {
        lock(&self.0).clone()
    }

    fn show(&self, roster: Roster) {
        *lock(&self.0) = roster;
    }
}

#[derive(Debug, Default)]
struct Board {
    slots: Vec<Slot>,
    stopping: bool,
    gave_up: Option<Box<str>>,
}

#[derive(Debug)]
struct Slot {
    name: Cow<'static, str>,
    cell: Option<ActorCell>,
    restarts: u32,
    last_fault: Option<Box<str>>,
    since: Instant,
}

impl Roster {
    /// Every child in start order.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ChildInfo<Cow<'static, str>>> {
        let info = |slot: &Slot| ChildInfo {
            key: slot.name.clone(),
            status: match slot.cell {
                Some(_) => ChildStatus::Running,
                None => ChildStatus::BackingOff,
            },
            restarts: slot.restarts,
            last_fault: slot.last_fault.clone(),
            since: slot.since,
            waiting: None,
            handled: None,
        };
        lock(&self.board).slots.iter().map(info).collect()
    }

    /// The child of that name, if it runs.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<ActorCell> {
        lock(&self.board).slots.iter().find(|slot| slot.name == name)?.cell.clone()
    }

    fn gave_up(&self) -> Option<Box<str>> {
        let board = lock(&self.board);
        let silent = (!board.stopping).then(|| "the root was killed".into());
        board.gave_up.clone().or(silent)
    }

    fn missing(&self, index: usize) -> bool {
        lock(&self.board).slots.get(index).is_some_and(|slot| slot.cell.is_none())
    }

    fn place_of(&self, cell: &ActorCell) -> Option<usize> {
        let sits = |slot: &Slot| slot.cell.as_ref().is_some_and(|c| c.get_id() == cell.get_id());
        lock(&self.board).slots.iter().position(sits)
    }

    fn came(&self, index: usize, cell: ActorCell) {
        if let Some(slot) = lock(&self.board).slots.get_mut(index) {
            (slot.cell, slot.since) = (Some(cell), Instant::now());
        }
    }

    fn left(&self, index: usize) -> Option<ActorCell> {
        lock(&self.board).slots.get_mut(index)?.cell.take()
    }

    fn failed(&self, index: usize, fault: &str) {
        if let Some(slot) = lock(&self.board).slots.get_mut(index) {
            slot.restarts = slot.restarts.saturating_add(1);
            (slot.last_fault, slot.since) = (Some(fault.into()), Instant::now());
        }
    }
}

/// The actor behind [`Root`], and the one above a family's shards.
pub(super) struct Branch {
    specs: Vec<ChildSpec>,
    strategy: Strategy,
    intensity: Intensity,
    roster: Roster,
}

/// What a branch tells itself.
#[derive(Debug)]
pub(super) enum BranchMsg {
    /// The pause is over: start who is missing.
    Fill,
}

impl Branch {
    pub(super) fn new(specs: Vec<ChildSpec>, strategy: Strategy, intensity: Intensity) -> Self {
        let slot = |spec: &ChildSpec| Slot {
            name: spec.name.clone(),
            cell: None,
            restarts: 0,
            last_fault: None,
            since: Instant::now(),
        };
        let board = Board { slots: specs.iter().map(slot).collect(), ..Board::default() };
        let roster = Roster { board: Arc::new(Mutex::new(board)) };
        Self { specs, strategy, intensity, roster }
    }

    /// Starts who is missing, in order; the first that does not start ends the attempt.
    async fn fill(&self, me: &ActorRef<BranchMsg>) -> Result<(), (usize, Box<str>)> {
        for (index, spec) in self.specs.iter().enumerate() {
            if self.roster.missing(index) {
                let start = async { (spec.start)(me.get_cell()).await };
                let cell = guarded(start).await.map_err(|fault| (index, fault))?;
                self.roster.came(index, cell);
            }
        }
        Ok(())
    }

    /// Stops the children from `first` on, last started first.
    async fn dismiss(&self, first: usize) {
        let leaving = self.specs.iter().enumerate().skip(first).rev();
        let leaving: Vec<_> =
            leaving.filter_map(|(index, spec)| Some((spec, self.roster.left(index)?))).collect();
        if self.strategy == Strategy::OneForOne {
            for (_, cell) in &leaving {
                cell.drain().ok(); // all at once; below each is waited for
            }
        }
        for (spec, cell) in leaving {
            if !farewell(&cell, spec.stop_within).await {
                tracing::warn!(child = %spec.name, "did not stop in time and was killed");
            }
        }
    }

    /// Counts a failure; plans the restart, or gives up when it was one too many.
    async fn failed(
        &self,
        me: &ActorRef<BranchMsg>,
        window: &mut Window,
        index: usize,
        fault: &str,
    ) -> Result<(), ActorProcessingErr> {
        let name = self.specs.get(index).map(|spec| spec.name.clone()).unwrap_or_default();
        self.roster.failed(index, fault);
        metrics().room_restarts.inc();
        let Some(pause) = self.intensity.restart(window, Instant::now()) else {
            tracing::error!(child = %name, fault, "failed too often, giving up");
            let reason = format!("{name} keeps failing: {fault}");
            lock(&self.roster.board).gave_up = Some(reason.as_str().into());
            self.dismiss(0).await;
            return Err(reason.into());
        };
        let pause_ms = pause.as_millis();
        tracing::error!(child = %name, fault, pause_ms, "child failed, restarting");
        if pause.is_zero() {
            me.cast(BranchMsg::Fill).ok(); // refused only while stopping: then nobody is missed
        } else {
            me.send_after(pause, || BranchMsg::Fill);
        }
        Ok(())
    }
}

impl Actor for Branch {
    type Msg = BranchMsg;
    type State = Window;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<BranchMsg>,
        _arguments: (),
    ) -> Result<Window, ActorProcessingErr> {
        if let Err((index, fault)) = self.fill(&me).await {
            let name = self.specs.get(index).map(|spec| spec.name.clone()).unwrap_or_default();
            let reason = format!("{name} did not start: {fault}");
            lock(&self.roster.board).gave_up = Some(reason.as_str().into());
            self.dismiss(0).await;
            return Err(reason.into());
        }
        Ok(Window::default())
    }

    async fn handle(
        &self,
        me: ActorRef<BranchMsg>,
        message: BranchMsg,
        window: &mut Window,
    ) -> Result<(), ActorProcessingErr> {
        let BranchMsg::Fill = message;
        match self.fill(&me).await {
            Ok(()) => Ok(()),
            Err((index, fault)) => self.failed(&me, window, index, &fault).await,
        }
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<BranchMsg>,
        event: SupervisionEvent,
        window: &mut Window,
    ) -> Result<(), ActorProcessingErr> {
        let Some(Obituary { cell, fault, .. }) = Obituary::of(event) else { return Ok(()) };
        let Some(index) = self.roster.place_of(&cell) else { return Ok(()) }; // dismissed before
        self.roster.left(index);
        if self.strategy == Strategy::RestForOne {
            self.dismiss(index).await;
        }
        self.failed(&me, window, index, &fault).await
    }

    async fn post_stop(
        &self,
        _me: ActorRef<BranchMsg>,
        _window: &mut Window,
    ) -> Result<(), ActorProcessingErr> {
        lock(&self.roster.board).stopping = true;
        self.dismiss(0).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
