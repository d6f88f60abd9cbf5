//! A device's history: as JSON, as CSV and as a picture.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::host::now_ms;
use crate::kind::{FieldError, Kind};
use crate::model::{Device, Role};
use crate::observe::metrics;
use crate::session::SessionMsg;
use crate::stats::csv::CsvPieces;
use crate::stats::{History, Query as Question, Resolution, StatsError};
use crate::store::devices;

use super::auth::asker::Asker;
use super::auth::store_fault;
use super::devices::device_id;
use super::error::{Problem, Query};
use super::{Floor, HttpFloor};

pub mod picture;

/// How far back a question looks that does not say.
const DAY_MS: i64 = 86_400_000;

/// Points of an answer that does not ask for a number or a step.
const POINTS: usize = 500;

/// How long an answer waits for readings that are on their way to the log.
const CATCH_UP: Duration = Duration::from_millis(100);

/// The times that a calendar has: 100 million days around 1970 (ECMA-262, section 21.4.1.1).
const TIME_MS_MAX: i64 = 8_640_000_000_000_000;

/// What is asked of a device's history.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Which property.
    property: String,
    /// From, in Unix milliseconds; a day before `to`, if not said.
    from: Option<i64>,
    /// To, in Unix milliseconds; now, if not said.
    to: Option<i64>,
    /// Width of a bucket in seconds; 0 for single readings.
    step: Option<u32>,
    /// About how many points.
    points: Option<usize>,
}

/// A question that may be asked, and what it is about.
struct Checked {
    device: Device,
    kind: Arc<Kind>,
    question: Question,
}

/// Points or buckets of a property; CSV for who accepts `text/csv`.
#[utoipa::path(get, path = "/devices/{id}/history", tag = "devices",
    params(("property" = String, Query), ("from" = Option<i64>, Query),
        ("to" = Option<i64>, Query), ("step" = Option<u32>, Query),
        ("points" = Option<u32>, Query)),
    responses((status = 200, description = "`{t,value}`, or `{t,min,mean,max,count,last}`; \
        as CSV the columns `t,value`, or `t,min,mean,max,count`, from which nothing is left out"),
        (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub async fn history(
    State(floor): Floor,
    who: Asker,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Checked { question, .. } = checked(&floor, &who, &id, asked).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepts.is_some_and(|accept| accept.contains("text/csv")) {
        return csv(&floor, question).await;
    }
    // A page goes on with what it hears from here on: nothing that was told before may be missing.
    if timeout(CATCH_UP, floor.stats.settle()).await.is_err() {
        tracing::debug!("history is behind: its end is missing from an answer");
    }
    let (property, from, to) = (question.property.clone(), question.from_ms, question.to_ms);
    let (step_ms, points) = match floor.stats.query(question).await? {
        History::Points(points) => (0, json!(points)),
        History::Buckets { step_ms, buckets } => (step_ms, json!(buckets)),
    };
    Ok(Json(json!({
        "property": property, "from": from, "to": to, "step": step_ms / 1_000, "points": points,
    }))
    .into_response())
}

/// Who may see the device may ask; and what is asked must make sense.
async fn checked(
    floor: &HttpFloor,
    who: &Asker,
    id: &str,
    asked: Asked,
) -> Result<Checked, Problem> {
    let id = device_id(id)?;
    who.ask(floor, |reply| SessionMsg::Check(id, Role::Viewer, reply)).await?;
    let device = devices::get(&floor.store, id).map_err(store_fault)?;
    let device = device.ok_or_else(Problem::not_found)?;
    let kind = floor.devices.kinds().get_or_plain(&device.kind);
    let (from_ms, to_ms) = span(asked.from, asked.to, DAY_MS)?;
    let points_max = floor.config.stats.points_max;
    let resolution = match (asked.step, asked.points) {
        (Some(0), _) => Resolution::Raw,
        (Some(step_s), _) => Resolution::Step { step_ms: i64::from(step_s) * 1_000 },
        (None, points) => {
            Resolution::Auto { points: points.unwrap_or(POINTS).clamp(1, points_max) }
        }
    };
    let property: Arc<str> = asked.property.into();
    // What a kind once had, and the history still has, may be asked for.
    let known = kind.property(&property).is_some()
        || floor.stats.properties(id.0).await?.contains(&property);
    if !known {
        let reason = format!("is no property of a {}", kind.name);
        return Err(invalid("property", "unknown_property", reason));
    }
    let retention = floor.stats.retention_of(&kind.name);
    let question = Question { device: id.0, property, retention, from_ms, to_ms, resolution };
    Ok(Checked { device, kind, question })
}

/// The time asked for, in Unix milliseconds: up to now if not said, and from so long before.
pub(super) fn span(
    from: Option<i64>,
    to: Option<i64>,
    before_ms: i64,
) -> Result<(i64, i64), Problem> {
    let times = -TIME_MS_MAX..=TIME_MS_MAX;
    let to_ms = to.unwrap_or_else(now_ms);
    let from_ms = from.unwrap_or(to_ms.saturating_sub(before_ms));
    let in_time = |name, t_ms: i64| {
        let reason = "is no time in Unix milliseconds";
        if times.contains(&t_ms) { Ok(()) } else { Err(invalid(name, "out_of_range", reason)) }
    };
    in_time("to", to_ms)?;
    in_time("from", from_ms)?;
    if from_ms >= to_ms {
        return Err(invalid("from", "out_of_range", "is not before to"));
    }
    Ok((from_ms, to_ms))
}

fn invalid(field: &str, code: &'static str, reason: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldError::new(field, code, reason.into())])
}

/// The answer as CSV, piece by piece: a year of readings needs the memory of a day. What fails
/// after the first piece breaks the connection off, so that nobody takes a part for the whole.
async fn csv(floor: &HttpFloor, question: Question) -> Result<Response, Problem> {
    let Ok(turn) = floor.downloads.clone().try_acquire_owned() else {
        metrics().stats_downloads_refused.inc();
        return Err(Problem::unavailable("too many downloads of history are under way"));
    };
    let mut pieces = CsvPieces::new(floor.stats.clone(), question);
    let first = pieces.next().await?;
    let body = Body::from_stream(stream::try_unfold((pieces, first, turn), next_piece));
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response())
}

type Download = (CsvPieces, Option<String>, OwnedSemaphorePermit);

async fn next_piece(
    (mut pieces, ready, turn): Download,
) -> Result<Option<(String, Download)>, StatsError> {
    let piece = match ready {
        Some(piece) => Some(piece),
        None => pieces.next().await?,
    };
    Ok(piece.map(|piece| (piece, (pieces, None, turn))))
}

impl From<StatsError> for Problem {
    fn from(error: StatsError) -> Self {
        match error {
            StatsError::TooMany { .. } => invalid("step", "too_many_points", error.to_string()),
            StatsError::Unavailable => Self::unavailable(&error.to_string()),
            StatsError::Disk(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "disk", error.to_string())
            }
        }
    }
}
