//! A tab's WebSocket: moves frames between a browser and its session.
//!
//! - Process: one task per WebSocket.
//! - Supervised by: the socket tasks of `doors`; never restarted, the browser reconnects.
//! - Takes: frames from the browser, [`ToTab`] from the session.
//! - Tells: the session, the browser.
//! - Never: decides what a frame means (`session/frame`), or queues for a browser that does not
//!   read: the session's outbox is bounded, and asks to be told when it was read.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;

use crate::config::Config;
use crate::host::now_ms;
use crate::model::UserId;
use crate::observe::metrics;
use crate::session::frame::Request;
use crate::session::tab::OUTBOX_FRAMES_MAX;
use crate::session::{SessionMsg, Tab, TabEnd, TabId, ToTab, frame};
use crate::store::SecretHash;
use crate::supervision::permit::Permits;
use crate::supervision::tasks::Cancel;
use crate::supervision::{Inbox, outbox};

use super::auth::asker::Asker;
use super::auth::caller::{Address, bearer, check_socket};
use super::error::{Problem, Query};
use super::{Floor, HttpFloor};

/// Bytes of the socket's own buffers. The library's default costs 137 kB for each open socket.
const BUFFER_BYTES: usize = 1_024;

/// Requests of one tab that its session may not have handled yet.
const REQUESTS_MAX: u32 = 16;

/// How long a browser may leave its socket full before it is closed.
const WRITE_WITHIN: Duration = Duration::from_secs(15);

/// A socket whose token has no end is closed after this long, in milliseconds, and comes back: 30
/// days, which every clock can count.
const SOCKET_MS_MAX: i64 = 30 * 24 * 3_600_000;

/// The close code of a broken rule (RFC 6455, 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// How a WebSocket says who opens it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// A ticket, an access token or an API token. Programs may send the last two as a header.
    token: Option<String>,
}

/// Opens a tab.
pub async fn open(
    State(floor): Floor,
    Address(from): Address,
    headers: HeaderMap,
    Query(opening): Query<Opening>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    check_origin(&headers, &floor.config)?;
    let token = opening.token.as_deref().or_else(|| bearer(&headers)).ok_or_else(|| {
        let detail = "a token is needed: /ws?token=… or Authorization: Bearer …";
        Problem::unauthorized("no_token", detail)
    })?;
    let asker = check_socket(&floor, token, from)?;
    let frame_bytes_max = floor.config.http.frame_bytes_max;
    Ok(lean(upgrade, frame_bytes_max).on_upgrade(move |socket| async move {
        let sockets = floor.sockets.clone();
        if let Err(full) = sockets.spawn(|cancel| run(socket, floor, asker, cancel)) {
            tracing::debug!(%full, "tab turned away");
        }
    }))
}

/// A WebSocket that keeps no large buffer, and takes frames of up to `frame_bytes_max` bytes.
pub(super) fn lean(upgrade: WebSocketUpgrade, frame_bytes_max: usize) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(frame_bytes_max)
        .max_frame_size(frame_bytes_max)
}

/// Refuses the pages of others.
pub(super) fn check_origin(headers: &HeaderMap, config: &Config) -> Result<(), Problem> {
    if origin_is_ours(headers, config) {
        return Ok(());
    }
    let detail = "this page may not open the WebSocket";
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
}

/// A page of ours, or no page at all: programs send no `Origin`.
pub(super) fn origin_is_ours(headers: &HeaderMap, config: &Config) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if config.http.public_url.as_deref() == Some(origin)
        || config.http.allowed_origins.iter().any(|allowed| allowed == origin)
    {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    config.http.public_url.is_none()
        && host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, at)| at == host))
}

/// One tab, from its first frame to its last.
struct TabSocket {
    socket: WebSocket,
    inbox: Inbox<ToTab>,
    floor: Arc<HttpFloor>,
    user: UserId,
    /// The API token it was opened with.
    token: Option<SecretHash>,
    tab: TabId,
    permits: Permits,
    /// When its token expires.
    expires: Instant,
    heard: Instant,
}

