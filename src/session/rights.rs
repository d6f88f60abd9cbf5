//! Who may do what with whose device, and who may change that. Pure. Default deny: where nothing
//! here gives a right, there is none.

use crate::kind::FieldError;
use crate::model::{Caller, Grant, Role, UserId};

use super::SessionError;

/// A right that somebody wants to give, or take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharing {
    /// Who does it.
    pub by: Caller,
    /// Whose right it is to be.
    pub with: UserId,
    /// The right; none takes it away.
    pub grant: Option<Grant>,
}

/// The right of `user` on a device that `maker` made, with the `grant` that the store has. Who made
/// a device always owns it.
#[must_use]
pub fn right(maker: UserId, user: UserId, grant: Option<Grant>, now_ms: i64) -> Option<Grant> {
    if user == maker { Some(Grant::OWNER) } else { grant.filter(|grant| grant.holds(now_ms)) }
}

/// A device's grants, as far as they matter to a decision.
#[derive(Debug, Clone, Copy)]
pub struct Shares {
    /// Who made the device.
    pub maker: UserId,
    /// Whether the user in question has a right now.
    pub has_one: bool,
    /// How many people have one.
    pub people: usize,
    /// How many may have one.
    pub people_max: usize,
}

/// What one has to be to do that: leaving is everybody's, the rest the owner's.
#[must_use]
pub fn needed(sharing: &Sharing) -> Role {
    let leaves = sharing.grant.is_none() && sharing.with == sharing.by.user;
    if leaves { Role::Viewer } else { Role::Owner }
}

/// May somebody who is what [`needed`] says do it?
///
/// # Errors
/// [`SessionError::Invalid`] where it makes no sense, [`SessionError::NoSuchDevice`] where there is
/// nothing to take away, [`SessionError::TooManyPeople`] at the limit.
pub fn decide(sharing: &Sharing, shares: Shares, now_ms: i64) -> Result<(), SessionError> {
    let fault = |field, code, reason: &str| {
        Err(SessionError::Invalid(vec![FieldError::new(field, code, reason)]))
    };
    if sharing.with == shares.maker {
        return fault("username", "is_owner", "made the device and always owns it");
    }
    match sharing.grant {
        None if shares.has_one => Ok(()),
        None => Err(SessionError::NoSuchDevice),
        Some(grant) if !grant.holds(now_ms) => fault("until", "out_of_range", "is in the past"),
        Some(_) if !shares.has_one && shares.people >= shares.people_max => {
            Err(SessionError::TooManyPeople(shares.people_max))
        }
        Some(_) => Ok(()),
    }
}

/// A link to a device that somebody wants to use.
#[derive(Debug, Clone, Copy)]
pub struct Invited {
    /// What it gives.
    pub grant: Grant,
    /// Unix milliseconds at which the link ends.
    pub expires_ms: i64,
    /// The right that whoever made the link has now.
    pub inviter: Option<Grant>,
    /// The right that the user has already.
    pub own: Option<Grant>,
}

/// Does the link give its user anything? Not where the user may as much without it.
///
/// # Errors
/// [`SessionError::NoSuchDevice`] whatever is wrong with the link: a stranger learns no more.
/// [`SessionError::TooManyPeople`] at the limit.
pub fn accept(invited: &Invited, shares: Shares, now_ms: i64) -> Result<bool, SessionError> {
    let Invited { grant, expires_ms, inviter, own } = invited;
    let may_invite = inviter.is_some_and(|right| right.role == Role::Owner);
    if *expires_ms <= now_ms || !grant.holds(now_ms) || !may_invite {
        return Err(SessionError::NoSuchDevice);
    }
    if own.is_some_and(|own| own.role >= grant.role) {
        return Ok(false);
    }
    if own.is_none() && shares.people >= shares.people_max {
        return Err(SessionError::TooManyPeople(shares.people_max));
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
