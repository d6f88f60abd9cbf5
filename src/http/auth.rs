//! Who is who: accounts and sign-ins, tokens and tickets, and how fast each may ask.

pub mod account;
pub mod asker;
pub mod caller;
pub mod logins;
pub mod passwords;
pub mod register;
pub mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;

use crate::config::Config;
use crate::host::{now_ms, random_bytes};
use crate::model::audit::{Action, Entry, Subject, Who};
use crate::model::{Caller, DeviceId, User, UserId};
use crate::observe::metrics;
use crate::session::LoginId;
use crate::store::audit::{self, Keep};
use crate::store::credentials::{self, SigningKey};
use crate::store::{Batch, Store};
use crate::throttle::SignIns;

use super::HttpFloor;
use super::error::Problem;
use asker::Rates;
use passwords::{PasswordError, Passwords};
pub use register::check_new;
use tokens::{Claims, Tickets, Tokens};

/// Who is who.
pub struct Auth {
    passwords: Passwords,
    tokens: Tokens,
    tickets: Tickets,
    sign_ins: Arc<SignIns>,
    /// How fast everybody may ask.
    pub rates: Rates,
}

impl Auth {
    /// Signs with the store's key, which the first start makes.
    ///
    /// # Errors
    /// If the store or the operating system fails.
    pub async fn open(
        store: &Store,
        config: &Config,
        sign_ins: Arc<SignIns>,
    ) -> anyhow::Result<Self> {
        let auth = &config.auth;
        let key = if let Some(key) = credentials::signing_key(store)? {
            key
        } else {
            let key = SigningKey(random_bytes()?);
            let mut batch = Batch::new();
            credentials::create_signing_key(&mut batch, &key);
            store.commit(batch).await?;
            key
        };
        Ok(Self {
            passwords: Passwords::start(auth)?,
            tokens: Tokens::new(&key),
            tickets: Tickets::default(),
            sign_ins,
            rates: Rates::new(config),
        })
    }

    /// Makes an access token that no sign-in can end.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn token(&self, user: &User, now_s: i64, good_for_s: i64) -> anyhow::Result<String> {
        Ok(self.tokens.make(&claims(user, None, now_s, good_for_s))?)
    }

    fn may_try(&self, account: &str, address: IpAddr, now_ms: i64) -> Result<(), Problem> {
        self.sign_ins.person(account, address).check(now_ms).map_err(Problem::too_many)
    }

    /// Notes a failed sign-in: how many of the account there were in this window.
    fn failed(&self, account: &str, address: IpAddr, now_ms: i64) -> u32 {
        metrics().sign_in_failures_http.inc();
        self.sign_ins.person(account, address).failed(now_ms)
    }
}

fn claims(user: &User, login: Option<LoginId>, now_s: i64, good_for_s: i64) -> Claims {
    let exp = now_s.saturating_add(good_for_s);
    Claims { sub: user.id, name: user.name.to_string(), admin: user.admin, login, iat: now_s, exp }
}

/// What somebody did with an account, for the audit.
pub(super) fn about(account: UserId, by: Caller, action: Action) -> Result<Entry, Problem> {
    entry(Subject::Account(account), Who::Caller(by), action)
}

/// What somebody did to a device without a word to its session, for the audit.
pub(super) fn to_device(device: DeviceId, by: Caller, action: Action) -> Result<Entry, Problem> {
    entry(Subject::Device(device), Who::Caller(by), action)
}

/// What somebody did to the house, for the audit.
pub(super) fn to_house(by: Who, action: Action) -> Result<Entry, Problem> {
    entry(Subject::House, by, action)
}

fn entry(subject: Subject, by: Who, action: Action) -> Result<Entry, Problem> {
    let number = audit::next_number().map_err(host_fault)?;
    Ok(Entry::new(subject, by, action, now_ms(), number))
}

/// Puts an entry of the audit into the batch of what it tells of, and makes room for it.
pub(super) fn note(floor: &HttpFloor, batch: &mut Batch, entry: &Entry) -> Result<(), Problem> {
    audit::put(batch, entry);
    let keep = Keep::of(&floor.config.audit);
    audit::tidy(&floor.store, batch, entry.subject, keep, entry.at_ms).map_err(store_fault)
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn signed_out() -> Problem {
    Problem::unauthorized("signed_out", "sign in again")
}

pub(super) fn host_fault(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the operating system gives no randomness");
    Problem::unavailable("try again")
}

pub(super) fn store_fault(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the store failed");
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "not_stored", error.to_string())
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        Self::unavailable(&error.to_string())
    }
}
