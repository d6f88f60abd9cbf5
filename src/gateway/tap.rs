//! One connection of a device, carried on to the server.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use tokio::net::TcpStream;
use tracing::{debug, warn};

use super::stack::Chunk;

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The connection and the one it goes on as.
pub(super) struct Tap {
    handle: SocketHandle,
    server: String,
    upstream: Upstream,
}

enum Upstream {
    /// No device, or one whose connection just ended.
    None,
    Connecting(Connecting),
    Open(TcpStream),
    /// The server was not reached; the device is to hear of it.
    Refused,
    /// The server is gone; what it said is still on its way to the device.
    Ended,
}

impl Tap {
    pub(super) fn new(handle: SocketHandle, server: &str) -> Self {
        Self { handle, server: server.to_owned(), upstream: Upstream::None }
    }

    pub(super) const fn handle(&self) -> SocketHandle {
        self.handle
    }

    /// Moves bytes both ways, as far as that goes without waiting.
    pub(super) fn turn(&mut self, socket: &mut tcp::Socket<'_>) {
        if !socket.is_active() {
            if !matches!(self.upstream, Upstream::None) {
                debug!("device hung up");
            }
            self.upstream = Upstream::None;
            return;
        }
        match &self.upstream {
            Upstream::None if socket.may_send() => {
                debug!(server = self.server, "device calls");
                let server = self.server.clone();
                self.upstream =
                    Upstream::Connecting(Box::pin(async move { TcpStream::connect(server).await }));
            }
            Upstream::Open(stream) => {
                let carried = to_server(stream, socket).and_then(|()| to_device(stream, socket));
                let device_done = !socket.may_recv() && !socket.can_recv();
                match carried {
                    Ok(true) if !device_done => {}
                    Ok(_) => {
                        socket.close();
                        self.upstream = Upstream::Ended;
                    }
                    Err(error) => {
                        warn!(%error, "server hung up");
                        socket.abort();
                        self.upstream = Upstream::Ended;
                    }
                }
            }
            Upstream::Refused => {
                socket.abort();
                self.upstream = Upstream::Ended;
            }
            Upstream::None | Upstream::Connecting(_) | Upstream::Ended => {}
        }
    }

    /// Ready when [`Tap::turn`] can go on because of the server.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>, chunk: Chunk) -> Poll<()> {
        match &mut self.upstream {
            Upstream::None | Upstream::Refused | Upstream::Ended => Poll::Pending,
            Upstream::Connecting(connecting) => {
                let Poll::Ready(connected) = connecting.as_mut().poll(context) else {
                    return Poll::Pending;
                };
                let connected = connected.and_then(|stream| {
                    stream.set_nodelay(true)?;
                    Ok(stream)
                });
                self.upstream = connected.map_or_else(
                    |error| {
                        warn!(%error, server = self.server, "server not reached");
                        Upstream::Refused
                    },
                    Upstream::Open,
                );
                Poll::Ready(())
            }
            Upstream::Open(stream) => {
                let read = chunk.to_device && stream.poll_read_ready(context).is_ready();
                let write = chunk.from_device && stream.poll_write_ready(context).is_ready();
                if read || write { Poll::Ready(()) } else { Poll::Pending }
            }
        }
    }
}

fn to_server(stream: &TcpStream, socket: &mut tcp::Socket<'_>) -> io::Result<()> {
    while socket.can_recv() {
        let written = socket.recv(|bytes| match stream.try_write(bytes) {
            Ok(count) => (count, Ok(count)),
            Err(error) => (0, Err(error)),
        });
        match written.map_err(io::Error::other)? {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// False at the end of what the server says.
fn to_device(stream: &TcpStream, socket: &mut tcp::Socket<'_>) -> io::Result<bool> {
    while socket.can_send() {
        let read = socket.send(|room| match stream.try_read(room) {
            Ok(count) => (count, Ok(count)),
            Err(error) => (0, Err(error)),
        });
        match read.map_err(io::Error::other)? {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
