//! The audit: who did what, when, from where, to which device or account.

use core::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Caller, DeviceId, Props, UserId, Value};

/// Longest text in an entry's detail, in characters; the rest is cut off.
pub const DETAIL_CHARS_MAX: usize = 200;

/// What an entry is about: it is listed, and bounded, with the others about the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A device.
    Device(DeviceId),
    /// An account: its sign-ins, and what it gave to programs.
    Account(UserId),
    /// The house: what those who look after it did.
    House,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// A person, or a program in a person's name.
    Caller(Caller),
    /// The device itself.
    Device,
    /// The server, because a time was up or a right had ended; or its operator.
    Server,
}

/// What was done. The order is on disk for ever: new ones come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A device was made.
    Created,
    /// A device got another description or room.
    Described,
    /// Something was asked of a device.
    Commanded,
    /// The device would not do what was asked.
    Refused,
    /// What was asked was given up, because its time was over.
    Expired,
    /// What was asked was given up, because the asker's right had ended.
    Cancelled,
    /// An alarm was seen by somebody.
    Acknowledged,
    /// A device got another secret.
    SecretChanged,
    /// Somebody got a right on a device.
    Granted,
    /// Somebody lost a right on a device.
    Revoked,
    /// Somebody gave up the own right on a device.
    Left,
    /// A link was made that gives a right on a device.
    Invited,
    /// Such a link was used.
    Joined,
    /// A device was deleted.
    Deleted,
    /// An account was made.
    Registered,
    /// Somebody signed in.
    SignedIn,
    /// A sign-in failed: the first of a while.
    SignInFailed,
    /// So many sign-ins failed that the account has to wait.
    SignInLocked,
    /// Somebody signed out.
    SignedOut,
    /// A spent refresh token came back, and ended its sign-in.
    TokenReused,
    /// An API token was made.
    TokenCreated,
    /// An API token was taken back.
    TokenRevoked,
    /// A client credential was made.
    ClientCreated,
    /// A client credential was taken back.
    ClientRevoked,
    /// An account got another password.
    PasswordChanged,
    /// A device is known by another certificate, or by none.
    CertificateChanged,
    /// An administrator killed an actor.
    Killed,
    /// Somebody had a backup made.
    BackedUp,
}

/// One line of the audit. It has no secrets, and no values but those that people asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is about.
    pub subject: Subject,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Tells it from others about the same at the same time; a higher one is later.
    pub number: u64,
    /// Who did it.
    pub who: Who,
    /// The address that it was done from.
    pub from: Option<IpAddr>,
    /// What was done.
    pub action: Action,
    /// The command that it belongs to, by the asker's name for it.
    pub reference: Option<Arc<str>>,
    /// What else there is to say.
    pub detail: Props,
}

/// The number of an entry that a device writes at `rev`; `step`, from 0 to 3, tells it from others
/// of the same. It is above the 32 bits of what people do ([`crate::store::audit::next_number`]),
/// so that within a millisecond the cause comes before what the device makes of it.
#[must_use]
pub const fn number_at(rev: u64, step: u64) -> u64 {
    (1_u64 << 32).saturating_add(rev.saturating_mul(4)).saturating_add(step)
}

impl Entry {
    /// What `who` did at `at_ms`; `number` tells it from others about the same at the same time.
    #[must_use]
    pub fn new(subject: Subject, who: Who, action: Action, at_ms: i64, number: u64) -> Self {
        let from = if let Who::Caller(caller) = &who { caller.from } else { None };
        let (reference, detail) = (None, Props::new());
        Self { subject, at_ms, number, who, from, action, reference, detail }
    }

    /// The same, done at the address `from`.
    #[must_use]
    pub fn at(self, from: IpAddr) -> Self {
        Self { from: Some(from), ..self }
    }

    /// The same for the command `reference`.
    #[must_use]
    pub fn of_command(self, reference: &Arc<str>) -> Self {
        Self { reference: Some(reference.clone()), ..self }
    }

    /// The same with one more detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        if let Value::Text(text) = &value {
            let kept: String = text.chars().take(DETAIL_CHARS_MAX).collect();
            value = kept.as_str().into();
        }
        self.detail.set(name.into(), value);
        self
    }

    /// The same with the values of `props` as details.
    #[must_use]
    pub fn with_all(self, props: &Props) -> Self {
        props.iter().fold(self, |entry, (name, value)| entry.with(name, value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Via;

    #[test]
    fn an_entry_knows_where_its_caller_sits_and_keeps_no_endless_text() {
        let from = Some([192, 0, 2, 7].into());
        let caller = Caller { user: UserId(1), name: "bob".into(), via: Via::Login, from };
        let subject = Subject::Device(DeviceId(7));
        let long = "ä".repeat(10 * DETAIL_CHARS_MAX);
        let entry = Entry::new(subject, Who::Caller(caller), Action::Described, 5, 1)
            .with("description", long.as_str());
        assert_eq!(entry.from, from);
        let kept = entry.detail.text("description").map(|text| text.chars().count());
        assert_eq!(kept, Some(DETAIL_CHARS_MAX));
    }
}
