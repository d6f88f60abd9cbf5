//! Who asks: a person who signed in, or a program with a person's API token.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::config::Config;
use crate::host::now_ms;
use crate::http::HttpFloor;
use crate::http::error::Problem;
use crate::model::{Caller, DeviceId, Role, Scope, UserId, Via};
use crate::session::{Answer, Asked, LoginId, SessionError, SessionMsg};
use crate::store::credentials::{self, ApiToken};
use crate::store::{SecretHash, accounts};
use crate::supervision::lock;
use crate::throttle::rate::Buckets;

use super::caller::{address, bearer, caller, check, no_token};
use super::store_fault;
use super::tokens::Claims;

/// What every API token begins with, so that one that leaked is recognised.
pub const PREFIX: &str = "hearth_";

/// Keys whose pace is remembered.
const ENTRIES_MAX: usize = 100_000;

/// Who asks, and with which part of the user's rights. A program gets no further than
/// [`Asker::ask`]; what only a person may do takes a [`super::caller::SignedIn`].
pub struct Asker {
    /// Who.
    pub caller: Caller,
    /// The sign-in that it ends with.
    pub login: Option<LoginId>,
    /// What it may.
    pub scope: Scope,
    /// Unix milliseconds at which it is over.
    pub expires_ms: i64,
    /// The hash of the API token that it comes with; people have none.
    pub token: Option<SecretHash>,
}

impl Asker {
    /// A person, at that address.
    #[must_use]
    pub fn person(claims: &Claims, from: IpAddr) -> Self {
        let (caller, expires_ms) = (caller(claims, from), claims.exp.saturating_mul(1_000));
        Self { caller, login: claims.login, scope: Scope::ALL, expires_ms, token: None }
    }

    /// Asks the user's session, with no more rights than the asker has.
    ///
    /// # Errors
    /// Whatever the session answers.
    pub async fn ask<T: Send + 'static>(
        &self,
        floor: &HttpFloor,
        question: impl FnOnce(Answer<T>) -> SessionMsg + Send,
    ) -> Result<T, SessionError> {
        let (by, scope) = (self.caller.clone(), self.scope.clone());
        let asked =
            |reply| SessionMsg::Asked(Box::new(Asked { by, scope, question: question(reply) }));
        floor.sessions.ask(self.caller.user, asked).await
    }
}

impl FromRequestParts<Arc<HttpFloor>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(no_token)?;
        check_asker(floor, token, address(parts, floor))
    }
}

/// Who looks at a picture: an [`Asker`], or a `token` in the address, for pages and letters that
/// can't send a header. Addresses are copied and logged, so only an API token that may do no more
/// than read is taken there.
pub struct Viewer(pub Asker);

impl FromRequestParts<Arc<HttpFloor>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Problem> {
        if let Some(token) = bearer(&parts.headers) {
            return check_asker(floor, token, address(parts, floor)).map(Self);
        }
        let query = parts.uri.query().unwrap_or_default();
        let mut members = query.split('&').filter_map(|member| member.split_once('='));
        let token = members.find_map(|(name, value)| (name == "token").then_some(value));
        let token = token.filter(|token| token.starts_with(PREFIX)).ok_or_else(no_token)?;
        let asker = check_asker(floor, token, address(parts, floor))?;
        if asker.scope.role > Role::Viewer {
            let detail = "in an address only a token with the scope \"read\" is taken";
            return Err(Problem::new(StatusCode::FORBIDDEN, "token_too_strong", detail));
        }
        Ok(Self(asker))
    }
}

/// Who a token is that comes from an address.
///
/// # Errors
/// 401; 429 for who asks too fast.
pub fn check_asker(floor: &HttpFloor, token: &str, from: IpAddr) -> Result<Asker, Problem> {
    let Some(secret) = token.strip_prefix(PREFIX) else {
        return check(floor, token).map(|claims| Asker::person(&claims, from));
    };
    let now_ms = now_ms();
    let kept = credentials::token_of(&floor.store, &SecretHash::of(secret)).map_err(store_fault)?;
    let kept = kept.filter(|kept| kept.hash.verifies(secret));
    let kept = kept.filter(|kept| kept.expires_ms.is_none_or(|end_ms| now_ms < end_ms));
    let user = match &kept {
        Some(kept) => accounts::user(&floor.store, kept.user).map_err(store_fault)?,
        None => None,
    };
    let (Some(kept), Some(user)) = (kept, user) else {
        return Err(Problem::unauthorized("invalid_token", "the token is not valid"));
    };
    floor.auth.rates.take(Some(kept.hash), user.id, now_ms).map_err(Problem::too_many)?;
    let (via, from) = (Via::Token(kept.label.clone()), Some(from));
    Ok(Asker {
        scope: scope(&kept),
        expires_ms: kept.expires_ms.unwrap_or(i64::MAX),
        login: None,
        caller: Caller { user: user.id, name: user.name, via, from },
        token: Some(kept.hash),
    })
}

