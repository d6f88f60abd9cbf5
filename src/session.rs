//! Session actors: what may be sent to one.
//!
//! One actor per signed-in user with a tab open, or with work in hand. It owns the user's device
//! list: every create, rename, share, delete and command of that user, from REST or any tab, goes
//! through its mailbox, so that all tabs see one order. `session/state` and `session/frame`
//! decide (pure), with `session/rights`; `session/actor` and `session/sharing` do.

pub mod actor;
pub mod frame;
pub mod neighbours;
pub mod rights;
mod sharing;
pub mod state;
pub mod tab;

use std::sync::Arc;

use crate::device::{DeviceError, DeviceEvent, Patch};
use crate::kind::FieldError;
use crate::model::{Caller, DeviceId, Grant, Name, Scope, UserId, Via};
use crate::store::secret::Secret;
use crate::supervision::Post;
use crate::supervision::permit::Permit;
use crate::supervision::reply::{Reply, Unanswered};

pub use neighbours::Neighbours;
pub use rights::Sharing;
pub use tab::{LoginId, Tab, TabEnd, TabId, ToTab};

/// Reaches one session actor.
pub type SessionRef = Post<SessionMsg>;

/// An answer that a session owes.
pub type Answer<T> = Reply<T, SessionError>;

/// JSON text that is ready to be sent.
pub type JsonText = String;

/// What may be sent to a session actor.
pub enum SessionMsg {
    /// A tab opened: it gets a snapshot, and everything that happens from then on.
    TabOpened(Box<Tab>),
    /// A tab said something; the permit holds it back while the session is behind.
    FromTab(TabId, frame::Request, Permit),
    /// A tab that was behind has read everything that was sent to it.
    TabDrained(TabId),
    /// A tab is gone.
    TabClosed(TabId),
    /// A sign-in ended: its tabs are closed.
    LoginEnded(LoginId),
    /// All the user's devices, as a JSON array.
    List(Answer<JsonText>),
    /// One of the user's devices, as a JSON object, and its `rev`.
    Show(DeviceId, Answer<(JsonText, u64)>),
    /// Makes a device.
    Create(Box<NewDevice>, Answer<Created>),
    /// Changes a device.
    Patch(DeviceId, Box<Patch>, Answer<(JsonText, u64)>),
    /// Somebody has seen an alarm of a device.
    Acknowledge(DeviceId, Box<Caller>, Name, Answer<(JsonText, u64)>),
    /// Makes a new secret for a device; its open link is closed.
    NewSecret(DeviceId, Answer<Secret>),
    /// Deletes a device.
    Delete(DeviceId, Answer<()>),
    /// May the user do what `role` may, on this device?
    Check(DeviceId, crate::model::Role, Answer<()>),
    /// The question inside, of this caller, with no more rights than these.
    Asked(Box<Asked>),
    /// Who was given a right on a device that still holds.
    Grants(DeviceId, Answer<Vec<(UserId, Grant)>>),
    /// Gives somebody a right on a device, or takes it away.
    Share(DeviceId, Box<Sharing>, Answer<()>),
    /// Makes a link that gives a right on a device to whoever uses it first.
    Invite(DeviceId, Grant, Answer<Secret>),
    /// Uses such a link, by its token: the device is on the user's list from now on.
    Accept(Box<str>, Answer<(JsonText, u64)>),
    /// The user's right on somebody's device is another one now: look it up.
    GrantChanged(DeviceId),
    /// What one of the user's programs signs in with was taken back: its tabs are closed, and what
    /// it asked and is not done ends.
    ProgramEnded(Via),
    /// A watched device has news.
    Device(DeviceEvent),
    /// An answer to one tab alone.
    Answered(TabId, bytes::Bytes),
    /// Time to look after tabs that are behind, and whether anything is in hand.
    Tick,
}

/// A question with who asks it. One that comes without is the server's own.
pub struct Asked {
    /// Who.
    pub by: Caller,
    /// The part of the user's rights that the question may use.
    pub scope: Scope,
    /// What is asked.
    pub question: SessionMsg,
}

/// A device that somebody wants to make.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDevice {
    /// What people will call it.
    pub description: Arc<str>,
    /// Its kind's name.
    pub kind: Name,
    /// Where it will stand.
    pub room: Option<Arc<str>>,
    /// The identity that it always has, of one that was announced in the user's topic space.
    pub announced: Option<DeviceId>,
}

/// A device that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// Which.
    pub id: DeviceId,
    /// As a JSON object.
    pub json: JsonText,
    /// Its MQTT password.
    pub secret: Secret,
}

/// Why a session did not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SessionError {
    /// The user has no such device. A stranger's device is no such device.
    #[error("no such device")]
    NoSuchDevice,
    /// The device has no such alarm (any more).
    #[error("the device has no alarm of that name")]
    NoSuchAlarm,
    /// The user sees the device but may not do this.
    #[error("your role does not allow this")]
    Forbidden,
    /// The request breaks a rule; every fault is listed.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The user has as many devices as may be.
    #[error("no more than {0} devices")]
    TooMany(usize),
    /// The device is shared with as many people as may be, or has as many invitations.
    #[error("no more than {0} people")]
    TooManyPeople(usize),
    /// The device changed since the asker looked.
    #[error("the device is at revision {rev}")]
    Stale {
        /// The device's revision now.
        rev: u64,
    },
    /// The store could not take the change; nothing happened.
    #[error("not stored: {0}")]
    NotStored(String),
    /// The session or the device failed, or is overdue: try again.
    #[error("unavailable, try again")]
    Unavailable,
}

impl SessionError {
    /// The stable word for the fault, on every interface.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchDevice => "not_found",
            Self::NoSuchAlarm => "no_such_alarm",
            Self::Forbidden => "forbidden",
            Self::Invalid(_) => "invalid",
            Self::TooMany(_) => "too_many_devices",
            Self::TooManyPeople(_) => "too_many_grants",
            Self::Stale { .. } => "stale",
            Self::NotStored(_) => "not_stored",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<Unanswered> for SessionError {
    fn from(_: Unanswered) -> Self {
        Self::Unavailable
    }
}

impl From<DeviceError> for SessionError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Gone => Self::NoSuchDevice,
            DeviceError::NoSuchAlarm => Self::NoSuchAlarm,
            DeviceError::Stale { rev } => Self::Stale { rev },
            DeviceError::Invalid(faults) => Self::Invalid(faults),
            DeviceError::NotStored(why) => Self::NotStored(why),
            DeviceError::Unavailable => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SessionMsg;
    use crate::device::DeviceMsg;

    /// A mailbox sets 32 places aside as soon as an actor starts.
    #[test]
    fn messages_to_actors_are_small() {
        let (session, device) = (size_of::<SessionMsg>(), size_of::<DeviceMsg>());
        assert!(session <= 104 && device <= 120, "{session} and {device} bytes");
    }
}
