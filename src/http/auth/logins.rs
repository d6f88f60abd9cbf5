//! Sign-ins: their beginning, their renewal and their end; and tickets for the WebSocket.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::host::{now_ms, random_bytes, random_u64};
use crate::http::error::{Body, Problem};
use crate::http::{Floor, HttpFloor};
use crate::model::audit::Action;
use crate::model::{User, UserId};
use crate::session::{LoginId, SessionMsg};
use crate::store::accounts::{self, RefreshFamily};
use crate::store::secret::Secret;
use crate::store::{Batch, CommitError, Store};

use super::caller::{Address, SignedIn, person};
use super::register::Credentials;
use super::{Auth, about, claims, host_fault, millis, note, signed_out, store_fault};

/// The cookie in which a browser keeps its refresh token, out of reach of scripts.
const COOKIE: &str = "hearth_refresh";

/// What a sign-in gives.
#[derive(Serialize, ToSchema)]
pub struct Grants {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// Seconds that the access token is good.
    expires_in: u64,
    /// For `POST /auth/refresh`, once. A browser gets it as a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// A refresh token, for those who keep no cookies.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    #[serde(default)]
    refresh_token: Option<String>,
}

/// A ticket for opening one WebSocket.
#[derive(Serialize, ToSchema)]
pub struct Ticket {
    ticket: String,
}

/// Signs in.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Credentials,
    responses((status = 200, body = Grants), (status = 401, body = Problem),
        (status = 429, body = Problem)))]
pub async fn login(
    State(floor): Floor,
    Address(from): Address,
    headers: HeaderMap,
    Body(asked): Body<Credentials>,
) -> Result<Response, Problem> {
    let account = accounts::fold(&asked.username);
    floor.auth.may_try(&account, from, now_ms())?;
    let user = accounts::user_named(&floor.store, &asked.username).map_err(store_fault)?;
    let kept = match &user {
        Some(user) => accounts::password(&floor.store, user.id).map_err(store_fault)?,
        None => None,
    };
    let right = floor.auth.passwords.verify(asked.password, kept).await?;
    let Some(user) = user.as_ref().filter(|_| right) else {
        let failures = floor.auth.failed(&account, from, now_ms());
        note_failure(&floor, user.as_ref(), from, failures)?;
        let detail = "no account has this name and this password";
        return Err(Problem::unauthorized("wrong_credentials", detail));
    };
    floor.auth.sign_ins.person(&account, from).succeeded();
    let now_ms = now_ms();
    let secret = Secret::from_random(random_bytes().map_err(host_fault)?);
    let family = RefreshFamily {
        user: user.id,
        id: UserId::from_random(random_u64().map_err(host_fault)?).0,
        current: secret.hash(),
        previous: None,
        created_ms: now_ms,
        rotated_ms: now_ms,
        expires_ms: now_ms.saturating_add(millis(floor.config.auth.refresh_token_s)),
    };
    let mut batch = Batch::new();
    let logins = accounts::families(&floor.store, Some(user.id), None, usize::MAX);
    let mut logins = logins.map_err(store_fault)?;
    logins.sort_by_key(|login| login.rotated_ms);
    let surplus = (logins.len() + 1).saturating_sub(floor.config.auth.logins_max);
    for old in
        logins.iter().filter(|old| old.expires_ms <= now_ms).chain(logins.iter().take(surplus))
    {
        accounts::remove_family(&mut batch, user.id, old.id);
    }
    accounts::create_family(&mut batch, &family);
    let entry = about(user.id, person(user, from), Action::SignedIn)?;
    note(&floor, &mut batch, &entry)?;
    floor.store.commit(batch).await.map_err(store_fault)?;
    grants(&floor.auth, &floor.config, &headers, user, &family, &secret)
}

/// The audit has the first failure of a window, and the one after which the account has to wait:
/// so nobody who guesses can push everything else out of it. Nobody waits for the write.
pub(super) fn note_failure(
    floor: &HttpFloor,
    user: Option<&User>,
    from: IpAddr,
    failures: u32,
) -> Result<(), Problem> {
    let action = match failures {
        count if count == floor.config.auth.account_failures_max => Action::SignInLocked,
        1 => Action::SignInFailed,
        _ => return Ok(()),
    };
    let Some(user) = user else { return Ok(()) };
    let mut batch = Batch::new();
    note(floor, &mut batch, &about(user.id, person(user, from), action)?)?;
    floor.store.commit_then(batch, |done| {
        if let Err(error) = done {
            tracing::warn!(%error, "a failed sign-in is not in the audit");
        }
    });
    Ok(())
}

/// Trades a refresh token for a new one and an access token. A spent one that comes back was
/// stolen, or its thief was first: the sign-in ends.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Option<Refresh>,
    responses((status = 200, body = Grants), (status = 401, body = Problem)))]
