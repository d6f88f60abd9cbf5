//! What devices can be.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as JsonValue;

use super::Floor;
use super::auth::asker::Asker;

/// The media type of a Thing Model (W3C `WoT` Thing Description 1.1).
const THING_MODEL: &str = "application/tm+json";

/// Every kind with its schema; as `WoT` Thing Models for who accepts `application/tm+json`.
#[utoipa::path(get, path = "/kinds", tag = "kinds",
    responses((status = 200, description = "An array of kinds")))]
pub async fn list(State(floor): Floor, _who: Asker, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let kinds = floor.devices.kinds();
    if accepts.is_some_and(|accept| accept.contains(THING_MODEL)) {
        let models: Vec<JsonValue> = kinds.iter().map(|kind| kind.thing_model()).collect();
        return ([(header::CONTENT_TYPE, THING_MODEL)], Json(models)).into_response();
    }
    let kinds: Vec<_> = kinds.iter().map(AsRef::as_ref).collect();
    Json(kinds).into_response()
}
