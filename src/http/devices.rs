//! Devices over REST. Every call goes through the mailbox of the caller's session.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue, json};
use utoipa::ToSchema;

use crate::device::{Patch, Wishes};
use crate::kind::FieldError;
use crate::model::command::{REF_CHARS_MAX, TTL_S_MAX};
use crate::model::device::{DESCRIPTION_CHARS_MAX, ROOM_CHARS_MAX};
use crate::model::{Command, DeviceId, Role};
use crate::session::{Created, NewDevice, SessionMsg};
use crate::store;
use crate::store::secret::Secret;

use super::auth::asker::Asker;
use super::auth::caller::SignedIn;
use super::auth::store_fault;
use super::error::{Body, Problem};
use super::{Floor, HttpFloor};

/// A new device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// What people will call it.
    description: String,
    /// Its kind's name.
    kind: String,
    /// Where it will stand.
    #[serde(default)]
    room: Option<String>,
}

/// All the caller's devices.
#[utoipa::path(get, path = "/devices", tag = "devices",
    responses((status = 200, description = "An array of devices")))]
pub async fn list(State(floor): Floor, who: Asker) -> Result<Response, Problem> {
    let devices = who.ask(&floor, SessionMsg::List).await?;
    Ok(json_text(StatusCode::OK, devices, None))
}

/// Makes a device. Its MQTT secret is shown this once.
#[utoipa::path(post, path = "/devices", tag = "devices", request_body = Create,
    responses((status = 201, description = "The device, and how it connects"),
        (status = 422, body = Problem)))]
