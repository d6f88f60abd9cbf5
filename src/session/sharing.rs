//! Sharing, as the session actor does it: `session/rights` decides, the store keeps it, and the
//! session of whom it concerns is told to look.

use crate::device::DeviceMsg;
use crate::host::random_bytes;
use crate::kind::FieldError;
use crate::model::audit::{Action, Entry, Who};
use crate::model::{DeviceId, Grant, Role, Scope, UserId};
use crate::store::invitations::{self, Invitation};
use crate::store::secret::Secret;
use crate::store::{self, Batch, CommitError, ReadError};

use super::actor::{Authority, Running, entry, not_stored};
use super::rights::{self, Invited, Shares, Sharing};
use super::{SessionError, SessionMsg};

/// How long an invitation is good, in milliseconds: a week.
const INVITATION_MS: i64 = 7 * 24 * 3_600_000;

impl Running {
    /// The user's right on a device as the store knows it.
    pub(super) fn right(&self, id: DeviceId, now_ms: i64) -> Result<Option<Grant>, ReadError> {
        self.right_of(self.user, id, now_ms)
    }

    fn right_of(
        &self,
        user: UserId,
        id: DeviceId,
        now_ms: i64,
    ) -> Result<Option<Grant>, ReadError> {
        let store = &self.floor.store;
        let Some(device) = store::devices::get(store, id)? else { return Ok(None) };
        let grant = store::devices::grant(store, id, user)?;
        Ok(rights::right(device.owner, user, grant, now_ms))
    }

    /// What is asked about who may use a device.
    pub(super) async fn answer_sharing(
        &mut self,
        authority: &Authority,
        asked: SessionMsg,
        now_ms: i64,
    ) {
        let Authority { by, scope } = authority;
        let Some(state) = &self.state else { return };
        let may = |id, role| state.check(id, role, scope).map(drop);
        // To share is a person's, whatever a program's token says.
        let person = if *scope == Scope::ALL { Ok(()) } else { Err(SessionError::Forbidden) };
        #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else comes here")]
        match asked {
            SessionMsg::Grants(id, reply) => {
                let may = may(id, Role::Owner).and(person);
                reply.send(may.and_then(|()| self.grants(id, now_ms)));
            }
            SessionMsg::Share(id, sharing, reply) => {
                let may = may(id, rights::needed(&sharing)).and(person);
                let done = match may {
                    Ok(()) => self.share(id, &sharing, now_ms).await,
                    Err(refused) => Err(refused),
                };
                reply.send(done);
            }
            SessionMsg::Invite(id, grant, reply) => {
                let may = may(id, Role::Owner).and(person);
                let done = match may {
                    Ok(()) => self.invite(id, grant, by, now_ms).await,
                    Err(refused) => Err(refused),
                };
                reply.send(done);
            }
            SessionMsg::Accept(token, reply) => {
                let done = match person {
                    Ok(()) => self.accept(&token, by, now_ms).await,
                    Err(refused) => Err(refused),
                };
                reply.send(done);
            }
            _ => {}
        }
    }

    /// Brings the list up to what the store says of the user's right on a device.
    pub(super) fn grant_changed(&mut self, id: DeviceId, now_ms: i64) -> Result<(), ReadError> {
        let right = self.right(id, now_ms)?;
        if right.is_none_or(|right| right.role < Role::Operator) {
            // What this session handed on before it knew has reached the device before this.
            self.floor.devices.tell(id, DeviceMsg::RightLost(self.user, None));
        }
        let Some(right) = right else {
            self.forget(id, now_ms);
            return Ok(());
        };
        let Some(state) = &mut self.state else { return Ok(()) };
        if !state.give(id, right, now_ms)
            && let Some(view) = self.watch(id)?
            && let Some(state) = &mut self.state
        {
            state.add(view, right, now_ms);
        }
        Ok(())
    }

