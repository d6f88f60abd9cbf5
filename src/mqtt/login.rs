//! Opening a connection: CONNECT, who is it, CONNACK.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::codec::{Connack, Connect, Encoder, Packet, ReasonCode, TopicScope, decode_connect};
use crate::device::{DeviceError, DeviceMsg, Link};
use crate::host::{now_ms, random_u64};
use crate::model::{Caller, DeviceId, User, Via};
use crate::space::Line;
use crate::spaces::NotAttached;
use crate::store::{self, ReadError, Store};
use crate::supervision::outbox::outbox;

use super::admission::TurnedAway;
use super::client::ClientProtocol;
use super::client_link::ClientLink;
use super::device_link::{Attachment, DeviceLink};
use super::greeting::{self, Credential, Granted, connack, kept_alive_s, session_link};
use super::protocol::{self, Protocol};
use super::wire::Wire;
use super::{MqttFloor, Peer};

/// Messages to a device that may wait beside an acknowledgement for each message that it may have
/// unacknowledged: the one `set`, and a last word.
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
    /// A client of the user's topic space.
    Client(User, Credential),
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
    /// There is no place for it, or it came too fast.
    #[error("turned away: {0}")]
    TurnedAway(#[from] TurnedAway),
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
        refuse(wire, &connect, error.reason()).await;
        return Err(Refused::Malformed(error));
    }
    if let Some(why) = turned_away(&connect, peer) {
        refuse(wire, &connect, why.reason()).await;
        return Err(Refused::TurnedAway(why));
    }
    match let_in(&connect, peer, floor).await {
        Ok((opened, granted)) => {
            let mut answer = Vec::new();
            let connack = connack(&connect, &granted, &floor.limits);
            Encoder::towards(&connect).packet(&connack, &mut answer).ok();
            say(wire, &answer).await;
            Ok(opened)
        }
        Err(reason) => {
            if matches!(reason, ReasonCode::NOT_AUTHORIZED) {
                tokio::time::sleep(Duration::from_millis(floor.limits.refusal_delay_ms)).await;
            }
            refuse(wire, &connect, reason).await;
            Err(Refused::Refused(reason))
        }
    }
}

/// Whether there is a place for it, and it has not failed too often. A certificate is no guess.
fn turned_away(connect: &Connect<'_>, peer: &Peer) -> Option<TurnedAway> {
    if let Some(why) = peer.pass.refusal() {
        return Some(why);
    }
    let username = connect.username.filter(|_| peer.certificate.is_none())?;
    let checked = peer.pass.sign_in(username).check(now_ms());
    checked.is_err().then(|| TurnedAway::FailedSignIns.counted())
}

