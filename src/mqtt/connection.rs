//! A connection: moves bytes between a device and its actor, or a client and its topic space.
//!
//! - Process: one task per connection.
//! - Supervised by: the connection tasks of `doors`; never restarted, the peer reconnects.
//! - Takes: bytes from the peer; from the house [`ToLink`](crate::device::ToLink) or
//!   [`ToClient`](crate::space::ToClient).
//! - Tells: the device's actor or the user's topic space; the peer.
//! - Never: decides what a message means (`protocol`, `client`), or reads on while the house is
//!   behind.
//!
//! What is the same for both is here; what differs is a [`Party`]: `device_link`, `client_link`.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::observe::metrics;
use crate::supervision::tasks::Cancel;

use super::fatal::Fatal;
use super::login::{self, Opened, Refused};
use super::sweep::{Pulse, keep_alive_ticks, ticks};
use super::wire::{Scratch, UNSENT_BYTES_MAX, Wire, with_scratch};
use super::{MqttFloor, MqttLimits, Peer};
use crate::codec::{ReasonCode, frame_len};

/// How long a peer may take to read the last word.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The peer said goodbye.
    #[error("disconnected")]
    Goodbye,
    /// The peer closed without a word.
    #[error("closed by the peer")]
    Closed,
    /// The socket broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// Nothing was heard for one and a half times the keep-alive.
    #[error("silent for too long")]
    Silent,
    /// It has read nothing for too long.
    #[error("it does not read")]
    Stuck,
    /// The device's actor, or the user's space, is gone.
    #[error("its actor ended")]
    Orphaned,
    /// The house closes.
    #[error("the server closes")]
    Closing,
    /// A rule was broken, or the house ends the link.
    #[error("{0}")]
    Fatal(#[from] Fatal),
}

impl End {
    /// Whether the peer broke off: what it wanted said then is said. Of one that said goodbye
    /// nothing is left to say, unless it wanted that.
    pub(super) const fn is_the_peers(&self) -> bool {
        match self {
            Self::Goodbye
            | Self::Closed
            | Self::Broken(_)
            | Self::Silent
            | Self::Stuck
            | Self::Orphaned => true,
            Self::Closing => false,
            Self::Fatal(fatal) => !fatal.is_ours(),
        }
    }

    fn count(&self) {
        match self {
            Self::Silent => metrics().mqtt_silent.inc(),
            Self::Stuck => metrics().mqtt_stuck.inc(),
            Self::Fatal(fatal) if !fatal.is_ours() => metrics().mqtt_refused.inc(),
            Self::Fatal(_)
            | Self::Goodbye
            | Self::Closed
            | Self::Broken(_)
            | Self::Orphaned
            | Self::Closing => {}
        }
    }
}

/// Runs a connection from its first byte to its last.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Box<Peer>,
    floor: Arc<MqttFloor>,
    cancel: Cancel,
) {
    let mut line = Line::new(stream, &floor, cancel);
    // Boxed: a link that is open does not carry the room that opening one took.
    let opened = Box::pin(open(&mut line, &peer, &floor)).await;
    drop(floor);
    let Some(opened) = opened else {
        // Over TLS and in a WebSocket a closed socket alone is no goodbye.
        return Box::pin(line.hang_up(&[])).await;
    };
    let mut pass = peer.into_pass();
    pass.opened();
    metrics().mqtt_connects.inc();
    metrics().mqtt_links.inc();
    match opened {
        Opened::Device(mut device) => serve(&mut line, &mut *device).await,
        Opened::Client(mut client) => serve(&mut line, &mut *client).await,
    }
    drop(pass); // its place is free again
}

