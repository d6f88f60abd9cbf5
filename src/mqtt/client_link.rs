//! A client's connection and its user's topic space: what hangs on a line that is no device's.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use serde_json::{Map, Value as Json};

use crate::codec::ReasonCode;
use crate::device::{Patch, Wishes};
use crate::host::now_ms;
use crate::model::{Caller, DeviceId};
use crate::observe::metrics;
use crate::session::{Answer, SessionError, SessionMsg};
use crate::sessions::Sessions;
use crate::space::session_state::Outgoing;
use crate::space::{Received, SpaceState, ToClient};
use crate::spaces::Place;
use crate::supervision::Tasks;
use crate::supervision::outbox::Inbox;
use crate::supervision::permit::Permits;

use super::client::{Asked, ClientProtocol};
use super::connection::{End, Party, frames};
use super::fatal::Fatal;
use super::wire::UNSENT_BYTES_MAX;

/// A client that is connected.
pub struct ClientLink {
    /// Its place in its user's space.
    pub place: Place,
    /// What the space sends.
    pub inbox: Inbox<ToClient>,
    /// Bytes of messages in the inbox, which the space counts up.
    pub unwritten_bytes: Arc<AtomicUsize>,
    /// The state of its protocol.
    pub protocol: ClientProtocol,
    /// In whose name it asks things of devices.
    pub caller: Caller,
    /// Where such questions go, and the tasks that bring them there.
    pub commands: Arc<(Sessions, Tasks)>,
    /// Its keep-alive, in seconds; 0 is for ever.
    pub keep_alive_s: u16,
    /// Bytes of the largest packet that is taken.
    pub bytes_max: u32,
    /// Its commands at `QoS` 0 that are on their way, if it ever sent one: as many as it may have
    /// unacknowledged above. What the house takes from all clients is not for one to use up.
    pub hasty: Option<Permits>,
}

impl Party for ClientLink {
    fn keep_alive_s(&self) -> u16 {
        self.keep_alive_s
    }

