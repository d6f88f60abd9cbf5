//! What a person gives to programs: API tokens for the interface, and client credentials for the
//! topic space. Each is shown once and can be taken back.
#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::codec::TopicScope;
use crate::codec::topic::{SHARED_PREFIX, valid_filter};
use crate::device::DeviceMsg;
use crate::host::{now_ms, random_bytes};
use crate::kind::FieldError;
use crate::model::audit::Action;
use crate::model::{DeviceId, Role, UserId, Via};
use crate::observe::metrics;
use crate::session::SessionMsg;
use crate::store::credentials::{self, ApiToken, ClientCredential};
use crate::store::secret::Secret;
use crate::store::{Batch, CommitError, devices};

use super::auth::asker::{PREFIX, scope, scope_text};
use super::auth::caller::SignedIn;
use super::auth::{about, host_fault, note, store_fault};
use super::error::{Body, Problem};
use super::{Floor, HttpFloor};

/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 64;

/// Most filters that a client may be confined to, each way.
const FILTERS_MAX: usize = 20;

/// Most devices that a token may be confined to.
const DEVICES_MAX: usize = 100;

/// An API token, as it is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What the person calls it: 1 to 64 letters, digits or `. _ -`, unique among the user's.
    label: String,
    /// `read` (default), or `control` to send commands as well.
    #[serde(default)]
    scope: Allowed,
    /// The only devices that it is for; without it, all of the user's.
    #[serde(default)]
    devices: Option<Vec<u64>>,
    /// Unix milliseconds at which it ends; without it, never.
    #[serde(default)]
    until: Option<i64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Allowed {
    #[default]
    Read,
    Control,
}

/// An API token, without what makes it one.
#[derive(Serialize, ToSchema)]
pub struct ShownToken {
    label: String,
    /// `read` or `control`.
    scopes: Vec<&'static str>,
    /// The only devices that it is for; null: all.
    devices: Option<Vec<u64>>,
    /// Unix milliseconds.
    created_at: i64,
    /// Unix milliseconds at which it ends; null: never.
    until: Option<i64>,
    /// The token itself, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl ShownToken {
    fn of(kept: &ApiToken, token: Option<String>) -> Self {
        let scope = scope(kept);
        let word = if scope.role >= Role::Operator { "control" } else { "read" };
        Self {
            label: kept.label.to_string(),
            scopes: vec![word],
            devices: scope.devices.map(|devices| devices.iter().map(|id| id.0).collect()),
            created_at: kept.created_ms,
            until: kept.expires_ms,
            token,
        }
    }
}

/// The user's API tokens.
#[utoipa::path(get, path = "/tokens", tag = "programs",
    responses((status = 200, body = Vec<ShownToken>)))]
pub async fn tokens(State(floor): Floor, who: SignedIn) -> Result<Json<Vec<ShownToken>>, Problem> {
    let max = floor.config.auth.tokens_max;
    let kept = credentials::tokens(&floor.store, who.0.sub, max).map_err(store_fault)?;
    Ok(Json(kept.iter().map(|kept| ShownToken::of(kept, None)).collect()))
}

