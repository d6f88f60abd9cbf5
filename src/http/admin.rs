//! The house, as its administrator sees it: once, or as it lives.
//!
//! - Process: one task per socket that watches the tree.
//! - Supervised by: the socket tasks of `doors`; never restarted, the browser reconnects.
//! - Takes: nothing but the end of the socket.
//! - Tells: the browser, once a second.
//! - Never: outlives the sign-in that opened it.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

mod pace;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::host::now_ms;
use crate::model::audit::{Action, Who};
use crate::observe::metrics;
use crate::session::TabEnd;
use crate::store::{Batch, accounts};
use crate::supervision::Cancel;

use super::auth::caller::{self, Administrator, caller};
use super::auth::tokens::Claims;
use super::auth::{note, store_fault, to_house};
use super::error::{Problem, Query};
use super::socket::origin_is_ours;
use super::{Floor, HttpFloor};

pub use view::{HouseView, Kill, KillError, Others, Tree};

/// How often the tree is told to who watches it.
const EVERY: Duration = Duration::from_secs(1);

/// How long a browser may leave its socket full before it is closed.
const WRITE_WITHIN: Duration = Duration::from_secs(15);

/// Bytes of a frame from who watches; nothing is read from it.
const FRAME_BYTES_MAX: usize = 1_024;

/// How a WebSocket says who opens it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// A ticket, or an access token.
    token: Option<String>,
}

/// The supervision tree: every room, and the actors of every family. As a WebSocket
/// (`/admin/tree?token=`) the same once a second, as long as it is open.
#[utoipa::path(get, path = "/admin/tree", tag = "admin", responses((status = 200, body = Tree),
    (status = 101), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn tree(
    State(floor): Floor,
    headers: HeaderMap,
    Query(opening): Query<Opening>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Ok(upgrade) = upgrade else {
        let token = caller::bearer(&headers).ok_or_else(caller::no_token)?;
        admit(caller::check(&floor, token)?)?;
        return Ok(Json(floor.house.tree(&floor.store)).into_response());
    };
    if !origin_is_ours(&headers, &floor.config) {
        let detail = "this page may not open the WebSocket";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail));
    }
    let token = opening.token.as_deref().or_else(|| caller::bearer(&headers));
    let token = token.ok_or_else(caller::no_token)?;
    let claims = admit(caller::check_person(&floor, token)?)?;
    Ok(upgrade
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            let sockets = floor.sockets.clone();
            if let Err(full) = sockets.spawn(|cancel| watch(socket, floor, claims, cancel)) {
                tracing::debug!(%full, "who watches the tree was turned away");
            }
        }))
}

fn admit(claims: Claims) -> Result<Claims, Problem> {
    if claims.admin {
        return Ok(claims);
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "for administrators"))
}

/// Tells the tree until the browser goes, the sign-in ends or the house closes.
async fn watch(mut socket: WebSocket, floor: Arc<HttpFloor>, claims: Claims, cancel: Cancel) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let end = loop {
        tokio::select! {
            _ = beat.tick() => {
                if !is_signed_in(&floor, &claims) {
                    break Some(TabEnd::SignedOut);
                }
                let Ok(text) = serde_json::to_string(&floor.house.tree(&floor.store)) else {
                    break None;
                };
                if !sent(&mut socket, Message::Text(text.into())).await {
                    break None;
                }
            }
            heard = socket.recv() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                Some(Ok(_)) => {}
            },
            () = cancel.cancelled() => break Some(TabEnd::ShuttingDown),
        }
    };
    if let Some(end) = end {
        let frame = CloseFrame { code: end.code(), reason: Utf8Bytes::default() };
        sent(&mut socket, Message::Close(Some(frame))).await;
    }
}

async fn sent(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(WRITE_WITHIN, socket.send(message)).await, Ok(Ok(())))
}

/// Whether the sign-in still stands; where the store can't tell, it does not.
fn is_signed_in(floor: &HttpFloor, claims: &Claims) -> bool {
    let stands = match claims.login {
        None => true,
        Some(login) => {
            accounts::family(&floor.store, claims.sub, login.0).is_ok_and(|kept| kept.is_some())
        }
    };
    stands && now_ms() / 1_000 < claims.exp
}

/// Kills an actor, to see that nobody else notices: a device or session, or what is in `memory` or
/// `doors` (one such in 30 s). Its supervisor starts it again.
#[utoipa::path(post, path = "/admin/tree/{parent}/{name}/kill", tag = "admin",
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 429, body = Problem)))]
pub async fn kill(
    State(floor): Floor,
    Administrator(who, from): Administrator,
    Path((parent, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let victim = floor.house.mortal(&parent, &name)?;
    // Noted before it is done: what is killed may be the very one that would have to note it.
    let entry = to_house(Who::Caller(caller(&who, from)), Action::Killed)?;
    let mut batch = Batch::new();
    note(&floor, &mut batch, &entry.with("parent", &*parent).with("name", &*name))?;
    floor.store.commit(batch).await.map_err(store_fault)?;
    victim()?;
    metrics().kills.inc();
    tracing::warn!(by = %who.name, family = %parent, child = %name, "killed by an administrator");
    Ok(StatusCode::NO_CONTENT)
}

impl From<KillError> for Problem {
    fn from(error: KillError) -> Self {
        let detail = error.to_string();
        match error {
            KillError::NoSuchActor => Self::not_found(),
            KillError::NotRunning => Self::new(StatusCode::CONFLICT, "not_running", detail),
            KillError::HoldsTheHouse => Self::new(StatusCode::CONFLICT, "holds_the_house", detail),
            KillError::TooSoon { retry_in } => Self::too_many(retry_in.as_secs().max(1)),
        }
    }
}