/// A token is no person: what it can't do is refused in words.
pub(super) fn for_people() -> Problem {
    let detail = "this is for people who signed in, not for API tokens";
    Problem::new(StatusCode::FORBIDDEN, "not_for_tokens", detail)
}

/// What a token is good for, as the store keeps it: `read` or `control`, and the devices if it is
/// not for all: `read:7,8`.
#[must_use]
pub fn scope_text(control: bool, devices: Option<&[DeviceId]>) -> String {
    let word = if control { "control" } else { "read" };
    let Some(devices) = devices else { return word.to_owned() };
    let ids: Vec<_> = devices.iter().map(ToString::to_string).collect();
    format!("{word}:{}", ids.join(","))
}

/// What a token is good for. Words that are not ours give nothing.
#[must_use]
pub fn scope(token: &ApiToken) -> Scope {
    let (word, devices) = match token.scope.split_once(':') {
        Some((word, ids)) => {
            (word, Some(ids.split(',').filter_map(|id| id.parse().ok()).collect()))
        }
        None => (&*token.scope, None),
    };
    let (role, devices) = match word {
        "control" => (Role::Operator, devices),
        "read" => (Role::Viewer, devices),
        _ => (Role::Viewer, Some([].into())),
    };
    Scope { role, devices, until_ms: token.expires_ms }
}

/// How fast each address, user and token may ask.
pub struct Rates {
    addresses: Mutex<Buckets<IpAddr>>,
    users: Mutex<Buckets<UserId>>,
    tokens: Mutex<Buckets<SecretHash>>,
}

impl Rates {
    /// As the configuration says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let http = &config.http;
        Self {
            addresses: Mutex::new(Buckets::new(
                http.address_rate_max,
                http.address_burst_max,
                ENTRIES_MAX,
            )),
            users: Mutex::new(Buckets::new(http.user_rate_max, http.user_burst_max, ENTRIES_MAX)),
            tokens: Mutex::new(Buckets::new(
                http.token_rate_max,
                http.token_burst_max,
                ENTRIES_MAX,
            )),
        }
    }

    /// A request from an address.
    ///
    /// # Errors
    /// 429, as all of them.
    pub fn address(&self, address: IpAddr, now_ms: i64) -> Result<(), Problem> {
        lock(&self.addresses).take(&address, now_ms).map_err(Problem::too_many)
    }

    /// A request of a person.
    ///
    /// # Errors
    /// 429
    pub fn user(&self, user: UserId, now_ms: i64) -> Result<(), Problem> {
        self.take(None, user, now_ms).map_err(Problem::too_many)
    }

    /// A request of a user, or of a user's program with this token.
    ///
    /// # Errors
    /// Seconds to wait.
    pub fn take(&self, token: Option<SecretHash>, user: UserId, now_ms: i64) -> Result<(), u64> {
        if let Some(token) = token {
            lock(&self.tokens).take(&token, now_ms)?;
        }
        lock(&self.users).take(&user, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scope: &str) -> ApiToken {
        ApiToken {
            user: UserId(1),
            label: "grafana".into(),
            hash: SecretHash::of("x"),
            scope: scope.into(),
            created_ms: 0,
            expires_ms: None,
        }
    }

    #[test]
    fn what_a_token_is_good_for_is_kept_and_read_back() {
        let some = [DeviceId(7), DeviceId(8)];
        for (control, devices) in [(false, None), (true, None), (true, Some(&some[..]))] {
            let role = if control { Role::Operator } else { Role::Viewer };
            let expected = Scope { role, devices: devices.map(Into::into), until_ms: None };
            assert_eq!(scope(&token(&scope_text(control, devices))), expected);
        }
        assert_eq!(scope_text(false, Some(&some)), "read:7,8");
    }

    #[test]
    fn words_that_are_not_ours_give_nothing() {
        for strange in ["", "owner", "control:", "read:x", "admin:7"] {
            let scope = scope(&token(strange));
            assert!(!scope.covers(DeviceId(7)), "{strange}");
            assert!(scope != Scope::ALL && scope.role < Role::Owner, "{strange}");
        }
    }
}
