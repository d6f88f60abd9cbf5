//! How the house is, for machines.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::observe::metrics;

use super::Floor;

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200)))]
pub async fn live() -> Response {
    Json(json!({"status": "live"})).into_response()
}

/// Every door is open, and the store takes writes.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200), (status = 503)))]
pub async fn ready(State(floor): Floor) -> Response {
    if floor.house.is_open() {
        return Json(json!({"status": "ready"})).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not ready"}))).into_response()
}

/// Counters and gauges in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200)))]
pub async fn metrics_text(State(floor): Floor) -> Response {
    floor.stats.totals().show(metrics());
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics().render()).into_response()
}
