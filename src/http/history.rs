//! A device's history.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::fmt::Write;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::host::now_ms;
use crate::kind::FieldError;
use crate::model::Role;
use crate::session::SessionMsg;
use crate::stats::{History, Query as Question, Resolution, StatsError};

use super::Floor;
use super::auth::asker::Asker;
use super::devices::device_id;
use super::error::{Problem, Query};

/// How far back a question looks that does not say.
const DAY_MS: i64 = 86_400_000;

/// Points of an answer that does not ask for a number or a step.
const POINTS: usize = 500;

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

/// Points or buckets of a property; CSV for who accepts `text/csv`.
#[utoipa::path(get, path = "/devices/{id}/history", tag = "devices",
    responses((status = 200, description = "`{t,value}`, or `{t,min,mean,max,count}`"),
        (status = 404, body = Problem)))]
pub async fn history(
    State(floor): Floor,
    who: Asker,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let check = |reply| SessionMsg::Check(id, Role::Viewer, reply);
    who.ask(&floor, check).await?;
    let to_ms = asked.to.unwrap_or_else(now_ms);
    let from_ms = asked.from.unwrap_or(to_ms - DAY_MS);
    if from_ms >= to_ms {
        let fault = FieldError::new("from", "out_of_range", "is not before to");
        return Err(Problem::invalid(vec![fault]));
    }
    let points_max = floor.config.stats.points_max;
    let resolution = match (asked.step, asked.points) {
        (Some(0), _) => Resolution::Raw,
        (Some(step_s), _) => Resolution::Step { step_ms: i64::from(step_s) * 1_000 },
        (None, points) => {
            Resolution::Auto { points: points.unwrap_or(POINTS).clamp(1, points_max) }
        }
    };
    let question = Question {
        device: id.0,
        property: asked.property.as_str().into(),
        retention: 0,
        from_ms,
        to_ms,
        resolution,
    };
    let history = floor.stats.query(question).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepts.is_some_and(|accept| accept.contains("text/csv")) {
        let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
        return Ok((kind, csv(&history)).into_response());
    }
    let (step_ms, points) = match history {
        History::Points(points) => (0, json!(points)),
        History::Buckets { step_ms, buckets } => (step_ms, json!(buckets)),
    };
    Ok(Json(json!({
        "property": asked.property, "from": from_ms, "to": to_ms, "step": step_ms / 1_000,
        "points": points,
    }))
    .into_response())
}

fn csv(history: &History) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    match history {
        History::Points(points) => {
            text.push_str("t,value\n");
            for point in points {
                writeln!(text, "{},{}", point.t_ms, point.value).ok();
            }
        }
        History::Buckets { buckets, .. } => {
            text.push_str("t,min,mean,max,count\n");
            for b in buckets {
                writeln!(text, "{},{},{},{},{}", b.t_ms, b.min, b.mean, b.max, b.count).ok();
            }
        }
    }
    text
}

impl From<StatsError> for Problem {
    fn from(error: StatsError) -> Self {
        match error {
            StatsError::TooMany { .. } => {
                let fault = FieldError::new("step", "too_many_points", error.to_string());
                Self::invalid(vec![fault])
            }
            StatsError::Unavailable => Self::unavailable(&error.to_string()),
            StatsError::Disk(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "disk", error.to_string())
            }
        }
    }
}
