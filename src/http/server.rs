//! The HTTP server.
//!
//! - Process: one actor, and the task that accepts.
//! - Supervised by: `tree`, below `doors`; permanent. The socket and the connections outlive it.
//! - Takes: word that its task ended.
//! - Tells: nobody.
//! - Never: answers a request.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::supervision::Tasks;

use super::{HttpFloor, router};

/// How long the server rests when the process is out of file descriptors or memory.
const REST: Duration = Duration::from_millis(200);

/// How long a request that is being answered may take when the house closes.
const DRAIN_WITHIN: Duration = Duration::from_secs(4);

/// What the server needs.
#[derive(Clone)]
pub struct Door {
    /// The bound socket.
    pub socket: Arc<TcpListener>,
    /// Free places for connections.
    pub places: Arc<Semaphore>,
    /// What handlers need.
    pub floor: Arc<HttpFloor>,
}

/// The accepting task ended.
pub struct Ended;

/// Starts the server under `supervisor`.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(door: Door, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, Server, door, supervisor).await?;
    Ok(actor.get_cell())
}

struct Server;

struct Running {
    door: Door,
    accepting: Tasks,
}

impl Actor for Server {
    type Msg = Ended;
    type State = Running;
    type Arguments = Door;

    async fn pre_start(
        &self,
        myself: ActorRef<Ended>,
        door: Door,
    ) -> Result<Running, ActorProcessingErr> {
        let accepting = Tasks::new("http server", 1);
        let (floor, entrance) = (door.floor.clone(), Entrance(door.clone()));
        accepting.spawn(|cancel| async move {
            let service = router(floor).into_make_service_with_connect_info::<PeerAddress>();
            let (close, closing) = oneshot::channel::<()>();
            let served = axum::serve(entrance, service)
                .with_graceful_shutdown(async move { drop(closing.await) });
            let mut served = pin!(served.into_future());
            let ended = tokio::select! {
                ended = &mut served => ended,
                () = cancel.cancelled() => {
                    drop(close);
                    served.await
                }
            };
            if let Err(error) = ended {
                tracing::error!(%error, "http server ended");
            }
            // Refused only while it stops.
            myself.cast(Ended).ok();
        })?;
        Ok(Running { door, accepting })
    }

    async fn handle(
        &self,
        _: ActorRef<Ended>,
        Ended: Ended,
        _: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        Err("the accepting task ended".into())
    }

    /// Doors close first: tabs are told when to come back, requests under way are answered.
    async fn post_stop(
        &self,
        _: ActorRef<Ended>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        let drained = running.door.floor.sockets.drain(DRAIN_WITHIN).await;
        tracing::info!(ended = drained.ended, cut_off = drained.cut_off, "tabs closed");
        running.accepting.drain(DRAIN_WITHIN).await;
        Ok(())
    }
}

/// The socket, with a place for each connection.
struct Entrance(Door);

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// A connection in its place.
pub struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl Listener for Entrance {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        loop {
            let Ok(place) = self.0.places.clone().acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match self.0.socket.accept().await {
                Ok((stream, peer)) if stream.set_nodelay(true).is_ok() => {
                    return (Placed { stream, _place: place }, peer);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket.local_addr()
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, Entrance>>
    for PeerAddress
{
    fn connect_info(stream: axum::serve::IncomingStream<'_, Entrance>) -> Self {
        Self(*stream.remote_addr())
    }
}
