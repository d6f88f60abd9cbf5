//! What devices can be: schemas, and the same as Thing Models of the Web of Things.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as JsonValue;

use crate::kind::Kind;

use super::auth::asker::Asker;
use super::error::Problem;
use super::{Floor, HttpFloor};

/// The media type of a Thing Model (W3C `WoT` Thing Description 1.1).
const THING_MODEL: &str = "application/tm+json";

/// Every kind with its schema; as `WoT` Thing Models for who accepts `application/tm+json`.
#[utoipa::path(get, path = "/kinds", tag = "kinds",
    responses((status = 200, description = "An array of kinds")))]
pub async fn list(State(floor): Floor, _who: Asker, headers: HeaderMap) -> Response {
    let kinds = floor.devices.kinds();
    if wants_thing_model(&headers) {
        let models: Vec<JsonValue> = kinds.iter().map(|kind| kind.thing_model()).collect();
        return ([(header::CONTENT_TYPE, THING_MODEL)], Json(models)).into_response();
    }
    let kinds: Vec<_> = kinds.iter().map(AsRef::as_ref).collect();
    Json(kinds).into_response()
}

/// One kind with its schema; as a `WoT` Thing Model for who accepts `application/tm+json`.
#[utoipa::path(get, path = "/kinds/{kind}", tag = "kinds",
    responses((status = 200, description = "The kind"), (status = 404, body = Problem)))]
pub async fn show(
    State(floor): Floor,
    _who: Asker,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = named(&floor, &name)?;
    if wants_thing_model(&headers) {
        return Ok(model(kind));
    }
    Ok(Json(kind.as_ref()).into_response())
}

/// One kind as a `WoT` Thing Model.
#[utoipa::path(get, path = "/kinds/{kind}/thing-model", tag = "kinds",
    responses((status = 200, description = "The Thing Model"), (status = 404, body = Problem)))]
pub async fn thing_model(
    State(floor): Floor,
    _who: Asker,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    named(&floor, &name).map(|kind| model(kind))
}

fn named<'f>(floor: &'f HttpFloor, name: &str) -> Result<&'f Arc<Kind>, Problem> {
    floor.devices.kinds().get(name).ok_or_else(Problem::not_found)
}

fn model(kind: &Kind) -> Response {
    ([(header::CONTENT_TYPE, THING_MODEL)], Json(kind.thing_model())).into_response()
}

fn wants_thing_model(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accept| accept.contains(THING_MODEL))
}