    /// Takes a device off the list.
    pub(super) fn forget(&mut self, id: DeviceId, now_ms: i64) {
        self.floor.devices.unwatch(id, self.watch_key());
        if let Some(state) = &mut self.state {
            state.remove(id, now_ms);
        }
    }

    /// Who has a right on a device now, apart from who made it.
    pub(super) fn grants(
        &self,
        id: DeviceId,
        now_ms: i64,
    ) -> Result<Vec<(UserId, Grant)>, SessionError> {
        let mut grants = store::devices::grants(&self.floor.store, id).map_err(not_stored)?;
        grants.retain(|(_, grant)| grant.holds(now_ms));
        Ok(grants)
    }

    /// Gives a right or takes one away; the caller has checked that the user may.
    pub(super) async fn share(
        &mut self,
        id: DeviceId,
        sharing: &Sharing,
        now_ms: i64,
    ) -> Result<(), SessionError> {
        let (with, maker) = (sharing.with, self.maker(id)?);
        rights::decide(sharing, self.shares(id, maker, with, now_ms)?, now_ms)?;
        let mut batch = Batch::new();
        match &sharing.grant {
            Some(grant) => {
                self.check_room(with)?;
                store::devices::expect_owned(&mut batch, maker, id);
                store::devices::put_grant(&mut batch, id, with, grant);
            }
            None => store::devices::remove_grant(&mut batch, id, with),
        }
        self.note(&mut batch, &self.shared(id, sharing, now_ms)?)?;
        self.commit_sharing(batch, id, sharing).await?;
        if with == self.user {
            return self.grant_changed(id, now_ms).map_err(not_stored);
        }
        Ok(())
    }

    /// Whoever ends the write tells whom it concerns: so a right that was taken away is gone even
    /// if this actor is killed before it could say so.
    async fn commit_sharing(
        &self,
        batch: Batch,
        id: DeviceId,
        sharing: &Sharing,
    ) -> Result<(), SessionError> {
        let (neighbours, devices) = (self.floor.neighbours.clone(), self.floor.devices.clone());
        let (with, own) = (sharing.with, sharing.with == self.user);
        let lost = sharing.grant.is_none_or(|grant| grant.role < Role::Operator);
        let tell = move |_: &_| {
            if lost {
                devices.tell(id, DeviceMsg::RightLost(with, None));
            }
            if !own {
                neighbours.tell(with, SessionMsg::GrantChanged(id));
            }
        };
        self.floor.store.commit_telling(batch, tell).await.map_err(gone_or_not_stored)
    }

    /// What the audit says of a right that was given or taken away.
    fn shared(&self, id: DeviceId, sharing: &Sharing, now_ms: i64) -> Result<Entry, SessionError> {
        let action = match sharing.grant {
            Some(_) => Action::Granted,
            None if sharing.with == sharing.by.user => Action::Left,
            None => Action::Revoked,
        };
        let entry = entry(id, &Who::Caller(sharing.by.clone()), action, now_ms)?;
        let with = store::accounts::user(&self.floor.store, sharing.with).map_err(not_stored)?;
        let entry = match with {
            Some(with) => entry.with("username", &*with.name),
            None => entry,
        };
        Ok(sharing.grant.map_or(entry.clone(), |grant| with_grant(entry, grant)))
    }

