//! Accounts and sign-ins: register, login, refresh, logout, me, ticket.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

pub mod account;
pub mod asker;
pub mod caller;
pub mod passwords;
pub mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::host::{now_ms, random_bytes, random_u64};
use crate::kind::FieldError;
use crate::model::{User, UserId};
use crate::observe::metrics;
use crate::session::{LoginId, SessionMsg};
use crate::store::accounts::{self, RefreshFamily};
use crate::store::credentials::{self, SigningKey};
use crate::store::secret::Secret;
use crate::store::{Batch, CommitError, Store};
use crate::throttle::SignIns;

use super::Floor;
use super::error::{Body, Problem};
use super::server::PeerAddress;
use asker::Rates;
use caller::{SignedIn, peer_address};
use passwords::{PasswordError, Passwords};
use tokens::{Claims, Tickets, Tokens};

/// Longest user name, in characters.
const USERNAME_CHARS_MAX: usize = 64;

/// The cookie in which a browser keeps its refresh token, out of reach of scripts.
const COOKIE: &str = "hearth_refresh";

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

    fn failed(&self, account: &str, address: IpAddr, now_ms: i64) {
        metrics().sign_in_failures_http.inc();
        self.sign_ins.person(account, address).failed(now_ms);
    }
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 1 to 64 letters, digits or `. _ - @ +`.
    username: String,
    /// At least `auth.password_chars_min` characters.
    password: String,
    /// From the link that an empty server prints: makes the first administrator.
    #[serde(default)]
    setup: Option<String>,
}

/// An account, as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Names the account for ever.
    id: u64,
    /// What the person types.
    username: String,
    /// Whether it is an administrator's.
    admin: bool,
}

impl Me {
    fn of(user: &User) -> Self {
        Self { id: user.id.0, username: user.name.to_string(), admin: user.admin }
    }
}

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

/// Makes an account.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = Credentials,
    responses((status = 201, body = Me), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn register(
    State(floor): Floor,
    Body(asked): Body<Credentials>,
) -> Result<Response, Problem> {
    let link = match &asked.setup {
        None if !floor.config.auth.open_registration => {
            let detail = "this server makes no accounts by itself: ask its administrator";
            return Err(Problem::new(StatusCode::FORBIDDEN, "registration_closed", detail));
        }
        None => None,
        Some(setup) => {
            let kept = credentials::admin_link(&floor.store).map_err(store_fault)?;
            let Some(kept) = kept.filter(|kept| kept.verifies(setup)) else {
                let detail = "this link has been used, or never was good";
                return Err(Problem::new(StatusCode::FORBIDDEN, "setup_used", detail));
            };
            Some(kept)
        }
    };
    check_new(&asked.username, &asked.password, &floor.config)?;
    let password = floor.auth.passwords.hash(asked.password).await?;
    let user = User {
        id: UserId::from_random(random_u64().map_err(host_fault)?),
        name: asked.username.as_str().into(),
        admin: link.is_some(),
        created_ms: now_ms(),
    };
    let mut batch = Batch::new();
    accounts::create_user(&mut batch, &user, &password);
    if let Some(link) = link {
        credentials::use_admin_link(&mut batch, &link);
    }
    match floor.store.commit(batch).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(Me::of(&user))).into_response()),
        Err(CommitError::Conflict) => {
            let detail = "somebody has this name already";
            Err(Problem::new(StatusCode::CONFLICT, "username_taken", detail))
        }
        Err(error) => Err(store_fault(error)),
    }
}

/// Whether a new account may be called so and have this password.
///
/// # Errors
/// Every fault.
pub fn check_new(username: &str, password: &str, config: &Config) -> Result<(), Problem> {
    let mut faults = Vec::new();
    let letters = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let length = username.chars().count();
    if length == 0 || length > USERNAME_CHARS_MAX || !username.chars().all(letters) {
        let reason = "1 to 64 letters, digits, or . _ - @ +";
        faults.push(FieldError::new("username", "not_a_name", reason));
    }
    let (shortest, longest) = (config.auth.password_chars_min, config.auth.password_bytes_max);
    if password.chars().count() < shortest {
        let reason = format!("at least {shortest} characters");
        faults.push(FieldError::new("password", "too_short", reason));
    }
    if password.len() > longest {
        let reason = format!("at most {longest} bytes");
        faults.push(FieldError::new("password", "too_long", reason));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Signs in.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Credentials,
    responses((status = 200, body = Grants), (status = 401, body = Problem),
        (status = 429, body = Problem)))]
