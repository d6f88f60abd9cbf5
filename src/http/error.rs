//! Problems as RFC 9457 has them, and requests read so that every fault is named.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kind::FieldError;
use crate::observe::metrics;
use crate::session::SessionError;

/// What an interface answers instead of what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs.
    code: &'static str,
    /// A sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// Every field at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    errors: Vec<FieldError>,
    /// The revision to look at again, for a stale write.
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<u64>,
    #[serde(skip)]
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem with a status, a stable word and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            rev: None,
            retry_after_s: None,
        }
    }

    /// 422 with every field at fault.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "some fields of the request are not valid";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
        Self { errors, ..problem }
    }

    /// 401: who are you?
    #[must_use]
    pub fn unauthorized(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 429, with the seconds to wait.
    #[must_use]
    pub fn too_many(retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "try later");
        Self { retry_after_s: Some(retry_after_s), ..problem }
    }

    /// 503, with the seconds to wait.
    #[must_use]
    pub fn unavailable(detail: &str) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        Self { retry_after_s: Some(1), ..problem }
    }

    /// 404 for what is not there, or not for this caller to know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here")
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)?;
        for error in &self.errors {
            write!(f, "; {}: {}", error.field, error.reason)?;
        }
        Ok(())
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        let (code, detail) = (error.code(), error.to_string());
        match error {
            SessionError::NoSuchDevice => Self::not_found(),
            SessionError::NoSuchAlarm => Self::new(StatusCode::NOT_FOUND, code, detail),
            SessionError::Forbidden => Self::new(StatusCode::FORBIDDEN, code, detail),
            SessionError::Invalid(faults) => Self::invalid(faults),
            SessionError::TooMany(_) => {
                metrics().limited_devices.inc();
                Self::new(StatusCode::CONFLICT, code, detail)
            }
            SessionError::TooManyPeople(_) => {
                metrics().limited_grants.inc();
                Self::new(StatusCode::CONFLICT, code, detail)
            }
            SessionError::Stale { rev } => {
                let problem = Self::new(StatusCode::PRECONDITION_FAILED, code, detail);
                Self { rev: Some(rev), ..problem }
            }
            SessionError::NotStored(_) => {
                let status = StatusCode::INSUFFICIENT_STORAGE;
                Self { retry_after_s: Some(5), ..Self::new(status, code, detail) }
            }
            SessionError::Unavailable => Self::unavailable(&detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A JSON body, read strictly: an unknown field is refused with its path.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => {
                Err(Problem::invalid(vec![fault(&error.body_text())]))
            }
            Err(JsonRejection::JsonSyntaxError(error)) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "not_json", error.body_text()))
            }
            Err(rejection) => {
                let status = rejection.status();
                let code = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => "too_large",
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
                    _ => "bad_request",
                };
                Err(Problem::new(status, code, rejection.body_text()))
            }
        }
    }
}

/// A query string, read strictly.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(query)| Self(query)).map_err(|rejection: QueryRejection| {
            Problem::invalid(vec![fault(&rejection.body_text())])
        })
    }
}

/// The field at fault, out of the words of the JSON reader: `… type: path.to: unknown field …`.
fn fault(words: &str) -> FieldError {
    let words = words
        .strip_prefix("Failed to deserialize the JSON body into the target type: ")
        .or_else(|| words.strip_prefix("Failed to deserialize query string: "))
        .unwrap_or(words);
    let quoted = words.split('`').nth(1).unwrap_or_default();
    let (path, reason) = words
        .split_once(": ")
        .filter(|(path, _)| !path.contains(' '))
        .map_or((String::new(), words), |(path, reason)| (path.to_owned(), reason));
    let (code, member) = if words.contains("unknown field") {
        ("unknown_field", quoted)
    } else if words.contains("missing field") {
        ("missing_field", quoted)
    } else {
        ("wrong_type", "")
    };
    let path = match path.as_str() {
        "." | "" => member.to_owned(),
        path if member.is_empty() || path == member || path.ends_with(&format!(".{member}")) => {
            path.to_owned()
        }
        path => format!("{path}.{member}"),
    };
    FieldError::new(path, code, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_at_fault_is_found_in_the_readers_words() {
        let prefix = "Failed to deserialize the JSON body into the target type: ";
        for (words, field, code) in [
            (
                "colour: unknown field `colour`, expected `kind` at line 1",
                "colour",
                "unknown_field",
            ),
            ("missing field `kind` at line 1 column 2", "kind", "missing_field"),
            ("ttl_s: invalid type: string \"x\", expected u32 at line 1", "ttl_s", "wrong_type"),
        ] {
            let error = fault(&format!("{prefix}{words}"));
            assert_eq!((error.field.as_str(), error.code), (field, code), "{words}");
        }
    }
}
