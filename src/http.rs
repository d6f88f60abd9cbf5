//! The HTTP door: REST, the WebSocket and the page.
//!
//! - Process: a task per connection, and one per WebSocket (`listener` accepts them).
//! - Supervised by: `tree`, below `doors`; a connection is never restarted, the browser reconnects.
//! - Takes: requests.
//! - Tells: session actors.
//! - Never: decides what a device does; it reads, asks a session, and shows the answer.

pub mod admin;
pub mod assets;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod byte_stream;
pub mod certificates;
pub mod devices;
pub mod error;
pub mod grants;
pub mod health;
pub mod history;
pub mod kinds;
pub mod mqtt_socket;
pub mod openapi;
pub mod programs;
pub mod server;
pub mod socket;
pub mod stats;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::devices::Devices;
use crate::observe::metrics;
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::stats::StatsHandle;
use crate::store::Store;
use crate::supervision::Tasks;

use auth::Auth;
use error::Problem;
use server::PeerAddress;

/// What every handler needs of the floors below it.
pub struct HttpFloor {
    /// Who is who.
    pub auth: Auth,
    /// Reaches the people's sessions.
    pub sessions: Sessions,
    /// Reaches the topic spaces.
    pub spaces: Spaces,
    /// Reaches the devices.
    pub devices: Devices,
    /// Where accounts and devices are kept.
    pub store: Store,
    /// Where history is kept.
    pub stats: StatsHandle,
    /// The turn to make a backup.
    pub backups: Arc<Semaphore>,
    /// Turns for downloads of history.
    pub downloads: Arc<Semaphore>,
    /// What the operator decided.
    pub config: Config,
    /// Where tabs' sockets run.
    pub sockets: Tasks,
    /// Shows the house to its administrator.
    pub house: admin::HouseView,
    /// The port at which devices connect, for the lines that people paste.
    pub mqtt_port: u16,
    /// Serves MQTT that comes in a WebSocket.
    pub serve_mqtt: mqtt_socket::ServeMqtt,
    /// Numbers tabs.
    pub tabs: AtomicU64,
}

/// The state that every handler shares.
pub type Floor = axum::extract::State<Arc<HttpFloor>>;

/// Only what is ours is run, shown or talked to.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; \
     manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Every route.
pub fn router(floor: Arc<HttpFloor>) -> Router {
    let body_bytes_max = floor.config.http.body_bytes_max;
    Router::new()
        .route("/auth/register", post(auth::register::register))
        .route("/auth/login", post(auth::logins::login))
        .route("/auth/refresh", post(auth::logins::refresh))
        .route("/auth/logout", post(auth::logins::logout))
        .route("/auth/me", get(auth::register::me))
        .route("/auth/ticket", post(auth::logins::ticket))
        .route("/auth/sessions", get(auth::account::logins))
        .route("/auth/sessions/{id}", delete(auth::account::end))
        .route("/auth/password", post(auth::account::password))
        .route("/devices", get(devices::list).post(devices::create))
        .route("/devices/", get(devices::list).post(devices::create))
        .route("/devices/{id}", get(devices::show).patch(devices::patch).delete(devices::delete))
        .route("/devices/{id}/", get(devices::show).patch(devices::patch).delete(devices::delete))
        .route("/devices/{id}/secret", post(devices::new_secret))
        .route(
            "/devices/{id}/certificate",
            get(certificates::show).put(certificates::put).delete(certificates::delete),
        )
        .route("/devices/{id}/commands", get(devices::commands))
        .route("/devices/{id}/audit", get(audit::of_device))
        .route("/devices/{id}/alarms/{code}/acknowledge", post(devices::acknowledge))
        .route("/devices/{id}/history", get(history::history))
        .route("/devices/{id}/history.svg", get(history::picture::picture))
        .route("/devices/{id}/grants", get(grants::list))
        .route(
            "/devices/{id}/grants/{username}",
            get(grants::show).put(grants::put).delete(grants::delete),
        )
        .route("/devices/{id}/invitations", post(grants::invite))
        .route("/invitations/{token}", post(grants::accept))
        .route("/tokens", get(programs::tokens).post(programs::new_token))
        .route("/tokens/{label}", delete(programs::end_token))
        .route("/clients", get(programs::clients).post(programs::new_client))
        .route("/clients/{label}", delete(programs::end_client))
        .route("/kinds", get(kinds::list))
        .route("/stats", get(stats::mine))
        .route("/kinds/{kind}", get(kinds::show))
        .route("/kinds/{kind}/thing-model", get(kinds::thing_model))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics_text))
        .route("/openapi.json", get(openapi::document))
        .route("/admin/tree", get(admin::tree))
        .route("/admin/tree/{parent}/{name}/kill", post(admin::kill))
        .route("/admin/stats", get(stats::fleet))
        .route("/admin/audit", get(audit::of_house))
        .route("/ws", get(socket::open))
        .route("/mqtt", get(mqtt_socket::open))
        .fallback(assets::serve)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(floor.clone(), in_time))
        // A backup takes as long as it takes.
        .route("/admin/backup", post(backup::make))
        .layer(from_fn_with_state(floor.clone(), paced))
        .layer(from_fn(secured))
        .with_state(floor)
}

/// A request that takes too long is given up.
async fn in_time(
    axum::extract::State(floor): Floor,
    request: Request<axum::body::Body>,
    next: Next,
) -> Result<Response, Problem> {
    let within = floor.config.http.request_s_max;
    tokio::time::timeout(within, next.run(request))
        .await
        .map_err(|_| Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "took too long"))
}

/// An address that asks too fast has to wait. Who looks after the house is let in.
async fn paced(
    axum::extract::State(floor): Floor,
    request: Request<axum::body::Body>,
    next: Next,
) -> Result<Response, Problem> {
    let peer = request.extensions().get::<ConnectInfo<PeerAddress>>();
    let watches = request.uri().path().starts_with("/health/");
    if let Some(ConnectInfo(PeerAddress(peer))) = peer.filter(|_| !watches) {
        let address = auth::caller::peer_address(*peer, request.headers(), &floor.config);
        floor.auth.rates.address(address, crate::host::now_ms())?;
    }
    Ok(next.run(request).await)
}

/// Puts the security headers on every answer, and counts it.
async fn secured(request: Request<axum::body::Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    metrics().http_requests.inc();
    if response.status().is_server_error() {
        metrics().http_errors.inc();
    }
    response
}
