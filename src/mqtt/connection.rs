//! A connection: moves bytes between a device and its actor.
//!
//! - Process: one task per connection.
//! - Supervised by: the connection tasks of `doors`; never restarted, the device reconnects.
//! - Takes: bytes from the peer, [`ToLink`](crate::device::ToLink) from the device's actor.
//! - Tells: the device's actor, the peer.
//! - Never: decides what a message means (`protocol`), or reads on while the actor is behind.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::device::{DeviceMsg, LinkEnd, Receipt, Report};
use crate::observe::metrics;
use crate::supervision::permit::{Permit, Permits};
use crate::supervision::tasks::Cancel;

use super::login::{self, Opened, Refused};
use super::protocol::{Fatal, Said};
use super::sweep::{Pulse, keep_alive_ticks, ticks};
use super::wire::{Scratch, UNSENT_BYTES_MAX, Wire, with_scratch};
use super::{MqttFloor, Peer};
use crate::codec::{PacketType, frame_len};

/// How long a peer may take to read the last word.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    /// The device said goodbye.
    #[error("disconnected")]
    Goodbye,
    /// The peer closed without a word.
    #[error("closed by the peer")]
    Closed,
    /// The socket broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// Nothing was heard for one and a half times the keep-alive, or nothing read for too long.
    #[error("silent for too long")]
    Silent,
    /// The device's actor is gone.
    #[error("its actor ended")]
    Orphaned,
    /// The house closes.
    #[error("the server closes")]
    Closing,
    /// A rule was broken, or the house ends the link.
    #[error("{0}")]
    Fatal(#[from] Fatal),
}

/// Runs a connection from its first byte to its last.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    floor: Arc<MqttFloor>,
    cancel: Cancel,
) {
    let mut wire = Wire::new(stream);
    let pulse = floor.sweep.pulse();
    pulse.set(ticks(floor.limits.login_s_max));
    // Boxed: a link that is open does not carry the room that opening one took.
    let opened = Box::pin(open(&mut wire, &peer, &floor, &pulse, &cancel)).await;
    let Some(opened) = opened else {
        // Over TLS and in a WebSocket a closed socket alone is no goodbye.
        return drop(Box::pin(tokio::time::timeout(FAREWELL_WITHIN, wire.close(&[]))).await);
    };
    metrics().mqtt_connects.inc();
    metrics().mqtt_links.inc();
    let permits = Permits::new(floor.limits.permits_max);
    let bytes_max = floor.limits.packet_bytes_max;
    let write_ticks = ticks(floor.limits.write_s_max);
    drop(floor);
    let alive_ticks = keep_alive_ticks(opened.keep_alive_s);
    let mut open_link = OpenLink { opened, permits, permit: None, written: None, bytes_max };
    let mut line = Line { wire, pulse, cancel, alive_ticks, write_ticks, stuck: false };
    line.alive(open_link.opened.keep_alive_s);
    let end = poll_fn(|cx| line.poll(cx, &mut open_link)).await;
    Box::pin(line.close(open_link, end)).await;
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    peer: &Peer,
    floor: &MqttFloor,
    pulse: &Pulse,
    cancel: &Cancel,
) -> Option<Opened> {
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
        Refused::Gone => {}
        Refused::Malformed(_) => metrics().mqtt_refused.inc(),
        Refused::Refused(_) => metrics().sign_in_failures_mqtt.inc(),
    }
    tracing::debug!(%refused, "connection not opened");
}