async fn run(socket: WebSocket, floor: Arc<HttpFloor>, asker: Asker, cancel: Cancel) {
    let tab = TabId(floor.tabs.fetch_add(1, Ordering::Relaxed));
    let (outbox, inbox) = outbox(OUTBOX_FRAMES_MAX);
    let left_ms = asker.expires_ms.saturating_sub(now_ms()).min(SOCKET_MS_MAX);
    let expires = Instant::now() + Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
    let Asker { caller, login, scope, token, .. } = asker;
    let user = caller.user;
    let opened = Tab { id: tab, login, caller, scope, outbox };
    floor.sessions.deliver(user, SessionMsg::TabOpened(Box::new(opened))).await;
    metrics().tabs.inc();
    let (permits, heard) = (Permits::new(REQUESTS_MAX), Instant::now());
    let tab_socket = TabSocket {
        socket,
        inbox,
        floor: floor.clone(),
        user,
        token,
        tab,
        permits,
        expires,
        heard,
    };
    let end = tab_socket.run(&cancel).await;
    metrics().tabs.dec();
    floor.sessions.tell(user, SessionMsg::TabClosed(tab));
    tracing::debug!(%user, tab = tab.0, ?end, "tab closed");
}

/// Why a tab ended.
#[derive(Debug)]
enum End {
    /// The browser closed it, or the network did.
    Gone,
    /// The session is gone; the browser comes back to the next one.
    Orphaned,
    /// We close it.
    Closed(u16),
}

impl TabSocket {
    async fn run(mut self, cancel: &Cancel) -> End {
        let end = loop {
            if let Err(end) = self.turn(cancel).await {
                break end;
            }
        };
        if let End::Closed(code) = end {
            let frame = CloseFrame { code, reason: Utf8Bytes::default() };
            drop(self.write(Message::Close(Some(frame))).await);
        }
        end
    }

    async fn turn(&mut self, cancel: &Cancel) -> Result<(), End> {
        let ping_s = self.floor.config.http.ping_s;
        let next_look = self.expires.min(self.heard + ping_s).min(Instant::now() + ping_s);
        tokio::select! {
            message = self.inbox.recv() => self.down(message).await,
            message = self.socket.recv() => match message {
                Some(Ok(message)) => self.up(message).await,
                Some(Err(_)) | None => Err(End::Gone),
            },
            () = cancel.cancelled() => {
                let bye = frame::bye(millis(self.floor.config.drain.reconnect_ms_max));
                self.write(text(bye)).await?;
                Err(End::Closed(TabEnd::ShuttingDown.code()))
            }
            () = tokio::time::sleep_until(next_look.into()) => self.look().await,
        }
    }

    /// What the session sent, and what waits behind it, in one go.
    async fn down(&mut self, first: Option<ToTab>) -> Result<(), End> {
        let mut next = first;
        loop {
            match next {
                None => return Err(End::Orphaned),
                Some(ToTab::Frame(frame)) => {
                    metrics().frames_sent.inc();
                    self.write(text(frame)).await?;
                }
                Some(ToTab::CaughtUp) => {
                    let drained = SessionMsg::TabDrained(self.tab);
                    self.floor.sessions.tell(self.user, drained);
                }
                Some(ToTab::Close(why)) => {
                    match why {
                        TabEnd::TooSlow => metrics().tabs_slow.inc(),
                        TabEnd::TooMany => metrics().tabs_surplus.inc(),
                        TabEnd::SignedOut | TabEnd::ShuttingDown => {}
                    }
                    return Err(End::Closed(why.code()));
                }
            }
            next = self.inbox.try_recv();
            if next.is_none() {
                return Ok(());
            }
        }
    }

    async fn up(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            Message::Text(said) => match frame::read(said.as_bytes()) {
                Ok(request) => self.asked(request).await,
                Err(answer) => self.write(text(answer)).await,
            },
            Message::Binary(_) => Err(End::Closed(POLICY_VIOLATION)),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Gone),
        }
    }

    /// Hands a request on, unless its user or token asks too fast: all tabs and REST count
    /// together.
    async fn asked(&mut self, request: Request) -> Result<(), End> {
        if !matches!(request, Request::Ping { .. })
            && let Err(wait_s) = self.floor.auth.rates.take(self.token, self.user, now_ms())
        {
            return self.write(text(frame::too_many(request.reference(), wait_s))).await;
        }
        let permit = self.permits.acquire().await;
        let request = SessionMsg::FromTab(self.tab, request, permit);
        self.floor.sessions.tell(self.user, request);
        Ok(())
    }

    /// Has the token expired? Is the browser still there?
    async fn look(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let ping_s = self.floor.config.http.ping_s;
        if now >= self.expires {
            return Err(End::Closed(TabEnd::SignedOut.code()));
        }
        let silent = now.duration_since(self.heard);
        if silent >= ping_s * 2 {
            return Err(End::Gone);
        }
        if silent >= ping_s {
            return self.write(Message::Ping(Bytes::new())).await;
        }
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(WRITE_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn text(frame: Bytes) -> Message {
    // Every frame was made as text; an empty one would say nothing.
    Message::Text(Utf8Bytes::try_from(frame).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
