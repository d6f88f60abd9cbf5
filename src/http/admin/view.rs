//! What the house looks like from behind, and how one of its actors is killed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ractor::Message;
use serde::Serialize;

use crate::devices::Devices;
use crate::host::now_ms;
use crate::model::{DeviceId, UserId};
use crate::observe::{LogLine, log_tail, metrics};
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::store::{self, SecretHash, Store, accounts};
use crate::supervision::{ChildInfo, ChildStatus, Directory, RoomView, Roster, Tasks, lock};

use super::pace::Pace;

/// Children of a family that are listed at most: the troubled first, then those with most to do.
const LISTED_MAX: usize = 200;

/// Between two kills of a room: fewer than what makes the house give up.
const ROOM_KILL_EVERY: Duration = Duration::from_secs(30);

/// A door's connections, whoever is on duty there.
type Connections = Arc<dyn Fn() -> Tasks + Send + Sync>;

/// Shows the house. Cheap to clone.
#[derive(Clone, Default)]
pub struct HouseView {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    open: AtomicBool,
    root: OnceLock<Roster>,
    rooms: OnceLock<Vec<(&'static str, RoomView)>>,
    families: OnceLock<(Devices, Spaces, Sessions, Others)>,
    doors: OnceLock<Vec<(&'static str, Connections)>>,
    pace: Mutex<Pace>,
    room_killed: Mutex<Option<Instant>>,
    operator: OnceLock<SecretHash>,
}

/// Why an actor was not killed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KillError {
    /// There is no such actor.
    #[error("there is no such actor")]
    NoSuchActor,
    /// It is between two lives.
    #[error("it does not run now")]
    NotRunning,
    /// Everything that was started after it would go down with it.
    #[error("it holds up what was started after it: kill what is inside it")]
    HoldsTheHouse,
    /// Another room was killed just now; the house gives up when rooms fail too often.
    #[error("a room was killed just now")]
    TooSoon {
        /// Until the next one may be killed.
        retry_in: Duration,
    },
}

/// A family of one actor per user that this room does not know: what there is, and how one is
/// killed.
#[derive(Clone)]
pub struct Others {
    name: &'static str,
    snapshot: Arc<dyn Fn() -> Vec<ChildInfo<UserId>> + Send + Sync>,
    kill: Arc<dyn Fn(UserId) -> Option<()> + Send + Sync>,
}

impl Others {
    /// The children of `directory`.
    #[must_use]
    pub fn of<M: Message>(name: &'static str, directory: &Directory<UserId, M>) -> Self {
        let (listed, killed) = (directory.clone(), directory.clone());
        Self {
            name,
            snapshot: Arc::new(move || listed.snapshot()),
            kill: Arc::new(move |user| killed.kill(&user)),
        }
    }
}

/// What kills an actor.
pub type Kill = Box<dyn FnOnce() -> Result<(), KillError> + Send>;

/// The house as it is now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tree {
    /// The server's time, Unix milliseconds.
    at: i64,
    /// Every room, and the actors of every family, at most 200 of each.
    children: Vec<Actor>,
    /// How many there are of everything.
    counts: Counts,
    /// What happens in a second, by name.
    per_s: BTreeMap<&'static str, f64>,
    /// The doors' connections.
    connections: Vec<DoorConnections>,
    /// The last log lines.
    log: Vec<Line>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Actor {
    /// The room or family that it is in; `hearth` for those that nobody is above.
    parent: String,
    /// Its name in there: for a device or session its id.
    name: String,
    status: Status,
    /// How often it was restarted since it last ended normally.
    restarts: u32,
    /// What it died of last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fault: Option<String>,
    /// For how long it has been as it is.
    since_ms_ago: u128,
    /// Messages that wait in its mailbox, where that is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<u32>,
    /// Messages it handles in a second, where that is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_per_s: Option<f64>,
    /// The user whose session it is, or whose device.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The device's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether it may be killed.
    mortal: bool,
}

#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Running,
    BackingOff,
    Quarantined,
}