pub async fn create(
    State(floor): Floor,
    who: SignedIn,
    Body(asked): Body<Create>,
) -> Result<Response, Problem> {
    let mut faults = Vec::new();
    faults.extend(text_fault("description", &asked.description, DESCRIPTION_CHARS_MAX));
    if let Some(room) = &asked.room {
        faults.extend(text_fault("room", room, ROOM_CHARS_MAX));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let new = NewDevice {
        description: asked.description.into(),
        kind: asked.kind.into(),
        room: asked.room.map(Into::into),
        announced: None,
    };
    let ask = |reply| SessionMsg::Create(Box::new(new), reply);
    let Created { id, json, secret } = who.ask(&floor, ask).await?;
    let body = format!(r#"{{"device":{json},"mqtt":{}}}"#, how_to_connect(&floor, id, &secret));
    let mut response = json_text(StatusCode::CREATED, body, None);
    if let Ok(location) = HeaderValue::from_str(&format!("/devices/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// One device.
#[utoipa::path(get, path = "/devices/{id}", tag = "devices",
    responses((status = 200, description = "The device"), (status = 404, body = Problem)))]
pub async fn show(
    State(floor): Floor,
    who: Asker,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let (json, rev) = who.ask(&floor, |reply| SessionMsg::Show(id, reply)).await?;
    Ok(json_text(StatusCode::OK, json, Some(rev)))
}

/// Changes a device: what it is called, where it stands, what is desired of it. `If-Match` with a
/// revision refuses a write that somebody else's came before.
#[utoipa::path(patch, path = "/devices/{id}", tag = "devices",
    request_body(content = Object, description = "`description`, `room`, `desired`, `ttl_s`"),
    responses((status = 200, description = "The device with its new `rev`"),
        (status = 404, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(
    State(floor): Floor,
    who: Asker,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(asked): Body<Map<String, JsonValue>>,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let mut patch = read_patch(&who, asked)?;
    patch.if_match = if_match(&headers)?;
    let ask = |reply| SessionMsg::Patch(id, Box::new(patch), reply);
    let (json, rev) = who.ask(&floor, ask).await?;
    Ok(json_text(StatusCode::OK, json, Some(rev)))
}

/// Deletes a device, its history and its secret.
#[utoipa::path(delete, path = "/devices/{id}", tag = "devices",
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = device_id(&id)?;
    who.ask(&floor, |reply| SessionMsg::Delete(id, reply)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new secret, shown this once; the open link is closed.
#[utoipa::path(post, path = "/devices/{id}/secret", tag = "devices",
    responses((status = 200, description = "How the device connects from now on"),
        (status = 404, body = Problem)))]
pub async fn new_secret(
    State(floor): Floor,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<JsonValue>, Problem> {
    let id = device_id(&id)?;
    let ask = |reply| SessionMsg::NewSecret(id, reply);
    let secret = who.ask(&floor, ask).await?;
    Ok(Json(json!({ "mqtt": how_to_connect(&floor, id, &secret) })))
}

/// The last commands of a device, newest first.
#[utoipa::path(get, path = "/devices/{id}/commands", tag = "devices",
    responses((status = 200, description = "Commands with phase, person and times"),
        (status = 404, body = Problem)))]
pub async fn commands(
    State(floor): Floor,
    who: Asker,
    Path(id): Path<String>,
) -> Result<Json<Vec<JsonValue>>, Problem> {
    let id = device_id(&id)?;
    let check = |reply| SessionMsg::Check(id, Role::Viewer, reply);
    who.ask(&floor, check).await?;
    let commands = store::devices::commands(&floor.store, id).map_err(store_fault)?;
    Ok(Json(commands.iter().rev().map(shown).collect()))
}

/// Somebody has seen an alarm.
#[utoipa::path(post, path = "/devices/{id}/alarms/{code}/acknowledge", tag = "devices",
    responses((status = 200, description = "The device"), (status = 404, body = Problem)))]
pub async fn acknowledge(
    State(floor): Floor,
    who: Asker,
    Path((id, code)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (id, by) = (device_id(&id)?, Box::new(who.caller.clone()));
    let ask = |reply| SessionMsg::Acknowledge(id, by, code.into(), reply);
    let (json, rev) = who.ask(&floor, ask).await?;
    Ok(json_text(StatusCode::OK, json, Some(rev)))
}

fn shown(command: &Command) -> JsonValue {
    json!({
        "ref": command.reference,
        "rev": command.rev,
        "by": command.by.name,
        "via": command.by.via,
        "desired": command.wanted,
        "phase": command.phase,
        "reason": command.reason,
        "accepted": command.accepted_ms,
        "delivered": command.delivered_ms,
        "finished": command.finished_ms,
        "expires": command.expires_ms,
        "late_s": command.late_s(),
    })
}

fn how_to_connect(floor: &HttpFloor, id: DeviceId, secret: &Secret) -> JsonValue {
    let topic = |leaf: &str| format!("devices/{id}/{leaf}");
    json!({
        "username": id.to_string(),
        "password": secret.reveal(),
        "port": floor.mqtt_port,
        "topics": {
            "state": topic("state"),
            "telemetry": topic("telemetry"),
            "set": topic("set"),
            "refused": topic("refused"),
            "event": topic("event"),
        },
    })
}

fn read_patch(who: &Asker, asked: Map<String, JsonValue>) -> Result<Patch, Problem> {
    let mut faults = Vec::new();
    let mut patch = Patch {
        by: who.caller.clone(),
        reference: "".into(),
        if_match: None,
        description: None,
        room: None,
        wishes: Wishes::default(),
        ttl_s: None,
    };
    for (name, value) in asked {
        match (name.as_str(), value) {
            ("description", JsonValue::String(text)) => {
                faults.extend(text_fault("description", &text, DESCRIPTION_CHARS_MAX));
                patch.description = Some(text.into());
            }
            ("room", JsonValue::Null) => patch.room = Some(None),
            ("room", JsonValue::String(text)) => {
                faults.extend(text_fault("room", &text, ROOM_CHARS_MAX));
                patch.room = Some(Some(text.into()));
            }
            ("ref", JsonValue::String(text)) if text.chars().count() <= REF_CHARS_MAX => {
                patch.reference = text.into();
            }
            ("desired", JsonValue::Object(desired)) => patch.wishes.desired = Some(desired),
            ("ttl_s", value) => match value.as_u64().and_then(|ttl_s| u32::try_from(ttl_s).ok()) {
                Some(ttl_s) if (1..=TTL_S_MAX).contains(&ttl_s) => patch.ttl_s = Some(ttl_s),
                _ => {
                    let reason = format!("a whole number of seconds, 1 to {TTL_S_MAX}");
                    faults.push(FieldError::new("ttl_s", "out_of_range", reason));
                }
            },
            ("description" | "room" | "desired" | "ref", _) => {
                faults.push(FieldError::new(name, "wrong_type", "is of another type"));
            }
            (_, value) => drop(patch.wishes.legacy.insert(name, value)),
        }
    }
    if faults.is_empty() { Ok(patch) } else { Err(Problem::invalid(faults)) }
}

/// The revision in `If-Match: "17"`; `*` matches any.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    quoted.parse().map(Some).map_err(|_| {
        let detail = "If-Match is a revision in quotes, such as \"17\"";
        Problem::new(StatusCode::BAD_REQUEST, "bad_if_match", detail)
    })
}

fn text_fault(field: &str, text: &str, chars_max: usize) -> Option<FieldError> {
    let reason = if text.trim().is_empty() {
        "must say something".to_owned()
    } else if text.chars().count() > chars_max {
        format!("at most {chars_max} characters")
    } else if text.chars().any(char::is_control) {
        "must not have control characters".to_owned()
    } else {
        return None;
    };
    Some(FieldError::new(field, "bad_text", reason))
}

/// What is no id is no device.
pub(super) fn device_id(text: &str) -> Result<DeviceId, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

pub(super) fn json_text(status: StatusCode, json: String, rev: Option<u64>) -> Response {
    let mut response = (status, json).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Ok(tag)) = rev.map(|rev| HeaderValue::from_str(&format!("\"{rev}\""))) {
        headers.insert(header::ETAG, tag);
    }
    response
}