/// Serves a party until its connection ends. What both are is not moved into this future, which
/// would hold it twice.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(line: &mut Line<S>, party: &mut impl Party) {
    line.alive_ticks = keep_alive_ticks(party.keep_alive_s());
    line.alive(party.keep_alive_s());
    let end = poll_fn(|cx| line.poll(cx, party)).await;
    Box::pin(line.close(party, end)).await;
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    line: &mut Line<S>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Option<Opened> {
    let Line { wire, pulse, cancel, .. } = line;
    let opening = login::open(wire, peer, floor);
    let too_late = poll_fn(|cx| {
        let over = pulse.is_over(cx.waker()) || cancel.is_cancelled();
        if over { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::select! {
        opened = opening => opened.inspect_err(count_refusal).ok(),
        () = too_late => {
            metrics().mqtt_refused.inc();
            None
        }
    }
}

fn count_refusal(refused: &Refused) {
    match refused {
        // Whoever turned it away has counted it.
        Refused::Gone | Refused::TurnedAway(_) => {}
        Refused::Refused(ReasonCode::NOT_AUTHORIZED) => metrics().sign_in_failures_mqtt.inc(),
        Refused::Malformed(_) | Refused::Refused(_) => metrics().mqtt_refused.inc(),
    }
    tracing::debug!(%refused, "connection not opened");
}

/// The line it hangs on.
struct Line<S> {
    wire: Wire<S>,
    pulse: Pulse,
    cancel: Cancel,
    alive_ticks: u32,
    write_ticks: u32,
    stuck: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    /// A line whose peer has not said yet who it is, and has not long to say it.
    fn new(stream: S, floor: &MqttFloor, cancel: Cancel) -> Self {
        let MqttLimits { login_s_max, write_s_max, .. } = *floor.limits;
        let (wire, pulse) = (Wire::new(stream), floor.sweep.pulse());
        pulse.set(ticks(login_s_max));
        Self { wire, pulse, cancel, alive_ticks: 0, write_ticks: ticks(write_s_max), stuck: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>, party: &mut impl Party) -> Poll<End> {
        with_scratch(|scratch| match self.poll_turn(cx, party, scratch) {
            Poll::Ready(Err(end)) => {
                if let End::Fatal(fatal) = &end {
                    party.farewell(fatal.reason(), &mut scratch.output);
                }
                // What is not written at once is not worth waiting for.
                let _unsent = self.wire.poll_send(cx, &mut scratch.output);
                Poll::Ready(end)
            }
            Poll::Ready(Ok(never)) => match never {},
            Poll::Pending => Poll::Pending,
        })
    }

    /// Everything that can be done now: down, out, up; until all three wait.
    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        party: &mut impl Party,
        scratch: &mut Scratch,
    ) -> Poll<Result<std::convert::Infallible, End>> {
        loop {
            if self.cancel.is_cancelled() {
                return Poll::Ready(Err(End::Closing));
            }
            if self.pulse.is_over(cx.waker()) {
                if self.stuck {
                    return Poll::Ready(Err(End::Stuck));
                }
                if party.is_ready() {
                    return Poll::Ready(Err(End::Silent));
                }
                self.alive(party.keep_alive_s()); // it is the house that does not listen
            }
            if !self.stuck {
                party.down(cx, &mut scratch.output)?;
            }
            // Of an inbox that was not emptied nobody hears again.
            let is_cut_short = scratch.output.len() >= UNSENT_BYTES_MAX;
            if self.wire.poll_send(cx, &mut scratch.output)?.is_pending() {
                if !self.stuck {
                    self.stuck = true;
                    self.pulse.set(self.write_ticks);
                }
                return Poll::Pending;
            }
            if std::mem::take(&mut self.stuck) {
                self.alive(party.keep_alive_s());
                continue;
            }
            party.was_written();
            if party.poll_ready(cx).is_pending() {
                if is_cut_short {
                    continue;
                }
                metrics().mqtt_pauses.inc();
                return Poll::Pending;
            }
            match self.wire.poll_take(cx, scratch, |bytes, out| party.up(bytes, out))? {
                Poll::Ready(0) => return Poll::Ready(Err(End::Closed)),
                Poll::Ready(_) => self.alive(party.keep_alive_s()),
                Poll::Pending if is_cut_short || !scratch.output.is_empty() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn alive(&self, keep_alive_s: u16) {
        if keep_alive_s == 0 {
            self.pulse.clear();
        } else {
            self.pulse.set(self.alive_ticks);
        }
    }

    /// Ends the connection: the house is told, and the peer, if it is the house that closes.
    async fn close(&mut self, party: &mut impl Party, end: End) {
        metrics().mqtt_links.dec();
        end.count();
        tracing::debug!(%end, "connection closed");
        party.lost(&end).await;
        let mut last = Vec::new();
        if matches!(end, End::Closing) {
            party.farewell(ReasonCode::SERVER_SHUTTING_DOWN, &mut last);
        }
        self.hang_up(&last).await;
    }

    /// Says a last word, to a peer that takes it within reason.
    async fn hang_up(&mut self, last: &[u8]) {
        drop(tokio::time::timeout(FAREWELL_WITHIN, self.wire.close(last)).await);
    }
}

/// What hangs on a line: a device's link, or a client's.
pub(super) trait Party {
    /// Its keep-alive, in seconds; 0 is for ever.
    fn keep_alive_s(&self) -> u16;

    /// Carries out what the house sent, as long as there is room for the bytes.
    fn down(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Result<(), End>;

    /// All that was put out is with the peer's socket.
    fn was_written(&mut self);

    /// Waits until the house can take another message.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether the house could take another message when it was last looked at.
    fn is_ready(&self) -> bool;

    /// Takes whole packets off `bytes`, as long as the house can take them; says how many bytes
    /// they were.
    fn up(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, End>;

    /// Says why the connection is closed, to a peer whose version has words for it.
    fn farewell(&self, reason: ReasonCode, out: &mut Vec<u8>);

    /// The connection is over: tells the house.
    async fn lost(&mut self, end: &End);
}

/// Gives `take` the whole packets at the front of `bytes`, until it takes no more; says how many
/// bytes it took.
pub(super) fn frames(
    bytes: &[u8],
    bytes_max: u32,
    mut take: impl FnMut(&[u8]) -> Result<bool, End>,
) -> Result<usize, End> {
    let mut used = 0;
    while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
        let length = frame_len(rest, bytes_max).map_err(Fatal::from)?;
        let Some(frame) = length.and_then(|length| rest.get(..length)) else { break };
        if !take(frame)? {
            break;
        }
        used += frame.len();
    }
    Ok(used)
}