/// A link and what it holds of the house.
struct OpenLink {
    opened: Opened,
    permits: Permits,
    /// For the next message, acquired before it is read.
    permit: Option<Permit>,
    /// The `set` message that counts as delivered once it is written.
    written: Option<u64>,
    bytes_max: u32,
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
    fn poll(&mut self, cx: &mut Context<'_>, link: &mut OpenLink) -> Poll<End> {
        with_scratch(|scratch| match self.poll_turn(cx, link, scratch) {
            Poll::Ready(Err(end)) => {
                if let End::Fatal(fatal) = &end {
                    link.opened.protocol.farewell(fatal, &mut scratch.output);
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
        link: &mut OpenLink,
        scratch: &mut Scratch,
    ) -> Poll<Result<std::convert::Infallible, End>> {
        loop {
            if self.cancel.is_cancelled() {
                return Poll::Ready(Err(End::Closing));
            }
            if self.pulse.is_over(cx.waker()) {
                if link.permit.is_some() || self.stuck {
                    return Poll::Ready(Err(End::Silent));
                }
                self.alive(link.opened.keep_alive_s); // it is the house that does not listen
            }
            if !self.stuck {
                link.down(cx, &mut scratch.output)?;
            }
            if self.wire.poll_send(cx, &mut scratch.output)?.is_pending() {
                if !self.stuck {
                    self.stuck = true;
                    self.pulse.set(self.write_ticks);
                }
                return Poll::Pending;
            }
            if std::mem::take(&mut self.stuck) {
                self.alive(link.opened.keep_alive_s);
                continue;
            }
            link.was_written();
            if link.poll_permit(cx).is_pending() {
                return Poll::Pending;
            }
            match self.wire.poll_take(cx, scratch, |bytes, out| link.up(bytes, out))? {
                Poll::Ready(0) => return Poll::Ready(Err(End::Closed)),
                Poll::Ready(_) => self.alive(link.opened.keep_alive_s),
                Poll::Pending if scratch.output.is_empty() => return Poll::Pending,
                Poll::Pending => {}
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

    /// Ends the link: the device's will if it did not say goodbye, then the news.
    async fn close(mut self, mut link: OpenLink, end: End) {
        metrics().mqtt_links.dec();
        tracing::debug!(link = link.opened.link.0, %end, "connection closed");
        let Opened { device, link: id, protocol, .. } = &mut link.opened;
        let wanted = !matches!(end, End::Goodbye | End::Closing | End::Fatal(Fatal::Ended(_)));
        if wanted && let Some(will) = protocol.take_will() {
            let receipt = Receipt::silent(link.permits.acquire().await);
            drop(device.cast(DeviceMsg::Said(*id, will, receipt)));
        }
        drop(device.cast(DeviceMsg::LinkLost(*id)));
        let mut last = Vec::new();
        if matches!(end, End::Closing) {
            protocol.farewell(&Fatal::Ended(LinkEnd::ShuttingDown), &mut last);
        }
        drop(tokio::time::timeout(FAREWELL_WITHIN, self.wire.close(&last)).await);
    }
}

impl OpenLink {
    /// Carries out what the actor sent, as long as there is room for the bytes.
    fn down(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Result<(), End> {
        while out.len() < UNSENT_BYTES_MAX {
            match self.opened.inbox.poll_recv(cx) {
                Poll::Ready(Some(message)) => {
                    let written = self.opened.protocol.send(message, out)?;
                    self.written = written.or(self.written);
                }
                Poll::Ready(None) => return Err(End::Orphaned),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn was_written(&mut self) {
        if let Some(number) = self.written.take() {
            self.tell(DeviceMsg::Delivered(self.opened.link, number));
        }
    }

    /// Nothing is read before there is a permit for the message that it may be.
    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.permit.is_none() {
            self.permit = Some(ready!(self.permits.poll_acquire(cx)));
        }
        Poll::Ready(())
    }

    /// Takes whole packets off `bytes`, as long as there are permits for messages; says how many
    /// bytes they were.
    fn up(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, End> {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let length = frame_len(rest, self.bytes_max).map_err(Fatal::from)?;
            let Some(frame) = length.and_then(|length| rest.get(..length)) else { break };
            let is_message = frame.first().is_some_and(|first| {
                PacketType::of_first_byte(*first) == Some(PacketType::Publish)
            });
            if is_message && self.permit.is_none() {
                self.permit = self.permits.try_acquire();
                if self.permit.is_none() {
                    break;
                }
            }
            let said = self.opened.protocol.take(frame, out)?;
            used += frame.len();
            self.pass_on(said)?;
        }
        Ok(used)
    }

    fn pass_on(&mut self, said: Said) -> Result<(), End> {
        let link = self.opened.link;
        match said {
            Said::Nothing => {}
            Said::Report(report, token) => {
                metrics().mqtt_received.inc();
                if matches!(report, Report::Garbage(_)) {
                    metrics().mqtt_dropped_contract.inc();
                }
                let Some(permit) = self.permit.take() else { return Ok(()) };
                let receipt = match token {
                    Some(token) => Receipt::wanted(permit, token, self.opened.answers.clone()),
                    None => Receipt::silent(permit),
                };
                self.tell(DeviceMsg::Said(link, report, receipt));
            }
            Said::Listens(listens) => self.tell(DeviceMsg::Listens(link, listens)),
            Said::Delivered(number) => self.tell(DeviceMsg::Delivered(link, number)),
            Said::Goodbye => return Err(End::Goodbye),
        }
        Ok(())
    }

    /// An actor that is gone is noticed at the inbox.
    fn tell(&self, message: DeviceMsg) {
        drop(self.opened.device.cast(message));
    }
}
