//! Device actors: what may be sent to one, and what one announces.
//!
//! One actor per *live* device: one with an open link, or with work in hand. It owns the device:
//! desired, reported, `rev`, link, open commands, alarms. `device/state` and `device/command`
//! decide (pure), `device/actor` does.

pub mod actor;
mod alarm;
pub mod command;
mod converge;
pub mod link;
mod patch;
pub mod saving;
pub mod state;
pub mod tally;
pub mod view;
pub mod watchers;

use std::sync::{Arc, OnceLock};

use crate::kind::{FieldError, Kinds};
use crate::model::audit::Who;
use crate::model::{Caller, Command, DeviceId, Name, Phase, Problem, Props, UserId, Value, Via};
use crate::stats::{Reading, StatsHandle};
use crate::store::Store;
use crate::store::audit::Keep;
use crate::supervision::Post;
use crate::supervision::permit::Permit;
use crate::supervision::reply::{Reply, Unanswered};

pub use alarm::{AlarmMoved, AlarmStep};
pub use link::{Attached, Link, LinkEnd, LinkId, Receipt, ToLink};
pub use view::{Changes, View};
pub use watchers::{WatchKey, Watcher, WatcherRef, Watchers};

/// Reaches one device actor.
pub type DeviceRef = Post<DeviceMsg>;

/// An answer that a device owes.
pub type Answer<T> = Reply<T, DeviceError>;

/// What may be sent to a device actor.
pub enum DeviceMsg {
    /// A connection proved to be this device; an older link ends.
    Attach(Link, Answer<Attached>),
    /// The link began (or ended) to listen to `set`.
    Listens(LinkId, bool),
    /// The device said something.
    Said(LinkId, Report, Receipt),
    /// The `set` message with this number reached the device.
    Delivered(LinkId, u64),
    /// The link is over.
    LinkLost(LinkId),
    /// Somebody changes the device; the session has checked the right.
    Patch(Box<Patch>, Answer<View>),
    /// Somebody has seen an alarm.
    Acknowledge(Box<Caller>, Name, Answer<View>),
    /// A user, or only one of a user's programs, may not command the device any more: what was
    /// asked so and is not done ends.
    RightLost(UserId, Option<Via>),
    /// A new secret was stored: whoever holds the old one is out.
    SecretChanged,
    /// Somebody wants the device to be no more.
    Delete(Box<Who>, Answer<()>),
    /// What is the device now?
    Look(Answer<View>),
    /// Somebody began to watch: tell the device as it is now.
    Introduce(WatcherRef),
    /// A write that the state asked for ended: its number, the `rev` written, whether it is safe.
    Saved(u64, u64, bool),
    /// The deadline that the state asked for has come.
    Wake,
}

/// What a device said, read by its kind's schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// Properties as they are now, all or some, and what of the message broke the schema.
    State(Props, Vec<FieldError>),
    /// Numbers for the history only, with the device's own time if it gave one.
    Telemetry(Props, Option<i64>, Vec<FieldError>),
    /// Properties that the device will not set, with its reasons.
    Refused(Vec<(Name, Arc<str>)>),
    /// Something happened, in the device's words.
    Event(Name, Props),
    /// A message that is not the contract's.
    Garbage(Arc<str>),
}

impl Report {
    /// Whether the message, or some value of it, was refused.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        match self {
            Self::State(_, faults) | Self::Telemetry(_, _, faults) => !faults.is_empty(),
            Self::Garbage(_) => true,
            Self::Refused(_) | Self::Event(..) => false,
        }
    }
}

/// A change that a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Who asks.
    pub by: Caller,
    /// The asker's name for the command; empty: the device makes one from its `rev`.
    pub reference: Arc<str>,
    /// The `rev` that the asker saw, if it insists.
    pub if_match: Option<u64>,
    /// New description.
    pub description: Option<Arc<str>>,
    /// New room; `Some(None)` takes it out of its room.
    pub room: Option<Option<Arc<str>>>,
    /// Members of the request that name no field above: `desired` and the kind's older names.
    pub wishes: Wishes,
    /// Seconds after which the command is given up, if the asker says so.
    pub ttl_s: Option<u32>,
}

/// The part of a patch that the device's kind understands, as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    /// The `desired` object.
    pub desired: Option<serde_json::Map<String, serde_json::Value>>,
    /// Members by the names of the system that Hearth replaces (`targetTemp` …).
    pub legacy: serde_json::Map<String, serde_json::Value>,
}

/// Why a device did not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// There is no such device (any more).
    #[error("no such device")]
    Gone,
    /// The device changed since the asker looked.
    #[error("the device is at revision {rev}")]
    Stale {
        /// The device's revision now.
        rev: u64,
    },
    /// The device has no such alarm (any more).
    #[error("the device has no alarm of that name")]
    NoSuchAlarm,
    /// The request breaks the kind's schema; every fault is listed.
    #[error("the request breaks the schema of the kind")]
    Invalid(Vec<FieldError>),
    /// The store could not take the change; nothing happened.
    #[error("not stored: {0}")]
    NotStored(String),
    /// The device's actor failed, is overdue, or is in quarantine.
    #[error("the device is unavailable")]
    Unavailable,
}

impl From<Unanswered> for DeviceError {
    fn from(_: Unanswered) -> Self {
        Self::Unavailable
    }
}

