//! Opening a connection: CONNECT, who is it, CONNACK.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::codec::{
    Connack, ConnackProperties, Connect, Packet, ReasonCode, Version, decode_connect, encode,
};
use crate::device::{DeviceError, DeviceMsg, Link};
use crate::host::{now_ms, random_u64};
use crate::model::{Caller, DeviceId, User, Via};
use crate::space::message::Message;
use crate::space::row::LastWill;
use crate::space::{Addressed, Hello, Line, expiry_before_v5, session_state};
use crate::spaces::NotAttached;
use crate::store::{self, ReadError, Store};
use crate::supervision::outbox::outbox;

use super::client::ClientProtocol;
use super::client_link::ClientLink;
use super::device_link::{Attachment, DeviceLink};
use super::protocol::{Protocol, keep_alive};
use super::wire::Wire;
use super::{MqttFloor, MqttLimits, Peer};

/// Messages to a device that may wait: an acknowledgement for each message it may have under way,
/// the one `set`, and a last word.
const OUTBOX_SPARE: usize = 4;

/// A connection that is open.
pub enum Opened {
    /// A device's.
    Device(Box<DeviceLink>),
    /// A topic space's client's.
    Client(Box<ClientLink>),
}

/// Who somebody proved to be.
enum Known {
    Device(DeviceId),
    /// A client of the user's topic space, by the label of its credential.
    Client(User, Arc<str>),
}