pub async fn login(
    State(floor): Floor,
    ConnectInfo(PeerAddress(peer)): ConnectInfo<PeerAddress>,
    headers: HeaderMap,
    Body(asked): Body<Credentials>,
) -> Result<Response, Problem> {
    let address = peer_address(peer, &headers, &floor.config);
    let account = accounts::fold(&asked.username);
    floor.auth.may_try(&account, address, now_ms())?;
    let user = accounts::user_named(&floor.store, &asked.username).map_err(store_fault)?;
    let kept = match &user {
        Some(user) => accounts::password(&floor.store, user.id).map_err(store_fault)?,
        None => None,
    };
    let right = floor.auth.passwords.verify(asked.password, kept).await?;
    let Some(user) = user.filter(|_| right) else {
        floor.auth.failed(&account, address, now_ms());
        let detail = "no account has this name and this password";
        return Err(Problem::unauthorized("wrong_credentials", detail));
    };
    floor.auth.sign_ins.person(&account, address).succeeded();
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
    floor.store.commit(batch).await.map_err(store_fault)?;
    grants(&floor.auth, &floor.config, &headers, &user, &family, &secret)
}

/// Trades a refresh token for a new one and an access token. A spent one that comes back was
/// stolen, or its thief was first: the sign-in ends.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Option<Refresh>,
    responses((status = 200, body = Grants), (status = 401, body = Problem)))]
pub async fn refresh(
    State(floor): Floor,
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
            end_login(&floor.store, &floor.sessions, &family).await?;
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
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let by_access = signed_in.and_then(|SignedIn(claims)| Some((claims.sub, claims.login?)));
    let family = match (presented(&floor.store, &headers, &body), by_access) {
        (Ok((family, secret)), _) if family.current.verifies(&secret) => Some(family),
        (_, Some((user, login))) => {
            accounts::family(&floor.store, user, login.0).map_err(store_fault)?
        }
        _ => None,
    };
    if let Some(family) = family {
        end_login(&floor.store, &floor.sessions, &family).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &floor.config, "", 0);
    Ok(response)
}

/// Who am I?
#[utoipa::path(get, path = "/auth/me", tag = "auth",
    responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub async fn me(State(floor): Floor, SignedIn(claims): SignedIn) -> Result<Json<Me>, Problem> {
    let user = accounts::user(&floor.store, claims.sub).map_err(store_fault)?;
    Ok(Json(Me::of(&user.ok_or_else(signed_out)?)))
}

/// A ticket: one use, for opening the WebSocket without a token in the URL.
#[utoipa::path(post, path = "/auth/ticket", tag = "auth",
    responses((status = 200, body = Ticket), (status = 401, body = Problem)))]
pub async fn ticket(
    State(floor): Floor,
    SignedIn(claims): SignedIn,
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

fn claims(user: &User, login: Option<LoginId>, now_s: i64, good_for_s: i64) -> Claims {
    let exp = now_s.saturating_add(good_for_s);
    Claims { sub: user.id, name: user.name.to_string(), admin: user.admin, login, iat: now_s, exp }
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

async fn end_login(
    store: &Store,
    sessions: &crate::sessions::Sessions,
    family: &RefreshFamily,
) -> Result<(), Problem> {
    let mut batch = Batch::new();
    accounts::remove_family(&mut batch, family.user, family.id);
    store.commit(batch).await.map_err(store_fault)?;
    sessions.tell(family.user, SessionMsg::LoginEnded(LoginId(family.id)));
    Ok(())
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
