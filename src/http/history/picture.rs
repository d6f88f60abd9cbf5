//! A device's history as a picture, for e-mails, wikis and pages without scripts.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::http::Floor;
use crate::http::auth::asker::Viewer;
use crate::http::error::{Problem, Query};
use crate::stats::svg::{Chart, chart};

use super::{Asked, Checked, DAY_MS, checked, invalid, span};

/// What a picture may be asked to be, in pixels.
const WIDTHS: std::ops::RangeInclusive<u32> = 200..=4_000;
const HEIGHTS: std::ops::RangeInclusive<u32> = 100..=4_000;

/// Pixels of a picture that does not say.
const SIZE: (u32, u32) = (640, 240);

/// The longest time that a picture shows: a hundred years.
const SPAN_MS_MAX: i64 = 100 * 366 * DAY_MS;

/// A picture is a document of its own: it may style itself, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// What is asked of a picture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedPicture {
    property: String,
    from: Option<i64>,
    to: Option<i64>,
    /// Seconds before `to`, where `from` is not said; a day, if this is not said either.
    span: Option<u32>,
    step: Option<u32>,
    points: Option<usize>,
    width: Option<u32>,
    height: Option<u32>,
    /// The zone of the time axis by its name, such as `Europe/Berlin`; `UTC`, if not said.
    tz: Option<String>,
    /// Read by [`Viewer`]: an API token, for places that can't send a header.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// A chart of a property: a line, and from minimum to maximum a band around it. In a place that
/// can't send `Authorization`, `token` takes an API token that may only read.
#[utoipa::path(get, path = "/devices/{id}/history.svg", tag = "devices",
    params(("property" = String, Query), ("from" = Option<i64>, Query),
        ("to" = Option<i64>, Query), ("span" = Option<u32>, Query),
        ("step" = Option<u32>, Query), ("points" = Option<u32>, Query),
        ("width" = Option<u32>, Query), ("height" = Option<u32>, Query),
        ("tz" = Option<String>, Query), ("token" = Option<String>, Query)),
    responses((status = 200, description = "`image/svg+xml`"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn picture(
    State(floor): Floor,
    Viewer(who): Viewer,
    Path(id): Path<String>,
    Query(asked): Query<AskedPicture>,
) -> Result<Response, Problem> {
    let (width, height) = (asked.width.unwrap_or(SIZE.0), asked.height.unwrap_or(SIZE.1));
    for (name, pixels, allowed) in [("width", width, WIDTHS), ("height", height, HEIGHTS)] {
        if !allowed.contains(&pixels) {
            let reason = format!("{} to {} pixels", allowed.start(), allowed.end());
            return Err(invalid(name, "out_of_range", reason));
        }
    }
    let zone = TimeZone::get(asked.tz.as_deref().unwrap_or("UTC")).map_err(|_| {
        invalid("tz", "unknown_zone", "is no time zone, such as Europe/Berlin or UTC")
    })?;
    let before_ms = asked.span.map_or(DAY_MS, |span_s| i64::from(span_s) * 1_000);
    let (from_ms, to_ms) = span(asked.from, asked.to, before_ms)?;
    if to_ms - from_ms > SPAN_MS_MAX {
        return Err(invalid("from", "out_of_range", "a picture shows a hundred years at most"));
    }
    let question = Asked {
        property: asked.property,
        from: Some(from_ms),
        to: Some(to_ms),
        step: asked.step,
        // As many as there are pixels; half of it already looks like a line.
        points: asked.points.or_else(|| usize::try_from(width / 2).ok()),
    };
    let Checked { device, kind, question } = checked(&floor, &who, &id, question).await?;
    let schema = kind.property(&question.property);
    let label = schema.and_then(|schema| schema.title.clone());
    let title =
        format!("{} · {}", device.description, label.unwrap_or_else(|| question.property.clone()));
    let unit = schema.and_then(|schema| schema.unit.clone()).unwrap_or_default();
    let history = floor.stats.query(question).await?;
    let svg = chart(&Chart {
        title: &title,
        unit: &unit,
        from_ms,
        to_ms,
        zone: &zone,
        width,
        height,
        history: &history,
    });
    let head = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "private, max-age=60"),
    ];
    Ok((head, svg).into_response())
}
