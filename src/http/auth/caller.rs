//! Who sends a request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use crate::config::Config;
use crate::host::now_ms;
use crate::http::HttpFloor;
use crate::http::error::Problem;
use crate::model::{Caller, Via};
use crate::store::accounts;

use super::asker::{Asker, PREFIX, check_asker, for_people};
use super::store_fault;
use super::tokens::{BadToken, Claims};

/// Somebody who signed in.
pub struct SignedIn(pub Claims);

impl SignedIn {
    /// Who, as the rooms below know it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        caller(&self.0)
    }
}

/// Who, as the rooms below know it.
#[must_use]
pub fn caller(claims: &Claims) -> Caller {
    Caller { user: claims.sub, name: claims.name.as_str().into(), via: Via::Login }
}

/// An administrator.
pub struct Administrator(pub Claims);

impl FromRequestParts<Arc<HttpFloor>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(no_token)?;
        check(floor, token).map(Self)
    }
}

impl OptionalFromRequestParts<Arc<HttpFloor>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Option<Self>, Problem> {
        Ok(bearer(&parts.headers).and_then(|token| check(floor, token).ok()).map(Self))
    }
}

impl FromRequestParts<Arc<HttpFloor>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Problem> {
        let signed_in =
            <SignedIn as FromRequestParts<Arc<HttpFloor>>>::from_request_parts(parts, floor);
        let SignedIn(claims) = signed_in.await?;
        if claims.admin {
            return Ok(Self(claims));
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "for administrators"))
    }
}

pub(in crate::http) fn no_token() -> Problem {
    Problem::unauthorized("no_token", "an access token is needed: Authorization: Bearer …")
}

pub(in crate::http) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What an access token says, if it is good and its sign-in has not ended.
///
/// # Errors
/// 401; 403 for an API token; 429 for who asks too fast.
pub fn check(floor: &HttpFloor, token: &str) -> Result<Claims, Problem> {
    if token.starts_with(PREFIX) {
        check_asker(floor, token)?;
        return Err(for_people());
    }
    let claims = floor.auth.tokens.read(token, now_ms() / 1_000).map_err(|error| match error {
        BadToken::Expired => Problem::unauthorized("token_expired", "the token has expired"),
        BadToken::Invalid => Problem::unauthorized("invalid_token", "the token is not valid"),
    })?;
    let ended = match claims.login {
        None => false,
        Some(login) => {
            accounts::family(&floor.store, claims.sub, login.0).map_err(store_fault)?.is_none()
        }
    };
    if ended {
        return Err(Problem::unauthorized("signed_out", "this sign-in has ended"));
    }
    floor.auth.rates.user(claims.sub, now_ms())?;
    Ok(claims)
}

/// Which person opens a WebSocket with this token: a ticket or an access token.
///
/// # Errors
/// 401; 403 for an API token.
pub fn check_person(floor: &HttpFloor, token: &str) -> Result<Claims, Problem> {
    match floor.auth.tickets.take(token, now_ms()) {
        Some(claims) => Ok(claims),
        None => check(floor, token),
    }
}

/// Who opens a WebSocket with this token: a ticket, an access token or an API token.
///
/// # Errors
/// 401
pub fn check_socket(floor: &HttpFloor, token: &str) -> Result<Asker, Problem> {
    match floor.auth.tickets.take(token, now_ms()) {
        Some(claims) => Ok(Asker::person(&claims)),
        None => check_asker(floor, token),
    }
}

/// Where a request comes from; a trusted proxy is believed.
#[must_use]
pub fn peer_address(peer: SocketAddr, headers: &HeaderMap, config: &Config) -> IpAddr {
    let forwarded = || {
        let last = headers.get("x-forwarded-for")?.to_str().ok()?.rsplit(',').next()?;
        last.trim().parse().ok()
    };
    if config.http.trusted_proxies.contains(&peer.ip()) {
        return forwarded().unwrap_or_else(|| peer.ip());
    }
    peer.ip()
}
