//! The audit: who did what, when, from where, to which device or account.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kind::FieldError;
use crate::model::audit::{Action, Entry, Subject, Who};
use crate::model::{DeviceId, Props, Role, Via};
use crate::session::SessionMsg;
use crate::store::audit::{self, Place};

use super::Floor;
use super::auth::caller::{Administrator, SignedIn};
use super::auth::store_fault;
use super::devices::device_id;
use super::error::{Problem, Query};

/// Entries of an answer that does not ask for a number.
const LIMIT: usize = 100;

/// Most entries of one answer.
const LIMIT_MAX: usize = 1_000;

/// Which part of the audit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// How many entries, 1 to 1000; 100 without it.
    limit: Option<usize>,
    /// Where to go on: from the link to the next page.
    after: Option<String>,
}

/// One line of the audit.
#[derive(Serialize, ToSchema)]
pub struct Line {
    /// Unix milliseconds.
    at: i64,
    /// The account's name; `device` or `server` for what these did themselves.
    who: String,
    /// `session` (a person), `token` or `client` (a program), `device`, `server`.
    via: &'static str,
    /// The label of the token or client.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// The address that it was done from.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// What was done: `commanded`, `granted`, `signed_in` …
    #[schema(value_type = String)]
    action: Action,
    /// The device that it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
    /// The command that it belongs to, by the asker's name for it.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// What else there is to say: the desired values, a right, a label.
    #[serde(skip_serializing_if = "Props::is_empty")]
    #[schema(value_type = Object)]
    detail: Props,
}

impl Line {
    fn of(entry: Entry) -> Self {
        let (who, via, label) = match entry.who {
            Who::Device => ("device".to_owned(), "device", None),
            Who::Server => ("server".to_owned(), "server", None),
            Who::Caller(caller) => {
                let (via, label) = match caller.via {
                    Via::Login => ("session", None),
                    Via::Token(label) => ("token", Some(label)),
                    Via::Client(label) => ("client", Some(label)),
                };
                (caller.name.to_string(), via, label)
            }
        };
        let device = match entry.subject {
            Subject::Device(DeviceId(id)) => Some(id),
            Subject::Account(_) | Subject::House => None,
        };
        Self {
            at: entry.at_ms,
            who,
            via,
            label: label.map(|label| label.to_string()),
            from: entry.from.map(|from| from.to_string()),
            action: entry.action,
            device,
            reference: entry.reference.map(|reference| reference.to_string()),
            detail: entry.detail,
        }
    }
}

/// What was done to a device, newest first; for its owners. The next page is in the header `Link`.
#[utoipa::path(get, path = "/devices/{id}/audit", tag = "devices",
    params(("limit" = Option<usize>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Vec<Line>), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn of_device(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    who.ask(&floor, |reply| SessionMsg::Check(id, Role::Owner, reply)).await?;
    let (limit, after) = page.read()?;
    let entries = audit::about(&floor.store, Subject::Device(id), after, limit);
    Ok(shown(entries.map_err(store_fault)?, limit, &format!("/devices/{id}/audit")))
}

/// What was done to all devices and accounts, newest first; for administrators.
#[utoipa::path(get, path = "/admin/audit", tag = "admin",
    params(("limit" = Option<usize>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Vec<Line>), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub async fn of_house(
    State(floor): Floor,
    _who: Administrator,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let (limit, after) = page.read()?;
    let entries = audit::all(&floor.store, after, limit).map_err(store_fault)?;
    Ok(shown(entries, limit, "/admin/audit"))
}

impl Page {
    fn read(&self) -> Result<(usize, Option<Place>), Problem> {
        let fault = |field, code, reason: String| {
            Problem::invalid(vec![FieldError::new(field, code, reason)])
        };
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(fault("limit", "out_of_range", format!("is 1 to {LIMIT_MAX}")));
        }
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = after
            .map_err(|error: audit::NoPlace| fault("after", "unknown_value", error.to_string()))?;
        Ok((limit, after))
    }
}

/// A page, with a link to the next one if it is full (RFC 8288).
fn shown(entries: Vec<Entry>, limit: usize, path: &str) -> Response {
    let next = entries.last().filter(|_| entries.len() >= limit).map(Place::after);
    let lines: Vec<Line> = entries.into_iter().map(Line::of).collect();
    let mut response = Json(lines).into_response();
    let link = next.map(|next| format!("<{path}?limit={limit}&after={next}>; rel=\"next\""));
    if let Some(Ok(link)) = link.map(|link| HeaderValue::from_str(&link)) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
