//! A device's connection and its actor: what hangs on the line of a device.

use std::task::{Context, Poll, ready};

use crate::codec::{PacketType, ReasonCode};
use crate::device::{DeviceMsg, DeviceRef, LinkId, Receipt, ToLink};
use crate::observe::metrics;
use crate::supervision::outbox::{Inbox, WeakOutbox};
use crate::supervision::permit::{Permit, Permits};

use super::connection::{End, Party, frames};
use super::protocol::{Protocol, Said};
use super::wire::UNSENT_BYTES_MAX;

/// A device that is connected.
pub struct DeviceLink {
    /// Which device.
    pub device: DeviceRef,
    /// Which link of it.
    pub link: LinkId,
    /// What its actor sends.
    pub inbox: Inbox<ToLink>,
    /// Where receipts are confirmed.
    pub answers: WeakOutbox<ToLink>,
    /// The state of its protocol.
    pub protocol: Protocol,
    /// Its keep-alive, in seconds; 0 is for ever.
    pub keep_alive_s: u16,
    /// Bytes of the largest packet that is taken.
    pub bytes_max: u32,
    permits: Permits,
    /// For the next message, acquired before it is read.
    permit: Option<Permit>,
    /// The `set` message that counts as delivered once it is written.
    written: Option<u64>,
}

/// What a [`DeviceLink`] is made of.
pub struct Attachment {
    /// Which device.
    pub device: DeviceRef,
    /// Which link of it.
    pub link: LinkId,
    /// What its actor sends.
    pub inbox: Inbox<ToLink>,
    /// Where receipts are confirmed.
    pub answers: WeakOutbox<ToLink>,
}

impl DeviceLink {
    /// A link with at most `permits_max` messages under way to the device's actor.
    #[must_use]
    pub fn new(
        attachment: Attachment,
        protocol: Protocol,
        keep_alive_s: u16,
        (bytes_max, permits_max): (u32, u32),
    ) -> Self {
        let Attachment { device, link, inbox, answers } = attachment;
        Self {
            device,
            link,
            inbox,
            answers,
            protocol,
            keep_alive_s,
            bytes_max,
            permits: Permits::new(permits_max),
            permit: None,
            written: None,
        }
    }

    fn pass_on(&mut self, said: Said) -> Result<(), End> {
        let link = self.link;
        match said {
            Said::Nothing => {}
            Said::Report(report, token) => {
                metrics().mqtt_received.inc();
                if report.is_refused() {
                    metrics().mqtt_dropped_contract.inc();
                }
                let Some(permit) = self.permit.take() else { return Ok(()) };
                let receipt = match token {
                    Some(token) => Receipt::wanted(permit, token, self.answers.clone()),
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
        drop(self.device.cast(message));
    }
}

impl Party for DeviceLink {
    fn keep_alive_s(&self) -> u16 {
        self.keep_alive_s
    }

    fn down(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Result<(), End> {
        while out.len() < UNSENT_BYTES_MAX {
            match self.inbox.poll_recv(cx) {
                Poll::Ready(Some(message)) => {
                    let written = self.protocol.send(message, out)?;
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
            self.tell(DeviceMsg::Delivered(self.link, number));
        }
    }

    /// Nothing is read before there is a permit for the message that it may be.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.permit.is_none() {
            self.permit = Some(ready!(self.permits.poll_acquire(cx)));
        }
        Poll::Ready(())
    }

    fn is_ready(&self) -> bool {
        self.permit.is_some()
    }

    fn up(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, End> {
        frames(bytes, self.bytes_max, |frame| {
            let is_message = frame.first().is_some_and(|first| {
                PacketType::of_first_byte(*first) == Some(PacketType::Publish)
            });
            if is_message && self.permit.is_none() {
                self.permit = self.permits.try_acquire();
                if self.permit.is_none() {
                    return Ok(false);
                }
            }
            let said = self.protocol.take(frame, out)?;
            self.pass_on(said)?;
            Ok(true)
        })
    }

    fn farewell(&self, reason: ReasonCode, out: &mut Vec<u8>) {
        self.protocol.farewell(reason, out);
    }

    /// The device's will if it did not say goodbye, then the news.
    async fn lost(&mut self, end: &End) {
        if end.is_the_peers()
            && let Some(will) = self.protocol.take_will()
        {
            let receipt = Receipt::silent(self.permits.acquire().await);
            self.tell(DeviceMsg::Said(self.link, will, receipt));
        }
        self.tell(DeviceMsg::LinkLost(self.link));
    }
}