    /// Makes an invitation; the caller has checked that the user may.
    pub(super) async fn invite(
        &self,
        id: DeviceId,
        grant: Grant,
        by: &Who,
        now_ms: i64,
    ) -> Result<Secret, SessionError> {
        let floor = &self.floor;
        if !grant.holds(now_ms) {
            let fault = FieldError::new("until", "out_of_range", "is in the past");
            return Err(SessionError::Invalid(vec![fault]));
        }
        let mut batch = Batch::new();
        let mut waiting = invitations::to_device(&floor.store, id).map_err(not_stored)?;
        waiting.retain(|invitation| {
            let good = invitation.expires_ms > now_ms;
            if !good {
                invitations::remove(&mut batch, invitation);
            }
            good
        });
        if waiting.len() >= floor.grants_max {
            return Err(SessionError::TooManyPeople(floor.grants_max));
        }
        let token = Secret::from_random(random_bytes().map_err(not_stored)?);
        let expires_ms = now_ms.saturating_add(INVITATION_MS);
        let invitation =
            Invitation { hash: token.hash(), device: id, grant, by: self.user, expires_ms };
        store::devices::expect_owned(&mut batch, self.maker(id)?, id);
        invitations::create(&mut batch, &invitation);
        self.note(&mut batch, &with_grant(entry(id, by, Action::Invited, now_ms)?, grant))?;
        floor.store.commit(batch).await.map_err(gone_or_not_stored)?;
        Ok(token)
    }

    /// Uses an invitation. Whatever is wrong with it, a stranger learns only that it is no good.
    pub(super) async fn accept(
        &mut self,
        token: &str,
        by: &Who,
        now_ms: i64,
    ) -> Result<(String, u64), SessionError> {
        let found = invitations::of_token(&self.floor.store, token).map_err(not_stored)?;
        let invitation = found.ok_or(SessionError::NoSuchDevice)?;
        let (id, maker) = (invitation.device, self.maker(invitation.device)?);
        let invited = Invited {
            grant: invitation.grant,
            expires_ms: invitation.expires_ms,
            inviter: self.right_of(invitation.by, id, now_ms).map_err(not_stored)?,
            own: self.right(id, now_ms).map_err(not_stored)?,
        };
        if rights::accept(&invited, self.shares(id, maker, self.user, now_ms)?, now_ms)? {
            self.check_room(self.user)?;
            let mut batch = Batch::new();
            invitations::take(&mut batch, &invitation);
            store::devices::expect_owned(&mut batch, maker, id);
            store::devices::put_grant(&mut batch, id, self.user, &invitation.grant);
            let joined = entry(id, by, Action::Joined, now_ms)?;
            self.note(&mut batch, &with_grant(joined, invitation.grant))?;
            self.floor.store.commit(batch).await.map_err(gone_or_not_stored)?;
            self.grant_changed(id, now_ms).map_err(not_stored)?;
        }
        self.state.as_ref().ok_or(SessionError::Unavailable)?.show(id, &Scope::ALL)
    }

    fn maker(&self, id: DeviceId) -> Result<UserId, SessionError> {
        let device = store::devices::get(&self.floor.store, id).map_err(not_stored)?;
        device.map(|device| device.owner).ok_or(SessionError::NoSuchDevice)
    }

    fn shares(
        &self,
        id: DeviceId,
        maker: UserId,
        with: UserId,
        now_ms: i64,
    ) -> Result<Shares, SessionError> {
        let grants = self.grants(id, now_ms)?;
        let has_one = grants.iter().any(|(user, _)| *user == with);
        Ok(Shares { maker, has_one, people: grants.len(), people_max: self.floor.grants_max })
    }

    /// As many devices of others may be on a list as of one's own.
    fn check_room(&self, user: UserId) -> Result<(), SessionError> {
        let max = self.floor.devices_max;
        let shared = store::devices::shared_with(&self.floor.store, user, None, max);
        if shared.map_err(not_stored)?.len() < max {
            return Ok(());
        }
        Err(SessionError::TooMany(max))
    }
}

fn with_grant(entry: Entry, grant: Grant) -> Entry {
    let role = match grant.role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Owner => "owner",
    };
    let entry = entry.with("role", role);
    match grant.until_ms {
        Some(until_ms) => entry.with("until", until_ms),
        None => entry,
    }
}

/// A conflict says that the device, or the invitation, is gone.
fn gone_or_not_stored(error: CommitError) -> SessionError {
    if error == CommitError::Conflict {
        return SessionError::NoSuchDevice;
    }
    not_stored(error)
}