/// What a device announces to those who watch it.
#[derive(Debug, Clone)]
pub enum DeviceEvent {
    /// Something about it changed. The permit keeps its link from flooding the watcher.
    Changed(Arc<Changed>, Option<Permit>),
    /// The whole device, for a watcher that needs a fresh start.
    Whole(Arc<View>),
    /// A command moved on.
    Command(Arc<CommandMoved>),
    /// An alarm began, was seen by somebody, or is over.
    Alarm(Arc<AlarmMoved>),
    /// The device said that something happened; `late_s` among its members tells how late.
    Happened(DeviceId, Name, Props),
    /// Something was said on the device's topics: only for its owner's topic space.
    Said(Arc<Said>),
    /// The device is no more.
    Removed(DeviceId),
}

/// A change, with the JSON of its `changes` member made once for all watchers who want it.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Which device.
    pub id: DeviceId,
    /// Its revision after the change.
    pub rev: u64,
    /// What is different.
    pub changes: Changes,
    json: OnceLock<Box<str>>,
}

impl Changed {
    /// Nothing, if nothing is different.
    fn new(id: DeviceId, rev: u64, changes: Changes) -> Option<Self> {
        if changes.is_empty() {
            return None;
        }
        Some(Self { id, rev, changes, json: OnceLock::new() })
    }

    /// `changes` as JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        let make = || serde_json::to_string(&self.changes).unwrap_or_default().into();
        self.json.get_or_init(make)
    }
}

/// What was said on a device's topics.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Which device.
    pub id: DeviceId,
    /// The topic below `devices/{id}/`.
    pub leaf: &'static str,
    /// The JSON that was said, without what the schema refused.
    pub payload: bytes::Bytes,
    /// What of it the device reports of itself.
    pub reported: Props,
}

impl Said {
    /// What the device said, if it can be understood.
    fn by(id: DeviceId, report: &Report) -> Option<Self> {
        let json = match report {
            Report::State(props, _) => serde_json::to_vec(props),
            Report::Telemetry(props, at_ms, _) => {
                let mut said = props.clone();
                if let Some(at_ms) = at_ms {
                    said.set("ts".into(), Value::from(*at_ms));
                }
                serde_json::to_vec(&said)
            }
            Report::Refused(refused) => {
                let reasons = refused.iter().map(|(name, why)| (name.clone(), Value::from(&**why)));
                serde_json::to_vec(&reasons.collect::<Props>())
            }
            Report::Event(name, props) => {
                let mut said = props.clone();
                said.set("event".into(), Value::from(&**name));
                serde_json::to_vec(&said)
            }
            Report::Garbage(_) => return None,
        };
        let (leaf, reported) = match report {
            Report::State(props, _) => ("state", props.clone()),
            Report::Telemetry(..) => ("telemetry", Props::new()),
            Report::Refused(_) => ("refused", Props::new()),
            Report::Event(..) | Report::Garbage(_) => ("event", Props::new()),
        };
        Some(Self { id, leaf, payload: json.ok()?.into(), reported })
    }

    /// What the house says to the device.
    const fn to(id: DeviceId, payload: bytes::Bytes) -> Self {
        Self { id, leaf: "set", payload, reported: Props::new() }
    }
}

/// A step of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandMoved {
    /// Which device.
    pub id: DeviceId,
    /// The asker's name for the command.
    pub reference: Arc<str>,
    /// How far it came.
    pub phase: Phase,
    /// Why it failed.
    pub reason: Option<Arc<str>>,
    /// Milliseconds from its acceptance to its end.
    pub took_ms: Option<i64>,
    /// Seconds by which it was given up later than it should have been.
    pub late_s: Option<i64>,
}

impl CommandMoved {
    /// Where `command` is now.
    fn of(id: DeviceId, command: &Command) -> Self {
        Self {
            id,
            reference: command.reference.clone(),
            phase: command.phase,
            reason: command.reason.clone(),
            took_ms: command.finished_ms.map(|end_ms| end_ms.saturating_sub(command.accepted_ms)),
            late_s: command.late_s(),
        }
    }
}

/// One number of a device for its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which property.
    pub property: Name,
    /// Decimal digits to keep.
    pub digits: u8,
    /// Its value, in the property's unit.
    pub value: f64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

impl Sample {
    fn of(self, device: DeviceId, retention: u8) -> Reading {
        let Self { property, digits, value, at_ms } = self;
        Reading { device: device.0, property, digits, retention, t_ms: at_ms, value }
    }
}

/// What every device actor needs of the floors below it.
pub struct DeviceFloor {
    /// Where devices are kept.
    pub store: Store,
    /// Where their numbers go.
    pub stats: StatsHandle,
    /// What a device can be.
    pub kinds: Arc<Kinds>,
    /// Who is told of them.
    pub watchers: Watchers,
    /// How much they say.
    pub tallies: tally::Tallies,
    /// How much of the audit is kept of each device.
    pub audit: Keep,
    /// How long an actor stays with no link and nothing in hand, in milliseconds: long enough that
    /// a device which reconnects finds it, short enough that memory follows the links.
    pub idle_ms: i64,
}

/// Why the last message could not be understood, as the owner is shown it.
pub(crate) fn problem(text: impl Into<Arc<str>>, now_ms: i64) -> Problem {
    Problem { text: text.into(), at_ms: now_ms }
}
