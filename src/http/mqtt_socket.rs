//! MQTT over a WebSocket (section 6 of both standards), for clients in browsers and behind proxies.
//!
//! - Process: one task per WebSocket.
//! - Supervised by: the socket tasks of `doors`; never restarted, the client reconnects.
//! - Takes: binary frames.
//! - Tells: the MQTT endpoint, to which it is a stream of bytes like any other.
//! - Never: looks at a packet; that is the business of whoever serves the bytes.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::future::BoxFuture;

use crate::supervision::tasks::Cancel;

use super::Floor;
use super::auth::caller::peer_address;
use super::byte_stream::ByteStream;
use super::error::Problem;
use super::server::PeerAddress;
use super::socket::{check_origin, lean};

/// The subprotocols of MQTT [MQTT-6.0.0-4]: that of 3.1.1 and 5.0, and that of 3.1.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Bytes of a frame beyond those of the largest packet: a small one may come with it.
const FRAME_BYTES_SPARE: usize = 1_024;

/// Serves MQTT on a stream, from its first byte to its last. Whoever builds the house hands it in,
/// because the two doors do not know each other.
pub type ServeMqtt =
    Arc<dyn Fn(ByteStream, IpAddr, Cancel) -> BoxFuture<'static, ()> + Send + Sync>;

/// Opens a WebSocket for MQTT.
pub async fn open(
    State(floor): Floor,
    ConnectInfo(PeerAddress(peer)): ConnectInfo<PeerAddress>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    check_origin(&headers, &floor.config)?;
    let upgrade = upgrade.protocols(SUBPROTOCOLS);
    if upgrade.selected_protocol().is_none() {
        let detail = "the WebSocket must offer the subprotocol mqtt";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "no_subprotocol", detail));
    }
    let address = peer_address(peer, &headers, &floor.config);
    let frame_bytes_max = floor.config.mqtt.packet_bytes_max + FRAME_BYTES_SPARE;
    Ok(lean(upgrade, frame_bytes_max).on_upgrade(move |socket| async move {
        let serve = |cancel| (floor.serve_mqtt)(ByteStream::new(socket), address, cancel);
        if let Err(full) = floor.sockets.spawn(serve) {
            tracing::debug!(%full, "MQTT over a WebSocket turned away");
        }
    }))
}