pub async fn refresh(
    State(floor): Floor,
    Address(from): Address,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let (family, secret) = presented(&floor.store, &headers, &body)?;
    let now_ms = now_ms();
    if family.expires_ms <= now_ms {
        return Err(signed_out());
    }
    if !family.current.verifies(&secret) {
        if family.previous.is_some_and(|previous| previous.verifies(&secret)) {
            tracing::warn!(user = %family.user, "a spent refresh token came back");
            end_login(&floor, &family, from, Action::TokenReused).await?;
        }
        return Err(signed_out());
    }
    let user = accounts::user(&floor.store, family.user).map_err(store_fault)?;
    let user = user.ok_or_else(signed_out)?;
    let next = Secret::from_random(random_bytes().map_err(host_fault)?);
    let mut batch = Batch::new();
    let family = accounts::rotate_family(&mut batch, &family, next.hash(), now_ms);
    match floor.store.commit(batch).await {
        Ok(()) => grants(&floor.auth, &floor.config, &headers, &user, &family, &next),
        // Two at once with the same token: the second is a re-use.
        Err(CommitError::Conflict) => Err(signed_out()),
        Err(error) => Err(store_fault(error)),
    }
}

/// Signs out: the refresh token is void, the access tokens of this sign-in too, and its tabs close.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = Option<Refresh>,
    responses((status = 204)))]
pub async fn logout(
    State(floor): Floor,
    signed_in: Option<SignedIn>,
    Address(from): Address,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let by_access = signed_in.and_then(|SignedIn(claims, _)| Some((claims.sub, claims.login?)));
    let family = match (presented(&floor.store, &headers, &body), by_access) {
        (Ok((family, secret)), _) if family.current.verifies(&secret) => Some(family),
        (_, Some((user, login))) => {
            accounts::family(&floor.store, user, login.0).map_err(store_fault)?
        }
        _ => None,
    };
    if let Some(family) = family {
        end_login(&floor, &family, from, Action::SignedOut).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &floor.config, "", 0);
    Ok(response)
}

/// A ticket: one use, for opening the WebSocket without a token in the URL.
#[utoipa::path(post, path = "/auth/ticket", tag = "auth",
    responses((status = 200, body = Ticket), (status = 401, body = Problem)))]
pub async fn ticket(
    State(floor): Floor,
    SignedIn(claims, _): SignedIn,
) -> Result<Json<Ticket>, Problem> {
    let secret = Secret::from_random(random_bytes().map_err(host_fault)?);
    let (now_ms, good_ms) = (now_ms(), millis(floor.config.auth.ticket_s));
    floor.auth.tickets.keep(secret.reveal().into(), claims, now_ms, now_ms + good_ms);
    Ok(Json(Ticket { ticket: secret.reveal().into() }))
}

fn grants(
    auth: &Auth,
    config: &Config,
    headers: &HeaderMap,
    user: &User,
    family: &RefreshFamily,
    secret: &Secret,
) -> Result<Response, Problem> {
    let good_for_s = config.auth.access_token_s.as_secs();
    let now_s = now_ms() / 1_000;
    let claims =
        claims(user, Some(LoginId(family.id)), now_s, millis(config.auth.access_token_s) / 1_000);
    let access_token = auth
        .tokens
        .make(&claims)
        .map_err(|error| Problem::unauthorized("invalid_token", &error.to_string()))?;
    let refresh_token = format!("{}.{}.{}", user.id, family.id, secret.reveal());
    // Only browsers send this header, and no script can take it away: they get the cookie alone.
    let is_browser = headers.contains_key("sec-fetch-site");
    let body = Grants {
        access_token,
        token_type: "bearer",
        expires_in: good_for_s,
        refresh_token: (!is_browser).then(|| refresh_token.clone()),
    };
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set_cookie(&mut response, config, &refresh_token, config.auth.refresh_token_s.as_secs());
    Ok(response)
}

fn set_cookie(response: &mut Response, config: &Config, token: &str, max_age_s: u64) {
    let is_https = config.http.public_url.as_deref().is_some_and(|url| url.starts_with("https:"));
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={token}; Path=/auth; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}"
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The family of the refresh token in the body or in the cookie, and the token's secret part.
fn presented(
    store: &Store,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(RefreshFamily, String), Problem> {
    let asked: Refresh = if body.is_empty() {
        Refresh::default()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "not_json", error.to_string()))?
    };
    let token = asked.refresh_token.or_else(|| cookie(headers)).ok_or_else(signed_out)?;
    let mut parts = token.splitn(3, '.');
    let user: Option<UserId> = parts.next().and_then(|part| part.parse().ok());
    let family: Option<u64> = parts.next().and_then(|part| part.parse().ok());
    let (Some(user), Some(family), Some(secret)) = (user, family, parts.next()) else {
        return Err(signed_out());
    };
    let family = accounts::family(store, user, family).map_err(store_fault)?;
    Ok((family.ok_or_else(signed_out)?, secret.to_owned()))
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token.to_owned())
}

pub(super) async fn end_login(
    floor: &HttpFloor,
    family: &RefreshFamily,
    from: IpAddr,
    why: Action,
) -> Result<(), Problem> {
    let mut batch = Batch::new();
    accounts::remove_family(&mut batch, family.user, family.id);
    if let Some(user) = accounts::user(&floor.store, family.user).map_err(store_fault)? {
        note(floor, &mut batch, &about(user.id, person(&user, from), why)?)?;
    }
    floor.store.commit(batch).await.map_err(store_fault)?;
    floor.sessions.tell(family.user, SessionMsg::LoginEnded(LoginId(family.id)));
    Ok(())
}
