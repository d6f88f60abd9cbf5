//! Opening a connection: CONNECT, who is it, CONNACK.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::device::{DeviceError, DeviceMsg, DeviceRef, Link, LinkId, ToLink};
use crate::model::DeviceId;
use crate::store::{self, ReadError, Store};
use crate::supervision::outbox::{Inbox, WeakOutbox, outbox};

use super::protocol::{Protocol, keep_alive};
use super::wire::Wire;
use super::{MqttFloor, MqttLimits, Peer};
use crate::codec::{
    Connack, ConnackProperties, Connect, Packet, ReasonCode, Version, decode_connect, encode,
};

/// Messages to a device that may wait: an acknowledgement for each message it may have under way,
/// the one `set`, and a last word.
const OUTBOX_SPARE: usize = 4;

/// A link that is open.
pub struct Opened {
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
}

/// Why a connection was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The peer went away, or its socket broke, before it said who it is.
    #[error("gone before CONNECT")]
    Gone,
    /// What it sent is no CONNECT, or one that breaks a rule.
    #[error("no valid CONNECT: {0}")]
    Malformed(crate::codec::DecodeError),
    /// It may not connect.
    #[error("refused: {}", .0.name())]
    Refused(ReasonCode),
}

/// Opens the connection: waits for CONNECT, checks the credentials, becomes the device's link and
/// answers CONNACK.
///
/// # Errors
/// [`Refused`]; the peer has been told, as far as its version has words for it.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<Opened, Refused> {
    let frame = match wire.first_frame(floor.limits.login_packet_bytes_max).await {
        Ok(Some(Ok(frame))) => frame,
        Ok(Some(Err(error))) => return Err(Refused::Malformed(error)),
        Ok(None) | Err(_) => return Err(Refused::Gone),
    };
    let connect = match decode_connect(&frame) {
        Ok(connect) => connect,
        Err(error) => {
            // MQTT 3.1.1 has an answer for these two, and v5 clients understand it as well.
            if let Some(code) = error.connect_return_code() {
                say(wire, &[0x20, 2, 0, code as u8]).await;
            }
            return Err(Refused::Malformed(error));
        }
    };
    if let Err(error) = floor.limits.packets.connect(&connect) {
        refuse(wire, connect.version, error.reason()).await;
        return Err(Refused::Malformed(error));
    }
    match attach(&connect, peer, floor).await {
        Ok(opened) => {
            let mut answer = Vec::new();
            encode(connect.version, &connack(&connect, floor.limits), &mut answer).ok();
            say(wire, &answer).await;
            Ok(opened)
        }
        Err(reason) => {
            if matches!(reason, ReasonCode::NOT_AUTHORIZED) {
                tokio::time::sleep(Duration::from_millis(floor.limits.refusal_delay_ms)).await;
            }
            refuse(wire, connect.version, reason).await;
            Err(Refused::Refused(reason))
        }
    }
}

/// Who is it? A device, by its certificate, or by its id and its secret.
fn authenticate(
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<DeviceId, ReasonCode> {
    if connect.properties.authentication_method.is_some() {
        return Err(ReasonCode::BAD_AUTHENTICATION_METHOD);
    }
    if let Some(device) = device_of_certificate(peer, &floor.store)? {
        return Ok(device);
    }
    let (Some(username), Some(password)) = (connect.username, connect.password) else {
        return Err(ReasonCode::NOT_AUTHORIZED);
    };
    let id: DeviceId = username.parse().map_err(|_| ReasonCode::NOT_AUTHORIZED)?;
    match store::devices::secret(&floor.store, id).map_err(|error| unreadable(&error))? {
        Some(secret) if secret.verifies(password) => Ok(id),
        _ => Err(ReasonCode::NOT_AUTHORIZED),
    }
}

/// A device whose certificate is registered needs no user name: it proved to have the key.
fn device_of_certificate(peer: &Peer, store: &Store) -> Result<Option<DeviceId>, ReasonCode> {
    let Some(certificate) = &peer.certificate else { return Ok(None) };
    store::certificates::device_of(store, certificate).map_err(|error| unreadable(&error))
}

fn unreadable(error: &ReadError) -> ReasonCode {
    tracing::error!(%error, "credentials can't be read");
    ReasonCode::SERVER_UNAVAILABLE
}

async fn attach(
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<Opened, ReasonCode> {
    let id = authenticate(connect, peer, floor)?;
    if connect.client_id.is_empty() && !connect.clean_start && !connect.version.is_v5() {
        return Err(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    }
    let link = floor.next_link();
    let room = usize::try_from(floor.limits.permits_max).unwrap_or(usize::MAX / 2) + OUTBOX_SPARE;
    let (outbox, inbox) = outbox(room);
    let answers = outbox.downgrade();
    let ask = |reply| DeviceMsg::Attach(Link { id: link, outbox }, reply);
    let attached = floor.devices.ask(id, ask).await.map_err(|error| match error {
        DeviceError::Gone => ReasonCode::NOT_AUTHORIZED,
        DeviceError::Stale { .. }
        | DeviceError::Invalid(_)
        | DeviceError::NotStored(_)
        | DeviceError::Unavailable => ReasonCode::SERVER_UNAVAILABLE,
    })?;
    let protocol = Protocol::new(id, attached.kind, connect, floor.limits, &floor.refused_filters);
    let protocol = protocol.map_err(|fatal| fatal.reason())?;
    let (keep_alive_s, _) =
        keep_alive(connect.version, connect.keep_alive_s, floor.limits.keepalive_s_max);
    Ok(Opened { device: attached.device, link, inbox, answers, protocol, keep_alive_s })
}

fn connack<'a>(connect: &Connect<'a>, limits: MqttLimits) -> Packet<'a> {
    let mut connack = Connack::new(false, ReasonCode::SUCCESS);
    if connect.version.is_v5() {
        let (_, server_keep_alive_s) =
            keep_alive(connect.version, connect.keep_alive_s, limits.keepalive_s_max);
        connack.properties = ConnackProperties {
            session_expiry_s: connect.properties.session_expiry_s.map(|_| 0),
            receive_maximum: limits.receive_maximum.try_into().ok(),
            maximum_packet_size: limits.packet_bytes_max.try_into().ok(),
            assigned_client_id: connect.client_id.is_empty().then_some("device"),
            topic_alias_maximum: Some(limits.packets.topic_alias_maximum),
            shared_subscription_available: Some(false),
            subscription_ids_available: Some(false),
            server_keep_alive_s,
            ..ConnackProperties::default()
        };
    }
    Packet::Connack(connack)
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    version: Version,
    reason: ReasonCode,
) {
    let mut answer = Vec::new();
    encode(version, &Packet::Connack(Connack::new(false, reason)), &mut answer).ok();
    say(wire, &answer).await;
}

/// A peer that does not hear it is gone, which the next read finds out.
async fn say<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, answer: &[u8]) {
    let mut output = answer.to_vec();
    drop(std::future::poll_fn(|cx| wire.poll_send(cx, &mut output)).await);
}
