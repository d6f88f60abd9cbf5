//! Accounts: making one, and one's own.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::host::{now_ms, random_u64};
use crate::http::Floor;
use crate::http::error::{Body, Problem};
use crate::kind::FieldError;
use crate::model::audit::Action;
use crate::model::{User, UserId};
use crate::store::{Batch, CommitError, accounts, credentials};

use super::caller::{Address, SignedIn, person};
use super::{about, host_fault, note, signed_out, store_fault};

/// Longest user name, in characters.
const USERNAME_CHARS_MAX: usize = 64;

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 1 to 64 letters, digits or `. _ - @ +`.
    pub(super) username: String,
    /// At least `auth.password_chars_min` characters.
    pub(super) password: String,
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

/// Makes an account.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = Credentials,
    responses((status = 201, body = Me), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn register(
    State(floor): Floor,
    Address(from): Address,
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
    let entry = about(user.id, person(&user, from), Action::Registered)?;
    note(&floor, &mut batch, &entry.with("admin", user.admin))?;
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

/// Who am I?
#[utoipa::path(get, path = "/auth/me", tag = "auth",
    responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub async fn me(State(floor): Floor, SignedIn(claims, _): SignedIn) -> Result<Json<Me>, Problem> {
    let user = accounts::user(&floor.store, claims.sub).map_err(store_fault)?;
    Ok(Json(Me::of(&user.ok_or_else(signed_out)?)))
}
