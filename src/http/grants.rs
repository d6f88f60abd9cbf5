//! Sharing over REST: who may see or use a device, and links that invite to it.
#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kind::FieldError;
use crate::model::{DeviceId, Grant, Role, User};
use crate::session::{SessionMsg, Sharing};
use crate::store::accounts;

use super::auth::caller::SignedIn;
use super::auth::store_fault;
use super::devices::{device_id, json_text};
use super::error::{Body, Problem};
use super::{Floor, HttpFloor};

/// A right on a device, as it is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// `viewer`, `operator` or `owner`.
    #[schema(value_type = String)]
    role: Role,
    /// Unix milliseconds at which it ends; without it, never.
    #[serde(default)]
    until: Option<i64>,
}

impl Asked {
    const fn grant(&self) -> Grant {
        Grant { role: self.role, until_ms: self.until }
    }
}

/// Somebody's right on a device.
#[derive(Serialize, ToSchema)]
pub struct Granted {
    /// Whose.
    username: String,
    /// `viewer`, `operator` or `owner`.
    #[schema(value_type = String)]
    role: Role,
    /// Unix milliseconds at which it ends; null: never.
    until: Option<i64>,
}

impl Granted {
    fn of(username: &str, grant: Grant) -> Self {
        Self { username: username.to_owned(), role: grant.role, until: grant.until_ms }
    }
}

/// A link that invites to a device.
#[derive(Serialize, ToSchema)]
pub struct Invitation {
    /// For `POST /invitations/{token}`, once; shown this once.
    token: String,
    /// The same as an address to hand on.
    link: String,
}

/// Who may see or use the device, apart from who made it.
#[utoipa::path(get, path = "/devices/{id}/grants", tag = "sharing",
    responses((status = 200, body = Vec<Granted>), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub async fn list(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Vec<Granted>>, Problem> {
    let id = device_id(&id)?;
    let grants = who.ask(&floor, |reply| SessionMsg::Grants(id, reply)).await?;
    let mut shown = Vec::with_capacity(grants.len());
    for (user, grant) in grants {
        let user = accounts::user(&floor.store, user).map_err(store_fault)?;
        shown.extend(user.map(|user| Granted::of(&user.name, grant)));
    }
    Ok(Json(shown))
}

/// Somebody's right on the device.
#[utoipa::path(get, path = "/devices/{id}/grants/{username}", tag = "sharing",
    responses((status = 200, body = Granted), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub async fn show(
    State(floor): Floor,
    who: SignedIn,
    Path((id, username)): Path<(String, String)>,
) -> Result<Json<Granted>, Problem> {
    let id = device_id(&id)?;
    let grants = who.ask(&floor, |reply| SessionMsg::Grants(id, reply)).await?;
    let user = user_named(&floor, &username)?.ok_or_else(Problem::not_found)?;
    let found = grants.into_iter().find(|(of, _)| *of == user.id);
    let (_, grant) = found.ok_or_else(Problem::not_found)?;
    Ok(Json(Granted::of(&user.name, grant)))
}

/// Gives somebody a right on the device, in place of the one before. Open pages see it at once.
#[utoipa::path(put, path = "/devices/{id}/grants/{username}", tag = "sharing", request_body = Asked,
    responses((status = 200, body = Granted), (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn put(
    State(floor): Floor,
    who: SignedIn,
    Path((id, username)): Path<(String, String)>,
    Body(asked): Body<Asked>,
) -> Result<Json<Granted>, Problem> {
    let (id, grant) = (device_id(&id)?, asked.grant());
    may_share(&floor, &who, id).await?;
    let user = user_named(&floor, &username)?.ok_or_else(|| {
        let fault = FieldError::new("username", "unknown_user", "nobody has this name");
        Problem::invalid(vec![fault])
    })?;
    share(&floor, &who, id, &user, Some(grant)).await?;
    Ok(Json(Granted::of(&user.name, grant)))
}

/// Takes somebody's right on the device away, or gives up one's own. Open pages lose it at once.
#[utoipa::path(delete, path = "/devices/{id}/grants/{username}", tag = "sharing",
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn delete(
    State(floor): Floor,
    who: SignedIn,
    Path((id, username)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let id = device_id(&id)?;
    let user = user_named(&floor, &username)?;
    if user.as_ref().is_none_or(|user| user.id != who.0.sub) {
        may_share(&floor, &who, id).await?;
    }
    let user = user.ok_or_else(Problem::not_found)?;
    share(&floor, &who, id, &user, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a link that gives a right on the device to whoever uses it first, within a week.
#[utoipa::path(post, path = "/devices/{id}/invitations", tag = "sharing", request_body = Asked,
    responses((status = 201, body = Invitation), (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn invite(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<(StatusCode, Json<Invitation>), Problem> {
    let (id, grant) = (device_id(&id)?, asked.grant());
    let ask = |reply| SessionMsg::Invite(id, grant, reply);
    let token = who.ask(&floor, ask).await?.reveal().to_owned();
    let house = floor.config.http.public_url.as_deref().unwrap_or_default();
    let link = format!("{house}/#/invitations/{token}");
    Ok((StatusCode::CREATED, Json(Invitation { token, link })))
}

/// Uses an invitation: the device is on the caller's list from now on.
#[utoipa::path(post, path = "/invitations/{token}", tag = "sharing",
    responses((status = 200, description = "The device"), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub async fn accept(
    State(floor): Floor,
    who: SignedIn,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let ask = |reply| SessionMsg::Accept(token.into(), reply);
    let (json, rev) = who.ask(&floor, ask).await?;
    Ok(json_text(StatusCode::OK, json, Some(rev)))
}

/// Who may not share learns that before anything about other people's names.
async fn may_share(floor: &HttpFloor, who: &SignedIn, id: DeviceId) -> Result<(), Problem> {
    let check = |reply| SessionMsg::Check(id, Role::Owner, reply);
    Ok(who.ask(floor, check).await?)
}

async fn share(
    floor: &HttpFloor,
    who: &SignedIn,
    id: DeviceId,
    user: &User,
    grant: Option<Grant>,
) -> Result<(), Problem> {
    let sharing = Box::new(Sharing { by: who.caller(), with: user.id, grant });
    let ask = |reply| SessionMsg::Share(id, sharing, reply);
    Ok(who.ask(floor, ask).await?)
}

fn user_named(floor: &HttpFloor, name: &str) -> Result<Option<User>, Problem> {
    accounts::user_named(&floor.store, name).map_err(store_fault)
}