    fn down(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Result<(), End> {
        while out.len() < UNSENT_BYTES_MAX {
            let message = match self.inbox.poll_recv(cx) {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => return Err(End::Orphaned),
                Poll::Pending => break,
            };
            if let ToClient::Packet(Outgoing::Publish(publish)) = &message {
                let bytes = publish.delivery.message.len();
                self.unwritten_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            self.protocol.send(&message, out)?;
            if message == ToClient::More {
                let more = self.place.enter(SpaceState::more);
                more.map_err(|_failed| End::Orphaned)?;
            }
        }
        Ok(())
    }

    fn was_written(&mut self) {}

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        // What makes it ready is an acknowledgement from the space, which wakes the inbox.
        if self.protocol.may_read() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_ready(&self) -> bool {
        self.protocol.may_read()
    }

    fn up(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, End> {
        let now_ms = u64::try_from(now_ms()).unwrap_or(0);
        frames(bytes, self.bytes_max, |frame| {
            if !self.protocol.may_read() {
                return Ok(false);
            }
            let asked = self.protocol.take(frame, now_ms, out)?;
            self.pass_on(asked)?;
            Ok(true)
        })
    }

    fn farewell(&self, reason: ReasonCode, out: &mut Vec<u8>) {
        self.protocol.farewell(reason, out);
    }

    /// That it is dropped tells the space.
    async fn lost(&mut self, _: &End) {}
}

impl Drop for ClientLink {
    /// However it ends, the space hears of it. One that knows already, because the client said
    /// goodbye or another took its place, does nothing; one that failed lost everything by itself.
    fn drop(&mut self) {
        drop(self.place.enter(SpaceState::link_lost));
    }
}

impl ClientLink {
    fn pass_on(&mut self, asked: Asked<'_>) -> Result<(), End> {
        let Self { place, protocol, .. } = self;
        match asked {
            Asked::Nothing => {}
            Asked::Publish(published) => {
                metrics().mqtt_received.inc();
                let wants_ack = published.packet_id.is_some();
                let turn =
                    place.enter(|space, at, out, now| space.publish(at, published, out, now));
                let received = turn.map_err(|_failed| End::Orphaned)?.map_err(Fatal::Client)?;
                if wants_ack && received == Received::Fresh {
                    protocol.owes_acknowledgement();
                }
            }
            Asked::Command { device, payload, qos, packet_id } => {
                metrics().mqtt_received.inc();
                let turn = place.enter(|space, at, out, now| {
                    space.take_command(at, (qos, packet_id), out, now)
                });
                let received = turn.map_err(|_failed| End::Orphaned)?.map_err(Fatal::Client)?;
                if received == Received::Fresh {
                    if packet_id.is_some() {
                        protocol.owes_acknowledgement();
                    }
                    self.command(device, payload, packet_id);
                }
            }
            Asked::Ack(kind, packet_id, reason) => {
                let turn = place.enter(|space, at, out, now| {
                    space.acknowledged(at, (kind, packet_id, reason), out, now)
                });
                turn.map_err(|_failed| End::Orphaned)?.map_err(Fatal::Client)?;
            }
            Asked::Subscribe(subscribe) => {
                let turn =
                    place.enter(|space, at, out, now| space.subscribe(at, &subscribe, out, now));
                turn.map_err(|_failed| End::Orphaned)?;
            }
            Asked::Unsubscribe(unsubscribe) => {
                let turn = place
                    .enter(|space, at, out, now| space.unsubscribe(at, &unsubscribe, out, now));
                turn.map_err(|_failed| End::Orphaned)?;
            }
            Asked::Goodbye { with_will, expiry_s } => {
                let turn = place.enter(|space, at, out, now| {
                    space.goodbye(at, (with_will, expiry_s), out, now);
                });
                turn.map_err(|_failed| End::Orphaned)?;
                return Err(End::Goodbye);
            }
        }
        Ok(())
    }

    /// Brings a command to the user's session, where all commands of the user go, and acknowledges
    /// it when it is accepted, which is when it is durable.
    fn command(&mut self, device: DeviceId, payload: &[u8], packet_id: Option<NonZeroU16>) {
        let at_once = || Permits::new(self.protocol.receive_maximum().into());
        let permit = match packet_id {
            Some(_) => None, // the client has waited for earlier ones
            None => self.hasty.get_or_insert_with(at_once).try_acquire(),
        };
        if permit.is_none() && packet_id.is_none() {
            return metrics().mqtt_dropped_commands.inc();
        }
        let (place, is_v5) = (self.place.clone(), self.protocol.is_v5());
        let reply = Answer::to(move |done: Result<(String, u64), SessionError>| {
            accept(&place, is_v5, packet_id, done.err().as_ref());
            drop(permit);
        });
        let Ok(desired) = serde_json::from_slice::<Map<String, Json>>(payload) else {
            return reply.send(Err(SessionError::Invalid(Vec::new())));
        };
        let patch = Patch {
            by: self.caller.clone(),
            reference: "".into(),
            if_match: None,
            description: None,
            room: None,
            wishes: Wishes { desired: Some(desired), ..Wishes::default() },
            ttl_s: None,
        };
        let (user, commands) = (self.caller.user, Arc::clone(&self.commands));
        let message = SessionMsg::Patch(device, Box::new(patch), reply);
        let (sessions, tasks) = (commands.0.clone(), &commands.1);
        // Refused, the message is dropped, and its reply says so.
        tasks.spawn(|_| async move { sessions.deliver(user, message).await }).ok();
    }
}

/// Tells a client how its command went. Before MQTT 5 there are no words for a refusal: what is
/// refused for good is acknowledged and counted; what may be tried again is not, and the connection
/// ends.
fn accept(
    place: &Place,
    is_v5: bool,
    packet_id: Option<NonZeroU16>,
    refused: Option<&SessionError>,
) {
    let reason = refused.map_or(ReasonCode::SUCCESS, reason_of);
    if refused.is_some() {
        metrics().mqtt_dropped_contract.inc();
    }
    let again = reason == ReasonCode::UNSPECIFIED_ERROR;
    let Some(packet_id) = packet_id else { return };
    let turn = place.enter(|space, at, out, now| {
        if again && !is_v5 {
            space.not_stored(at, packet_id, out, now);
        } else {
            let reason = if is_v5 { reason } else { ReasonCode::SUCCESS };
            space.accept(at, (packet_id, reason), out, now);
        }
    });
    if turn.is_err() {
        tracing::debug!("a command ended after its client's space");
    }
}

const fn reason_of(refused: &SessionError) -> ReasonCode {
    match refused {
        SessionError::NoSuchDevice | SessionError::Forbidden => ReasonCode::NOT_AUTHORIZED,
        SessionError::Invalid(_) | SessionError::NoSuchAlarm => ReasonCode::PAYLOAD_FORMAT_INVALID,
        SessionError::TooMany(_) | SessionError::TooManyPeople(_) => ReasonCode::QUOTA_EXCEEDED,
        SessionError::Stale { .. } | SessionError::NotStored(_) | SessionError::Unavailable => {
            ReasonCode::UNSPECIFIED_ERROR
        }
    }
}
