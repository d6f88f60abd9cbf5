//! Backups, for the administrator and for the operator at the machine.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::backup::{self, Backup, BackupError};
use crate::host::now_ms;
use crate::kind::FieldError;
use crate::model::Caller;
use crate::model::audit::{Action, Entry, Who};
use crate::store::Batch;
use crate::supervision::thread;

use super::auth::caller::{Administrator, address, bearer, caller};
use super::auth::{note, store_fault, to_house};
use super::error::{Body, Problem};
use super::{Floor, HttpFloor};

/// Where a backup is to go.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A new or empty folder by its whole path, for the operator at the machine alone; without it,
    /// one named by the time, in `backup.path`.
    #[schema(value_type = Option<String>)]
    to: Option<PathBuf>,
}

/// Who may ask for a backup.
pub enum Keeper {
    /// A person who looks after the house.
    Administrator(Caller),
    /// Somebody at the machine who can read the store's folder (`hearth backup`), and the address
    /// that the request comes from.
    Operator(IpAddr),
}

impl Keeper {
    /// That this one had a backup made, for the audit.
    fn entry(&self) -> Result<Entry, Problem> {
        match self {
            Self::Administrator(who) => to_house(Who::Caller(who.clone()), Action::BackedUp),
            Self::Operator(from) => Ok(to_house(Who::Server, Action::BackedUp)?.at(*from)),
        }
    }
}

impl FromRequestParts<Arc<HttpFloor>> for Keeper {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        floor: &Arc<HttpFloor>,
    ) -> Result<Self, Problem> {
        if bearer(&parts.headers).is_some_and(|token| floor.house.is_operator(token)) {
            return Ok(Self::Operator(address(parts, floor)));
        }
        let Administrator(who, from) = Administrator::from_request_parts(parts, floor).await?;
        Ok(Self::Administrator(caller(&who, from)))
    }
}

/// Makes a backup on the server's disk while everything goes on; it answers when all of it is
/// durable, which takes as long as reading the history does. One is made at a time.
#[utoipa::path(post, path = "/admin/backup", tag = "admin", request_body = Option<Asked>,
    responses((status = 201, description = "`{path,rows,files,bytes,made}`"),
        (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 503, body = Problem), (status = 507, body = Problem)))]
pub async fn make(
    State(floor): Floor,
    keeper: Keeper,
    request: Request,
) -> Result<(StatusCode, Json<Backup>), Problem> {
    let asked = if request.headers().contains_key(header::CONTENT_TYPE) {
        Body::<Asked>::from_request(request, &()).await?.0
    } else {
        Asked::default()
    };
    let busy = || Problem::new(StatusCode::CONFLICT, "backup_under_way", "one is being made");
    let turn = floor.backups.clone().try_acquire_owned().map_err(|_| busy())?;
    let (path, kept_max) = (&floor.config.backup.path, floor.config.backup.kept_max);
    let to = match asked.to {
        None => backup::place_in(path, kept_max, now_ms())?,
        Some(_) if matches!(keeper, Keeper::Administrator(_)) => {
            let detail = "only the operator at the machine chooses the folder";
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        Some(to) if to.is_absolute() => to,
        Some(_) => {
            let fault = FieldError::new("to", "not_absolute", "must be a whole path");
            return Err(Problem::invalid(vec![fault]));
        }
    };
    // Noted before it is made: a copy of everything must not leave the house without a trace.
    let mut batch = Batch::new();
    note(&floor, &mut batch, &keeper.entry()?.with("path", &*to.to_string_lossy()))?;
    floor.store.commit(batch).await.map_err(store_fault)?;
    floor.stats.settle().await;
    let (store, stats) = (floor.store.clone(), floor.stats.clone());
    let (tell, told) = oneshot::channel();
    // Whoever asked may go: what was begun is brought to its end.
    let started = thread("backup", move || {
        let history = |to: &std::path::Path| stats.snapshot(to);
        let made = backup::make(&store, history, &to, now_ms(), &leave_half);
        match &made {
            Ok(Backup { path, bytes, .. }) => tracing::info!(?path, bytes, "a backup was made"),
            Err(error) => tracing::error!(%error, "no backup was made"),
        }
        // Who hears of it may ask for the next one at once.
        drop(turn);
        drop(tell.send(made));
    });
    started.map_err(|error| Problem::unavailable(&error.to_string()))?;
    let made = told.await.map_err(|_| Problem::unavailable("no backup was made"))??;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Rests as long as it worked: others need the disk and the processor too.
fn leave_half(worked: Duration) {
    std::thread::sleep(worked);
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let (status, code) = match &error {
            BackupError::NotEmpty(_) => (StatusCode::CONFLICT, "not_empty"),
            BackupError::TooMany(_) => (StatusCode::CONFLICT, "too_many_backups"),
            BackupError::Image(_) | BackupError::History(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            BackupError::Disk { .. } => (StatusCode::INSUFFICIENT_STORAGE, "not_stored"),
            BackupError::Damaged(_) => (StatusCode::INTERNAL_SERVER_ERROR, "damaged"),
        };
        Self::new(status, code, error.to_string())
    }
}
