//! A person's own account: where it is signed in, and its password.
#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::host::now_ms;
use crate::http::Floor;
use crate::http::error::{Body, Problem};
use crate::model::audit::Action;
use crate::session::{LoginId, SessionMsg};
use crate::store::Batch;
use crate::store::accounts::{self, RefreshFamily};

use super::caller::{SignedIn, person};
use super::logins::{end_login, note_failure};
use super::{about, check_new, note, signed_out, store_fault};

/// A sign-in that goes on.
#[derive(Serialize, ToSchema)]
pub struct ShownLogin {
    /// Names it among the user's.
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// Unix milliseconds of the sign-in.
    created_at: i64,
    /// Unix milliseconds at which it last asked for a token.
    last_seen: i64,
    /// Unix milliseconds at which it ends if it asks for none.
    until: i64,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The present one.
    current: String,
    /// The one to come.
    new: String,
}

/// Where the account is signed in, the latest first.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth",
    responses((status = 200, body = Vec<ShownLogin>), (status = 401, body = Problem)))]
pub async fn logins(
    State(floor): Floor,
    SignedIn(who, _): SignedIn,
) -> Result<Json<Vec<ShownLogin>>, Problem> {
    let logins = accounts::families(&floor.store, Some(who.sub), None, usize::MAX);
    let mut logins = logins.map_err(store_fault)?;
    let now_ms = now_ms();
    logins.retain(|login| now_ms < login.expires_ms);
    logins.sort_by_key(|login| std::cmp::Reverse(login.rotated_ms));
    let shown = |login: &RefreshFamily| ShownLogin {
        id: login.id.to_string(),
        current: who.login == Some(LoginId(login.id)),
        created_at: login.created_ms,
        last_seen: login.rotated_ms,
        until: login.expires_ms,
    };
    Ok(Json(logins.iter().map(shown).collect()))
}

/// Ends one of them: its tokens are void, and its open pages close.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth",
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn end(
    State(floor): Floor,
    SignedIn(who, from): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let family = accounts::family(&floor.store, who.sub, id).map_err(store_fault)?;
    let family = family.ok_or_else(Problem::not_found)?;
    end_login(&floor, &family, from, Action::SignedOut).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the password, and ends every other sign-in: who knew the old one is out.
#[utoipa::path(post, path = "/auth/password", tag = "auth", request_body = NewPassword,
    responses((status = 204), (status = 403, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem)))]
pub async fn password(
    State(floor): Floor,
    SignedIn(who, from): SignedIn,
    Body(asked): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    let user =
        accounts::user(&floor.store, who.sub).map_err(store_fault)?.ok_or_else(signed_out)?;
    let account = accounts::fold(&user.name);
    floor.auth.may_try(&account, from, now_ms())?;
    check_new(&user.name, &asked.new, &floor.config)?;
    let kept = accounts::password(&floor.store, user.id).map_err(store_fault)?;
    if !floor.auth.passwords.verify(asked.current, kept).await? {
        let failures = floor.auth.failed(&account, from, now_ms());
        note_failure(&floor, Some(&user), from, failures)?;
        let detail = "this is not the present password";
        return Err(Problem::new(StatusCode::FORBIDDEN, "wrong_password", detail));
    }
    let hash = floor.auth.passwords.hash(asked.new).await?;
    let logins = accounts::families(&floor.store, Some(user.id), None, usize::MAX);
    let mut others = logins.map_err(store_fault)?;
    others.retain(|login| who.login != Some(LoginId(login.id)));
    let mut batch = Batch::new();
    accounts::put_password(&mut batch, user.id, &hash);
    for login in &others {
        accounts::remove_family(&mut batch, user.id, login.id);
    }
    note(&floor, &mut batch, &about(user.id, person(&user, from), Action::PasswordChanged)?)?;
    floor.store.commit(batch).await.map_err(store_fault)?;
    for login in others {
        floor.sessions.tell(user.id, SessionMsg::LoginEnded(LoginId(login.id)));
    }
    Ok(StatusCode::NO_CONTENT)
}
