//! A WebSocket's binary frames as a stream of bytes: where a frame ends means nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The close code for a frame of a kind that is not taken (RFC 6455, 7.4.1).
const UNSUPPORTED_DATA: u16 = 1003;

/// Bytes in, bytes out. A text frame is an error, of which the browser is told.
pub struct ByteStream {
    /// Boxed: it is large, and handed on a few times.
    socket: Box<WebSocket>,
    /// Of a frame that was not read to its end.
    rest: Bytes,
    /// A text frame came.
    broken: bool,
}

impl ByteStream {
    /// The bytes that `socket` carries.
    #[must_use]
    pub fn new(socket: WebSocket) -> Self {
        Self { socket: Box::new(socket), rest: Bytes::new(), broken: false }
    }

    fn socket(&mut self) -> Pin<&mut WebSocket> {
        Pin::new(&mut self.socket)
    }

    /// Says why it ends, and ends.
    fn poll_refuse(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let frame = CloseFrame { code: UNSUPPORTED_DATA, reason: Utf8Bytes::default() };
        let ready = ready!(self.socket().poll_ready(cx));
        let said = ready.and_then(|()| self.socket().start_send(Message::Close(Some(frame))));
        let text = || io::Error::new(io::ErrorKind::InvalidData, "a text frame");
        Poll::Ready(said.err().map_or_else(text, io::Error::other))
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.broken {
                return Poll::Ready(Err(ready!(self.poll_refuse(cx))));
            }
            if self.rest.has_remaining() {
                let length = self.rest.len().min(buffer.remaining());
                buffer.put_slice(&self.rest.split_to(length));
                return Poll::Ready(Ok(()));
            }
            // Nothing is kept of a frame that was read.
            self.rest = Bytes::new();
            match ready!(self.socket().poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_))) => self.broken = true,
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.socket().poll_ready(cx)).map_err(broken)?;
        let frame = Message::Binary(Bytes::copy_from_slice(bytes));
        self.socket().start_send(frame).map_err(broken)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_close(cx).map_err(broken)
    }
}

fn broken(error: Error) -> io::Error {
    io::Error::other(error)
}
