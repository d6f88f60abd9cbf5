//! Bytes of one connection. An idle one keeps no buffer: it reads into, and writes from, a scratch
//! that the connections of a worker thread share, and keeps only what was cut off.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::codec::{DecodeError, frame_len};

/// Bytes read at a time. Larger packets grow the connection's own buffer as they arrive.
const READ_BYTES: usize = 16 * 1024;

/// Bytes kept for a peer that does not read, beyond which nothing more is made for it.
pub(super) const UNSENT_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        input: vec![0; READ_BYTES].into_boxed_slice(),
        output: Vec::with_capacity(UNSENT_BYTES_MAX),
    });
}

/// A worker thread's buffers, for one turn of one connection.
pub(super) struct Scratch {
    input: Box<[u8]>,
    /// What the turn has to say.
    pub(super) output: Vec<u8>,
}

/// Lends the thread's scratch for one turn. What is left of the output is thrown away after it.
pub(super) fn with_scratch<T>(turn: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let done = turn(scratch);
        scratch.output.clear();
        scratch.output.shrink_to(UNSENT_BYTES_MAX);
        done
    })
}

/// A connection's stream, and what was cut off.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    /// The beginning of a packet, or packets that wait for a permit.
    rest: Vec<u8>,
    /// What the peer's socket had no room for.
    unsent: Vec<u8>,
    sent: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, rest: Vec::new(), unsent: Vec::new(), sent: 0 }
    }

    /// Waits for the first packet. None: the peer went away before.
    pub(super) async fn first_frame(
        &mut self,
        bytes_max: u32,
    ) -> io::Result<Option<Result<Vec<u8>, DecodeError>>> {
        loop {
            match frame_len(&self.rest, bytes_max) {
                Err(error) => return Ok(Some(Err(error))),
                Ok(Some(length)) if self.rest.len() >= length => {
                    let later = self.rest.split_off(length);
                    return Ok(Some(Ok(std::mem::replace(&mut self.rest, later))));
                }
                Ok(_) => {}
            }
            let keep_all = |_: &[u8], _: &mut Vec<u8>| Ok::<usize, io::Error>(0);
            let arrived = poll_fn(|cx| with_scratch(|s| self.poll_take(cx, s, keep_all))).await?;
            if arrived == 0 {
                return Ok(None);
            }
        }
    }

    /// Lets `take` have what has arrived. It says how many bytes it used up; the rest is kept.
    /// Ready(0): the peer closed.
    ///
    /// Kept bytes are offered first, and again before each read, so that packets which waited for a
    /// permit go before newer ones.
    pub(super) fn poll_take<E: From<io::Error>>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        mut take: impl FnMut(&[u8], &mut Vec<u8>) -> Result<usize, E>,
    ) -> Poll<Result<usize, E>> {
        if !self.rest.is_empty() {
            let used = take(&self.rest, &mut scratch.output)?;
            if used > 0 {
                self.forget(used);
                return Poll::Ready(Ok(used));
            }
        }
        let length = ready!(self.poll_read(cx, scratch)).map_err(E::from)?;
        if self.rest.is_empty() {
            let Scratch { input, output } = scratch;
            let arrived = input.get(..length).unwrap_or_default();
            let used = take(arrived, output)?;
            self.rest.extend_from_slice(arrived.get(used..).unwrap_or_default());
        } else {
            self.rest.extend_from_slice(scratch.input.get(..length).unwrap_or_default());
        }
        Poll::Ready(Ok(length))
    }

    /// Writes what the turn has to say. Pending: the peer's socket is full, and the rest is kept.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            let mut sent = 0;
            while let Some(part) = output.get(sent..).filter(|part| !part.is_empty()) {
                match Pin::new(&mut self.stream).poll_write(cx, part)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(written) => sent += written,
                    Poll::Pending => {
                        self.unsent.extend_from_slice(part);
                        output.clear();
                        return Poll::Pending;
                    }
                }
            }
            output.clear();
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        self.unsent.append(output);
        while let Some(part) = self.unsent.get(self.sent..).filter(|part| !part.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, part)?) {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        (self.unsent, self.sent) = (Vec::new(), 0);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says a last word and closes.
    pub(super) async fn close(&mut self, last: &[u8]) -> io::Result<()> {
        let mut output = last.to_vec();
        poll_fn(|cx| self.poll_send(cx, &mut output)).await?;
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(&mut scratch.input);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn forget(&mut self, used: usize) {
        if used >= self.rest.len() {
            self.rest = Vec::new();
        } else {
            self.rest.drain(..used);
        }
    }
}
