//! One HTTP connection.
//!
//! - Process: one task per connection; a WebSocket goes on as a task of its own (`socket`).
//! - Supervised by: the connection tasks of `doors`; never restarted, the browser reconnects.
//! - Takes: bytes from the peer.
//! - Tells: the peer.
//! - Never: answers a request; the handlers do.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::supervision::tasks::Cancel;

/// How long a peer may take to say what it wants. A connection that is kept open for the next
/// request may be silent as long, so this is also the keep-alive.
const HEAD_WITHIN: Duration = Duration::from_secs(15);

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Serves a connection until it is over, or the house closes: then the request under way is still
/// answered.
pub async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, cancel: Cancel) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(PeerAddress(peer)));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