#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
struct Counts {
    devices: usize,
    spaces: usize,
    sessions: usize,
    tabs: i64,
    links: i64,
    quarantined: usize,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DoorConnections {
    door: &'static str,
    open: usize,
    limit: usize,
    /// Turned away because of the limit.
    refused: u64,
    /// Ended by a fault of ours.
    failed: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Line {
    at: u64,
    level: &'static str,
    message: String,
}

impl HouseView {
    /// The house stands: its rooms, and the families in them.
    pub fn stands(&self, root: Roster, rooms: Vec<(&'static str, RoomView)>) {
        drop(self.inner.root.set(root));
        drop(self.inner.rooms.set(rooms));
        self.inner.open.store(true, Ordering::Release);
    }

    /// The families whose actors are shown.
    pub fn houses(&self, devices: Devices, spaces: Spaces, sessions: Sessions, others: Others) {
        drop(self.inner.families.set((devices, spaces, sessions, others)));
    }

    /// The doors whose connections are counted.
    pub fn opens(&self, doors: Vec<(&'static str, Connections)>) {
        drop(self.inner.doors.set(doors));
    }

    /// Whoever knows this secret is at the machine, and may do what its operator may.
    pub fn admits(&self, operator: SecretHash) {
        self.inner.operator.get_or_init(|| operator);
    }

    /// Whether a token is the operator's.
    #[must_use]
    pub fn is_operator(&self, token: &str) -> bool {
        self.inner.operator.get().is_some_and(|operator| operator.verifies(token))
    }

    /// The doors close.
    pub fn closes(&self) {
        self.inner.open.store(false, Ordering::Release);
    }

    /// Whether every door is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner.open.load(Ordering::Acquire)
    }

    /// The house as it is now; `store` knows whose actors they are.
    #[must_use]
    pub fn tree(&self, store: &Store) -> Tree {
        let mut listed = self.rooms();
        let mut counts = Counts {
            tabs: metrics().tabs.get(),
            links: metrics().mqtt_links.get(),
            ..Counts::default()
        };
        if let Some((devices, spaces, sessions, others)) = self.inner.families.get() {
            let (devices, spaces, sessions, theirs) = (
                devices.directory().snapshot(),
                spaces.snapshot(),
                sessions.directory().snapshot(),
                (others.snapshot)(),
            );
            counts.quarantined = in_quarantine(&devices)
                + in_quarantine(&spaces)
                + in_quarantine(&sessions)
                + in_quarantine(&theirs);
            (counts.devices, counts.spaces, counts.sessions) =
                (devices.len(), spaces.len(), sessions.len());
            let of_user = |user: &UserId, actor: &mut Actor| actor.owner = name_of(store, *user);
            listed.extend(family("devices", devices, |id, actor| of_device(store, *id, actor)));
            listed.extend(family("spaces", spaces, of_user));
            listed.extend(family("sessions", sessions, of_user));
            listed.extend(family(others.name, theirs, of_user));
        }
        let (children, per_s) = self.paced(listed);
        let log = log_tail().into_iter().map(Line::from).collect();
        Tree { at: now_ms(), children, counts, per_s, connections: self.connections(), log }
    }

    fn rooms(&self) -> Vec<Listed> {
        let children = |parent: &'static str, roster: &Roster| {
            roster.snapshot().into_iter().map(move |child| Listed::of(parent, &child))
        };
        let root = self.inner.root.get().into_iter().flat_map(|roster| children("hearth", roster));
        let rooms = self.inner.rooms.get().into_iter().flatten();
        root.chain(rooms.flat_map(|(name, view)| children(name, &view.roster()))).collect()
    }

    /// Says how fast everybody is, and everything that is counted.
    fn paced(&self, listed: Vec<Listed>) -> (Vec<Actor>, BTreeMap<&'static str, f64>) {
        let path = |actor: &Actor| format!("{}/{}", actor.parent, actor.name);
        let handled = |one: &Listed| Some((path(&one.actor), one.handled?));
        let counted = counted();
        let counts = counted.iter().map(|(name, count)| ((*name).to_owned(), low_bits(*count)));
        let counts = counts.chain(listed.iter().filter_map(handled)).collect();
        let paces = lock(&self.inner.pace).look(Instant::now(), counts);
        let children = listed.into_iter().map(|Listed { actor, .. }| {
            let messages_per_s = paces.get(&path(&actor)).copied();
            Actor { messages_per_s, ..actor }
        });
        let pace = |(name, _): (&'static str, u64)| Some((name, *paces.get(name)?));
        (children.collect(), counted.into_iter().filter_map(pace).collect())
    }

    fn connections(&self) -> Vec<DoorConnections> {
        let doors = self.inner.doors.get().into_iter().flatten();
        let count = |(door, tasks): &(&'static str, Connections)| {
            let tasks = tasks();
            DoorConnections {
                door,
                open: tasks.active(),
                limit: tasks.tasks_max(),
                refused: tasks.refused(),
                failed: tasks.panics(),
            }
        };
        doors.map(count).collect()
    }

    /// An actor that may be killed, and how: as a fault of its own would, in the middle of what it
    /// does. Its supervisor starts it again, and nobody else should notice.
    ///
    /// # Errors
    /// [`KillError`]
    pub fn mortal(&self, parent: &str, name: &str) -> Result<Kill, KillError> {
        let (devices, spaces, sessions, others) =
            self.inner.families.get().ok_or(KillError::NoSuchActor)?.clone();
        match parent {
            "devices" => {
                let id: DeviceId = name.parse().map_err(|_| KillError::NoSuchActor)?;
                devices.directory().get(&id).ok_or(KillError::NotRunning)?;
                Ok(Box::new(move || devices.directory().kill(&id).ok_or(KillError::NotRunning)))
            }
            "sessions" => {
                let user: UserId = name.parse().map_err(|_| KillError::NoSuchActor)?;
                sessions.directory().get(&user).ok_or(KillError::NotRunning)?;
                Ok(Box::new(move || sessions.directory().kill(&user).ok_or(KillError::NotRunning)))
            }
            "spaces" => {
                let user: UserId = name.parse().map_err(|_| KillError::NoSuchActor)?;
                let runs = spaces.snapshot().iter().any(|space| space.key == user);
                let killed = |yes: bool| if yes { Ok(()) } else { Err(KillError::NotRunning) };
                killed(runs).map(|()| -> Kill { Box::new(move || killed(spaces.kill(user))) })
            }
            other if other == others.name => {
                let user: UserId = name.parse().map_err(|_| KillError::NoSuchActor)?;
                let runs = (others.snapshot)().iter().any(|one| one.key == user);
                let killed = |done: Option<()>| done.ok_or(KillError::NotRunning);
                killed(runs.then_some(()))
                    .map(|()| -> Kill { Box::new(move || killed((others.kill)(user))) })
            }
            "hearth" => Err(KillError::HoldsTheHouse),
            room => self.mortal_in_room(room, name),
        }
    }

    fn mortal_in_room(&self, room: &str, name: &str) -> Result<Kill, KillError> {
        let mut rooms = self.inner.rooms.get().into_iter().flatten();
        let (_, view) = rooms.find(|(known, _)| *known == room).ok_or(KillError::NoSuchActor)?;
        let roster = view.roster();
        if !roster.snapshot().iter().any(|child| child.key == name) {
            return Err(KillError::NoSuchActor);
        }
        let cell = roster.cell(name).ok_or(KillError::NotRunning)?;
        let (mut killed, now) = (lock(&self.inner.room_killed), Instant::now());
        let retry_in = killed.map(|at| ROOM_KILL_EVERY.saturating_sub(now.duration_since(at)));
        if let Some(retry_in) = retry_in.filter(|left| !left.is_zero()) {
            return Err(KillError::TooSoon { retry_in });
        }
        *killed = Some(now);
        Ok(Box::new(move || {
            cell.kill();
            Ok(())
        }))
    }
}

/// An actor, and what it has handled so far.
struct Listed {
    actor: Actor,
    handled: Option<u32>,
}

impl Listed {
    fn of<K: Display>(parent: &str, child: &ChildInfo<K>) -> Self {
        let status = match child.status {
            ChildStatus::Running => Status::Running,
            ChildStatus::BackingOff => Status::BackingOff,
            ChildStatus::Quarantined => Status::Quarantined,
        };
        let actor = Actor {
            parent: parent.to_owned(),
            name: child.key.to_string(),
            status,
            restarts: child.restarts,
            last_fault: child.last_fault.as_deref().map(str::to_owned),
            since_ms_ago: Instant::now().duration_since(child.since).as_millis(),
            mailbox: child.waiting,
            messages_per_s: None,
            owner: None,
            description: None,
            mortal: parent != "hearth" && child.status == ChildStatus::Running,
        };
        Self { actor, handled: child.handled }
    }
}

impl From<LogLine> for Line {
    fn from(line: LogLine) -> Self {
        Self { at: line.at_ms, level: line.level, message: line.text }
    }
}

fn family<K: Display>(
    parent: &str,
    mut children: Vec<ChildInfo<K>>,
    introduce: impl Fn(&K, &mut Actor),
) -> Vec<Listed> {
    children.sort_by_key(|child| {
        let well = child.status == ChildStatus::Running && child.restarts == 0;
        (well, std::cmp::Reverse((child.waiting, child.handled)))
    });
    let listed = children.iter().take(LISTED_MAX).map(|child| {
        let mut listed = Listed::of(parent, child);
        introduce(&child.key, &mut listed.actor);
        listed
    });
    listed.collect()
}

/// What the store can't say is left out: the page is for trouble, and must not add to it.
fn of_device(store: &Store, id: DeviceId, actor: &mut Actor) {
    if let Ok(Some(device)) = store::devices::get(store, id) {
        actor.owner = name_of(store, device.owner);
        actor.description = Some(device.description.to_string());
    }
}

fn name_of(store: &Store, user: UserId) -> Option<String> {
    Some(accounts::user(store, user).ok()??.name.to_string())
}

fn in_quarantine<K>(children: &[ChildInfo<K>]) -> usize {
    children.iter().filter(|child| child.status == ChildStatus::Quarantined).count()
}

/// What the whole house does.
fn counted() -> [(&'static str, u64); 4] {
    let metrics = metrics();
    [
        ("mqtt_received", metrics.mqtt_received.get()),
        ("mqtt_sent", metrics.mqtt_sent.get()),
        ("frames_sent", metrics.frames_sent.get()),
        ("http_requests", metrics.http_requests.get()),
    ]
}

fn low_bits(count: u64) -> u32 {
    u32::try_from(count & u64::from(u32::MAX)).unwrap_or(0)
}