/// Makes an API token, for `Authorization: Bearer` and `/ws?token=`. It is shown this once.
#[utoipa::path(post, path = "/tokens", tag = "programs", request_body = NewToken,
    responses((status = 201, body = ShownToken), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn new_token(
    State(floor): Floor,
    who: SignedIn,
    Body(asked): Body<NewToken>,
) -> Result<(StatusCode, Json<ShownToken>), Problem> {
    let (user, now_ms) = (who.0.sub, now_ms());
    let mut faults: Vec<FieldError> = label_fault(&asked.label).into_iter().collect();
    if asked.until.is_some_and(|until_ms| until_ms <= now_ms) {
        faults.push(FieldError::new("until", "out_of_range", "is in the past"));
    }
    if asked.devices.as_ref().is_some_and(|ids| ids.is_empty() || ids.len() > DEVICES_MAX) {
        let reason = format!("1 to {DEVICES_MAX} devices, or leave it out");
        faults.push(FieldError::new("devices", "out_of_range", reason));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let max = floor.config.auth.tokens_max;
    let kept = credentials::tokens(&floor.store, user, max).map_err(store_fault)?;
    check_count(kept.len(), max, &metrics().limited_tokens)?;
    let devices: Option<Vec<DeviceId>> =
        asked.devices.map(|ids| ids.into_iter().map(DeviceId).collect());
    let secret = Secret::from_random(random_bytes().map_err(host_fault)?);
    let token = ApiToken {
        user,
        label: asked.label.into(),
        hash: secret.hash(),
        scope: scope_text(asked.scope == Allowed::Control, devices.as_deref()).into(),
        created_ms: now_ms,
        expires_ms: asked.until,
    };
    let mut batch = Batch::new();
    credentials::create_token(&mut batch, &token);
    let entry = about(user, who.caller(), Action::TokenCreated)?.with("label", &*token.label);
    note(&floor, &mut batch, &entry.with("scope", &*token.scope))?;
    floor.store.commit(batch).await.map_err(taken_or_fault)?;
    let shown = ShownToken::of(&token, Some(format!("{PREFIX}{}", secret.reveal())));
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Takes an API token back; its sockets are closed, and what it asked and is not done ends.
#[utoipa::path(delete, path = "/tokens/{label}", tag = "programs",
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn end_token(
    State(floor): Floor,
    who: SignedIn,
    Path(label): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = who.0.sub;
    let kept = credentials::token(&floor.store, user, &label).map_err(store_fault)?;
    let kept = kept.ok_or_else(Problem::not_found)?;
    let mut batch = Batch::new();
    credentials::remove_token(&mut batch, &kept);
    let entry = about(user, who.caller(), Action::TokenRevoked)?.with("label", &*kept.label);
    note(&floor, &mut batch, &entry)?;
    end(&floor, batch, user, Via::Token(kept.label), || ()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A client of the user's topic space, as it is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Names the client: 1 to 64 letters, digits or `. _ -`, unique among the user's.
    label: String,
    /// The only topics that it may publish to, as filters; without them, all.
    #[serde(default)]
    publish: Option<Vec<String>>,
    /// The only topics that it may subscribe to, as filters; without them, all.
    #[serde(default)]
    subscribe: Option<Vec<String>>,
}

/// A client of the user's topic space.
#[derive(Serialize, ToSchema)]
pub struct ShownClient {
    label: String,
    /// What it signs in with over MQTT.
    username: String,
    /// Unix milliseconds.
    created_at: i64,
    /// Filters: the only topics that it may publish to; null: all.
    publish: Option<Vec<String>>,
    /// Filters: the only topics that it may subscribe to; null: all.
    subscribe: Option<Vec<String>>,
    /// Its MQTT password, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl ShownClient {
    fn of(who: &SignedIn, kept: &ClientCredential, password: Option<String>) -> Self {
        let words = |filters: &Option<Box<[Box<str>]>>| {
            filters.as_ref().map(|filters| filters.iter().map(ToString::to_string).collect())
        };
        Self {
            label: kept.label.to_string(),
            username: format!("{}/{}", who.0.name, kept.label),
            created_at: kept.created_ms,
            publish: words(&kept.scope.publish),
            subscribe: words(&kept.scope.subscribe),
            password,
        }
    }
}

/// The clients of the user's topic space.
#[utoipa::path(get, path = "/clients", tag = "programs",
    responses((status = 200, body = Vec<ShownClient>)))]
pub async fn clients(
    State(floor): Floor,
    who: SignedIn,
) -> Result<Json<Vec<ShownClient>>, Problem> {
    let max = floor.config.auth.clients_max;
    let kept = credentials::clients(&floor.store, who.0.sub, max).map_err(store_fault)?;
    Ok(Json(kept.iter().map(|kept| ShownClient::of(&who, kept, None)).collect()))
}

/// Makes a client of the user's topic space. Its password is shown this once.
#[utoipa::path(post, path = "/clients", tag = "programs", request_body = NewClient,
    responses((status = 201, body = ShownClient), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn new_client(
    State(floor): Floor,
    who: SignedIn,
    Body(asked): Body<NewClient>,
) -> Result<(StatusCode, Json<ShownClient>), Problem> {
    let mut faults: Vec<FieldError> = label_fault(&asked.label).into_iter().collect();
    faults.extend(filters_fault("publish", asked.publish.as_deref()));
    faults.extend(filters_fault("subscribe", asked.subscribe.as_deref()));
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let (user, max) = (who.0.sub, floor.config.auth.clients_max);
    let kept = credentials::clients(&floor.store, user, max).map_err(store_fault)?;
    check_count(kept.len(), max, &metrics().limited_clients)?;
    let secret = Secret::from_random(random_bytes().map_err(host_fault)?);
    let boxed = |filters: Vec<String>| filters.into_iter().map(String::into_boxed_str).collect();
    let scope =
        TopicScope { publish: asked.publish.map(boxed), subscribe: asked.subscribe.map(boxed) };
    let (label, hash) = (asked.label.into(), secret.hash());
    let client = ClientCredential { user, label, hash, created_ms: now_ms(), scope };
    let mut batch = Batch::new();
    credentials::create_client(&mut batch, &client);
    let shown = ShownClient::of(&who, &client, Some(secret.reveal().to_owned()));
    let mut entry = about(user, who.caller(), Action::ClientCreated)?.with("label", &*client.label);
    for (way, filters) in [("publish", &shown.publish), ("subscribe", &shown.subscribe)] {
        if let Some(filters) = filters {
            entry = entry.with(way, filters.join(" ").as_str());
        }
    }
    note(&floor, &mut batch, &entry)?;
    floor.store.commit(batch).await.map_err(taken_or_fault)?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Takes a client's credential back; its connections end, and what it asked and is not done.
#[utoipa::path(delete, path = "/clients/{label}", tag = "programs",
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn end_client(
    State(floor): Floor,
    who: SignedIn,
    Path(label): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = who.0.sub;
    let kept = credentials::client(&floor.store, user, &label).map_err(store_fault)?;
    kept.ok_or_else(Problem::not_found)?;
    let mut batch = Batch::new();
    credentials::remove_client(&mut batch, user, &label);
    let entry = about(user, who.caller(), Action::ClientRevoked)?.with("label", label.as_str());
    note(&floor, &mut batch, &entry)?;
    let (spaces, program) = (floor.spaces.clone(), Via::Client(label.as_str().into()));
    end(&floor, batch, user, program, move || spaces.revoke(user, &label)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back what a program signs in with. Whoever ends the write tells whom it concerns, the
/// devices too: so what the program asked ends even if its user's session is killed meanwhile.
async fn end(
    floor: &HttpFloor,
    batch: Batch,
    user: UserId,
    program: Via,
    then: impl FnOnce() + Send + 'static,
) -> Result<(), Problem> {
    let (store, max) = (&floor.store, floor.config.limits.devices_max);
    let mut ids = devices::owned_by(store, user, None, max).map_err(store_fault)?;
    ids.extend(devices::shared_with(store, user, None, max).map_err(store_fault)?);
    let (sessions, devices) = (floor.sessions.clone(), floor.devices.clone());
    let tell = move |ended: &Result<(), CommitError>| {
        if ended.is_ok() {
            then();
            for id in ids {
                devices.tell(id, DeviceMsg::RightLost(user, Some(program.clone())));
            }
            sessions.tell(user, SessionMsg::ProgramEnded(program));
        }
    };
    store.commit_telling(batch, tell).await.map_err(store_fault)
}

fn label_fault(label: &str) -> Option<FieldError> {
    let letters = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let length = label.chars().count();
    if (1..=LABEL_CHARS_MAX).contains(&length) && label.chars().all(letters) {
        return None;
    }
    let reason = format!("1 to {LABEL_CHARS_MAX} letters, digits, or . _ -");
    Some(FieldError::new("label", "not_a_name", reason))
}

fn filters_fault(field: &str, filters: Option<&[String]>) -> Option<FieldError> {
    let takes = |filter: &String| valid_filter(filter) && !filter.starts_with(SHARED_PREFIX);
    let filters = filters?;
    if filters.len() <= FILTERS_MAX && filters.iter().all(takes) {
        return None;
    }
    let reason = format!("at most {FILTERS_MAX} topic filters, none of them shared");
    Some(FieldError::new(field, "not_filters", reason))
}

fn check_count(count: usize, max: usize, limited: &metrics::Counter) -> Result<(), Problem> {
    if count < max {
        return Ok(());
    }
    limited.inc();
    Err(Problem::new(StatusCode::CONFLICT, "too_many", format!("no more than {max}")))
}

fn taken_or_fault(error: CommitError) -> Problem {
    if error == CommitError::Conflict {
        let detail = "you have one of this label already";
        return Problem::new(StatusCode::CONFLICT, "label_taken", detail);
    }
    store_fault(error)
}
