//! Who sends a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use crate::config::Config;
use crate::host::now_ms;
use crate::http::HttpFloor;
use crate::http::error::Problem;
use crate::http::server::PeerAddress;
use crate::model::{Caller, User, Via};
use crate::session::{Answer, SessionError, SessionMsg};
use crate::store::accounts;

use super::asker::{Asker, PREFIX, check_asker, for_people};
use super::store_fault;
use super::tokens::{BadToken, Claims};

/// Somebody who signed in, and the address that the request comes from.
pub struct SignedIn(pub Claims, pub IpAddr);

impl SignedIn {
    /// Who, as the rooms below know it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        caller(&self.0, self.1)
    }

    /// Asks the person's session something.
    ///
    /// # Errors
    /// Whatever the session answers.
    pub async fn ask<T: Send + 'static>(
        &self,
        floor: &HttpFloor,
        question: impl FnOnce(Answer<T>) -> SessionMsg + Send,
    ) -> Result<T, SessionError> {
        Asker::person(&self.0, self.1).ask(floor, question).await
    }
}

/// Who, as the rooms below know it.
#[must_use]
pub fn caller(claims: &Claims, from: IpAddr) -> Caller {
    let (user, name) = (claims.sub, claims.name.as_str().into());
    Caller { user, name, via: Via::Login, from: Some(from) }
}

/// Who, for somebody who is only just signing in or out.
#[must_use]
pub fn person(user: &User, from: IpAddr) -> Caller {
    Caller { user: user.id, name: user.name.clone(), via: Via::Login, from: Some(from) }
}

/// Where a request comes from.
pub struct Address(pub IpAddr);

impl FromRequestParts<Arc<HttpFloor>> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Infallible> {
        Ok(Self(address(parts, floor)))
    }
}

/// A request that came through no door of ours comes from nowhere.
pub(in crate::http) fn address(parts: &Parts, floor: &HttpFloor) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<PeerAddress>>();
    let address = |ConnectInfo(PeerAddress(peer)): &ConnectInfo<PeerAddress>| {
        peer_address(*peer, &parts.headers, &floor.config)
    };
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), address)
}

/// An administrator.
pub struct Administrator(pub Claims, pub IpAddr);

impl FromRequestParts<Arc<HttpFloor>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(no_token)?;
        Ok(Self(check(floor, token)?, address(parts, floor)))
    }
}

impl OptionalFromRequestParts<Arc<HttpFloor>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Option<Self>, Problem> {
        let claims = bearer(&parts.headers).and_then(|token| check(floor, token).ok());
        Ok(claims.map(|claims| Self(claims, address(parts, floor))))
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
        let SignedIn(claims, from) = signed_in.await?;
        if claims.admin {
            return Ok(Self(claims, from));
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
        check_asker(floor, token, Ipv4Addr::UNSPECIFIED.into())?;
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
pub fn check_socket(floor: &HttpFloor, token: &str, from: IpAddr) -> Result<Asker, Problem> {
    match floor.auth.tickets.take(token, now_ms()) {
        Some(claims) => Ok(Asker::person(&claims, from)),
        None => check_asker(floor, token, from),
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