/// How an answer to CONNECT differs from the least.
#[derive(Default)]
struct Granted {
    session_present: bool,
    /// Seconds, if it is not what was asked for.
    session_expiry_s: Option<u32>,
    client_id: Option<String>,
    /// What only topic spaces offer.
    is_space: bool,
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

/// Opens the connection: waits for CONNECT, checks the credentials, becomes the device's link or a
/// client of the user's space, and answers CONNACK.
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
    match let_in(&connect, peer, floor).await {
        Ok((opened, granted)) => {
            let mut answer = Vec::new();
            encode(connect.version, &connack(&connect, &granted, floor.limits), &mut answer).ok();
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

async fn let_in(
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<(Opened, Granted), ReasonCode> {
    let known = authenticate(connect, peer, floor)?;
    if connect.client_id.is_empty() && !connect.clean_start && !connect.version.is_v5() {
        return Err(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    }
    match known {
        Known::Device(id) => attach_device(id, connect, floor).await,
        Known::Client(user, label) => attach_client(&user, label, connect, peer, floor),
    }
}

/// Who is it? A device, by its certificate or by its id and its secret; or a client of a user's
/// topic space, by the user's name and its credential's label, and its password.
fn authenticate(
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<Known, ReasonCode> {
    if connect.properties.authentication_method.is_some() {
        return Err(ReasonCode::BAD_AUTHENTICATION_METHOD);
    }
    if let Some(device) = device_of_certificate(peer, &floor.store)? {
        return Ok(Known::Device(device));
    }
    let (Some(username), Some(password)) = (connect.username, connect.password) else {
        return anonymous(floor);
    };
    if let Some((name, label)) = username.split_once('/') {
        return client(name, label, password, &floor.store);
    }
    let id: DeviceId = username.parse().map_err(|_| ReasonCode::NOT_AUTHORIZED)?;
    match store::devices::secret(&floor.store, id).map_err(|error| unreadable(&error))? {
        Some(secret) if secret.verifies(password) => Ok(Known::Device(id)),
        _ => Err(ReasonCode::NOT_AUTHORIZED),
    }
}

/// A device whose certificate is registered needs no user name: it proved to have the key.
fn device_of_certificate(peer: &Peer, store: &Store) -> Result<Option<DeviceId>, ReasonCode> {
    let Some(certificate) = &peer.certificate else { return Ok(None) };
    store::certificates::device_of(store, certificate).map_err(|error| unreadable(&error))
}

fn client(name: &str, label: &str, password: &[u8], store: &Store) -> Result<Known, ReasonCode> {
    let user = store::accounts::user_named(store, name).map_err(|error| unreadable(&error))?;
    let user = user.ok_or(ReasonCode::NOT_AUTHORIZED)?;
    let kept =
        store::credentials::client(store, user.id, label).map_err(|error| unreadable(&error))?;
    match kept {
        Some(kept) if kept.hash.verifies(password) => Ok(Known::Client(user, kept.label)),
        _ => Err(ReasonCode::NOT_AUTHORIZED),
    }
}

/// Who presents no credentials comes in only where the operator has opened a space to everybody.
fn anonymous(floor: &MqttFloor) -> Result<Known, ReasonCode> {
    let name = floor.anonymous_user.as_deref().ok_or(ReasonCode::NOT_AUTHORIZED)?;
    let user =
        store::accounts::user_named(&floor.store, name).map_err(|error| unreadable(&error))?;
    user.map(|user| Known::Client(user, "".into())).ok_or(ReasonCode::NOT_AUTHORIZED)
}

fn unreadable(error: &ReadError) -> ReasonCode {
    tracing::error!(%error, "credentials can't be read");
    ReasonCode::SERVER_UNAVAILABLE
}

async fn attach_device(
    id: DeviceId,
    connect: &Connect<'_>,
    floor: &MqttFloor,
) -> Result<(Opened, Granted), ReasonCode> {
    let (link, limits) = (floor.next_link(), floor.limits);
    let room = usize::try_from(limits.permits_max).unwrap_or(usize::MAX / 2) + OUTBOX_SPARE;
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
    let protocol = Protocol::new(id, attached.kind, connect, limits, &floor.refused_filters);
    let protocol = protocol.map_err(|fatal| fatal.reason())?;
    let attachment = Attachment { device: attached.device, link, inbox, answers };
    let keep_alive_s = kept_alive_s(connect, limits);
    let bounds = (limits.packet_bytes_max, limits.permits_max);
    let link = DeviceLink::new(attachment, protocol, keep_alive_s, bounds);
    let granted = Granted {
        session_expiry_s: connect.properties.session_expiry_s.map(|_| 0),
        client_id: connect.client_id.is_empty().then(|| "device".to_owned()),
        ..Granted::default()
    };
    Ok((Opened::Device(Box::new(link)), granted))
}

fn attach_client(
    user: &User,
    label: Arc<str>,
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<(Opened, Granted), ReasonCode> {
    let will = connect.will.as_ref().map(|will| match Addressed::of(will.topic) {
        Addressed::Topic => {
            let message = Message::from_will(will, will.topic, 0).without_expiry();
            let (delay_s, expiry_s) = (will.delay_s.unwrap_or(0), will.properties.expiry_s);
            Ok(Box::new(LastWill { message: Arc::new(message), delay_s, expiry_s }))
        }
        Addressed::Device(_) | Addressed::Reserved => Err(ReasonCode::NOT_AUTHORIZED),
    });
    let assigned = connect.client_id.is_empty().then(assigned_client_id).transpose()?;
    let (outbox, inbox) = outbox(floor.limits.client_outbox_max);
    let unwritten_bytes = Arc::new(AtomicUsize::new(0));
    let line = Line {
        id: floor.next_link(),
        outbox,
        unwritten_bytes: Arc::clone(&unwritten_bytes),
        link: session_link(connect),
    };
    let expiry_s = if connect.version.is_v5() {
        connect.properties.session_expiry_s.unwrap_or(0)
    } else {
        expiry_before_v5(connect.clean_start)
    };
    let hello = Hello {
        client_id: assigned.as_deref().unwrap_or(connect.client_id).into(),
        label: label.clone(),
        clean_start: connect.clean_start,
        expiry_s,
        will: will.transpose()?,
        line,
    };
    let (place, welcome) = floor.spaces.attach(user.id, hello).map_err(|refused| {
        tracing::debug!(user = %user.id, %refused, "client not let in");
        match refused {
            NotAttached::TooMany(_) => ReasonCode::QUOTA_EXCEEDED,
            NotAttached::Unavailable(_) => ReasonCode::SERVER_UNAVAILABLE,
        }
    })?;
    let client = ClientLink {
        place,
        inbox,
        unwritten_bytes,
        protocol: ClientProtocol::new(connect, floor.limits),
        caller: Caller {
            user: user.id,
            name: user.name.clone(),
            via: Via::Client(label),
            from: Some(peer.address),
        },
        commands: Arc::clone(&floor.commands),
        keep_alive_s: kept_alive_s(connect, floor.limits),
        bytes_max: floor.limits.packet_bytes_max,
    };
    let granted = Granted {
        session_present: welcome.session_present,
        session_expiry_s: (welcome.expiry_s != expiry_s).then_some(welcome.expiry_s),
        client_id: assigned,
        is_space: true,
    };
    Ok((Opened::Client(Box::new(client)), granted))
}

fn session_link(connect: &Connect<'_>) -> session_state::Link {
    let mut link = session_state::Link::new(connect.version);
    if let Some(receive_maximum) = connect.properties.receive_maximum {
        link.receive_maximum = receive_maximum;
    }
    if let Some(bytes) = connect.properties.maximum_packet_size {
        link.packet_bytes_max = bytes.get();
    }
    link
}

/// A client identifier for a client that has none (3.1.3.1): nobody else's, and not to be guessed.
fn assigned_client_id() -> Result<String, ReasonCode> {
    let random = random_u64().map_err(|error| {
        tracing::error!(%error, "the system has no random numbers");
        ReasonCode::SERVER_UNAVAILABLE
    })?;
    Ok(format!("hearth-{:x}-{random:016x}", now_ms()))
}

fn kept_alive_s(connect: &Connect<'_>, limits: MqttLimits) -> u16 {
    keep_alive(connect.version, connect.keep_alive_s, limits.keepalive_s_max).0
}

fn connack<'a>(connect: &Connect<'a>, granted: &'a Granted, limits: MqttLimits) -> Packet<'a> {
    let mut connack = Connack::new(granted.session_present, ReasonCode::SUCCESS);
    if connect.version.is_v5() {
        let (_, server_keep_alive_s) =
            keep_alive(connect.version, connect.keep_alive_s, limits.keepalive_s_max);
        connack.properties = ConnackProperties {
            session_expiry_s: granted.session_expiry_s,
            receive_maximum: limits.receive_maximum.try_into().ok(),
            maximum_packet_size: limits.packet_bytes_max.try_into().ok(),
            assigned_client_id: granted.client_id.as_deref(),
            topic_alias_maximum: Some(limits.packets.topic_alias_maximum),
            shared_subscription_available: (!granted.is_space).then_some(false),
            subscription_ids_available: (!granted.is_space).then_some(false),
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