async fn let_in(
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<(Opened, Granted), ReasonCode> {
    let revoked = floor.spaces.revocations();
    let known = authenticate(connect, peer, floor)?;
    if connect.client_id.is_empty() && !connect.clean_start && !connect.version.is_v5() {
        return Err(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    }
    if !greeting::connack_fits(connect, &floor.limits) {
        return Err(ReasonCode::PACKET_TOO_LARGE);
    }
    match known {
        Known::Device(id) => attach_device(id, connect, floor).await,
        Known::Client(user, credential) => {
            let label = Arc::clone(&credential.0);
            let attached = attach_client(&user, credential, connect, peer, floor)?;
            // Taken back meanwhile, the credential was perhaps not in its space yet to be ended.
            if revoked != floor.spaces.revocations() {
                authenticate(connect, peer, floor).inspect_err(|reason| {
                    if *reason == ReasonCode::NOT_AUTHORIZED {
                        floor.spaces.revoke(user.id, &label);
                    }
                })?;
            }
            Ok(attached)
        }
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
    let sign_in = peer.pass.sign_in(username);
    let known = match username.split_once('/') {
        Some((name, label)) => client(name, label, password, &floor.store),
        None => device(username, password, &floor.store),
    };
    match &known {
        Ok(_) => sign_in.succeeded(),
        Err(reason) if *reason == ReasonCode::NOT_AUTHORIZED => {
            sign_in.failed(now_ms());
        }
        Err(_) => {}
    }
    known
}

fn device(username: &str, password: &[u8], store: &Store) -> Result<Known, ReasonCode> {
    let id: DeviceId = username.parse().map_err(|_| ReasonCode::NOT_AUTHORIZED)?;
    match store::devices::secret(store, id).map_err(|error| unreadable(&error))? {
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
        Some(kept) if kept.hash.verifies(password) => {
            let confines = kept.scope != TopicScope::default();
            let scope = confines.then(|| Arc::new(kept.scope));
            Ok(Known::Client(user, (kept.label, scope)))
        }
        _ => Err(ReasonCode::NOT_AUTHORIZED),
    }
}

/// Who presents no credentials comes in only where the operator has opened a space to everybody.
fn anonymous(floor: &MqttFloor) -> Result<Known, ReasonCode> {
    let name = floor.anonymous_user.as_deref().ok_or(ReasonCode::NOT_AUTHORIZED)?;
    let user =
        store::accounts::user_named(&floor.store, name).map_err(|error| unreadable(&error))?;
    user.map(|user| Known::Client(user, ("".into(), None))).ok_or(ReasonCode::NOT_AUTHORIZED)
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
    let (link, limits) = (floor.next_link(), &floor.limits);
    let unacknowledged_max = protocol::unacknowledged_max(connect.version, limits);
    let (outbox, inbox) = outbox(unacknowledged_max + OUTBOX_SPARE);
    let answers = outbox.downgrade();
    let ask = |reply| DeviceMsg::Attach(Link { id: link, outbox, follows: false }, reply);
    let attached = floor.devices.ask(id, ask).await.map_err(|error| match error {
        DeviceError::Gone => ReasonCode::NOT_AUTHORIZED,
        DeviceError::Stale { .. }
        | DeviceError::NoSuchAlarm
        | DeviceError::Invalid(_)
        | DeviceError::NotStored(_)
        | DeviceError::Unavailable => ReasonCode::SERVER_UNAVAILABLE,
    })?;
    let protocol = Protocol::new(id, attached.kind, connect, Arc::clone(limits));
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
    (label, scope): Credential,
    connect: &Connect<'_>,
    peer: &Peer,
    floor: &MqttFloor,
) -> Result<(Opened, Granted), ReasonCode> {
    let assigned = connect.client_id.is_empty().then(assigned_client_id).transpose()?;
    let (outbox, inbox) = outbox(floor.limits.client_outbox_max);
    let unwritten_bytes = Arc::new(AtomicUsize::new(0));
    let line = Line {
        id: floor.next_link(),
        outbox,
        unwritten_bytes: Arc::clone(&unwritten_bytes),
        link: session_link(connect),
    };
    let hello =
        greeting::hello(connect, (label.clone(), scope.clone()), assigned.as_deref(), line)?;
    let expiry_s = hello.expiry_s;
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
        protocol: ClientProtocol::new(connect, Arc::clone(&floor.limits), scope),
        caller: Caller {
            user: user.id,
            name: user.name.clone(),
            via: Via::Client(label),
            from: Some(peer.pass.address()),
        },
        commands: Arc::clone(&floor.commands),
        keep_alive_s: kept_alive_s(connect, &floor.limits),
        bytes_max: floor.limits.packet_bytes_max,
        hasty: None,
    };
    let granted = Granted::by_space(welcome, expiry_s, assigned);
    Ok((Opened::Client(Box::new(client)), granted))
}

/// A client identifier for a client that has none (3.1.3.1): nobody else's, and not to be guessed.
fn assigned_client_id() -> Result<String, ReasonCode> {
    let random = random_u64().map_err(|error| {
        tracing::error!(%error, "the system has no random numbers");
        ReasonCode::SERVER_UNAVAILABLE
    })?;
    Ok(format!("hearth-{:x}-{random:016x}", now_ms()))
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    connect: &Connect<'_>,
    reason: ReasonCode,
) {
    let mut answer = Vec::new();
    // A client that takes no packet of this size hears nothing (3.1.2.11.4).
    let refusal = Packet::Connack(Connack::new(false, reason));
    Encoder::towards(connect).packet(&refusal, &mut answer).ok();
    say(wire, &answer).await;
}

/// A peer that does not hear it is gone, which the next read finds out.
async fn say<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, answer: &[u8]) {
    let mut output = answer.to_vec();
    drop(std::future::poll_fn(|cx| wire.poll_send(cx, &mut output)).await);
}
