//! What a CONNECT asks for and what CONNACK grants, whoever it is. Pure.

use std::sync::Arc;

use crate::codec::{Connack, ConnackProperties, Connect, Encoder, Packet, ReasonCode, TopicScope};
use crate::space::message::Message;
use crate::space::row::LastWill;
use crate::space::{
    Addressed, HOUSE_CLIENT, Hello, Line, Welcome, expiry_before_v5, session_state,
};

use super::MqttLimits;
use super::protocol::keep_alive;

/// Characters of an assigned client identifier, at most.
const ASSIGNED_CHARS_MAX: usize = 64;

/// How an answer to CONNECT differs from the least.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// The client's session was found again.
    pub session_present: bool,
    /// Seconds of session expiry, if it is not what was asked for.
    pub session_expiry_s: Option<u32>,
    /// The identifier of a client that had none.
    pub client_id: Option<String>,
    /// What only topic spaces offer.
    pub is_space: bool,
}

impl Granted {
    /// What a topic space grants a client that asked for `expiry_s`.
    #[must_use]
    pub fn by_space(welcome: Welcome, expiry_s: u32, client_id: Option<String>) -> Self {
        Self {
            session_present: welcome.session_present,
            session_expiry_s: (welcome.expiry_s != expiry_s).then_some(welcome.expiry_s),
            client_id,
            is_space: true,
        }
    }
}

/// The label of a client's credential, and which topics it is for; without a scope, all.
pub type Credential = (Arc<str>, Option<Arc<TopicScope>>);

/// A client introduces itself to its topic space, under the `assigned` identifier if it has none.
///
/// # Errors
/// Its identifier is the house's own; its will is for a topic that is the house's, or that its
/// credential is not for.
pub fn hello(
    connect: &Connect<'_>,
    (label, scope): Credential,
    assigned: Option<&str>,
    line: Line,
) -> Result<Hello, ReasonCode> {
    if connect.client_id == HOUSE_CLIENT {
        return Err(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    }
    let will = connect.will.as_ref().map(|will| match Addressed::of(will.topic) {
        Addressed::Topic if scope.as_ref().is_none_or(|scope| scope.may_publish(will.topic)) => {
            let message = Message::from_will(will, will.topic, 0).without_expiry();
            let (delay_s, expiry_s) = (will.delay_s.unwrap_or(0), will.properties.expiry_s);
            Ok(Box::new(LastWill { message: Arc::new(message), delay_s, expiry_s }))
        }
        Addressed::Topic | Addressed::Device(_) | Addressed::Reserved => {
            Err(ReasonCode::NOT_AUTHORIZED)
        }
    });
    let expiry_s = if connect.version.is_v5() {
        connect.properties.session_expiry_s.unwrap_or(0)
    } else {
        expiry_before_v5(connect.clean_start)
    };
    Ok(Hello {
        client_id: assigned.unwrap_or(connect.client_id).into(),
        label,
        scope,
        clean_start: connect.clean_start,
        expiry_s,
        will: will.transpose()?,
        line,
    })
}

/// What a session needs to know of the connection.
#[must_use]
pub fn session_link(connect: &Connect<'_>) -> session_state::Link {
    let mut link = session_state::Link::new(connect.version);
    if let Some(receive_maximum) = connect.properties.receive_maximum {
        link.receive_maximum = receive_maximum;
    }
    if let Some(bytes) = connect.properties.maximum_packet_size {
        link.packet_bytes_max = bytes.get();
    }
    link
}

/// The keep-alive that the connection is held to, in seconds; 0 is for ever.
#[must_use]
pub fn kept_alive_s(connect: &Connect<'_>, limits: &MqttLimits) -> u16 {
    keep_alive(connect.version, connect.keep_alive_s, limits.keepalive_s_max).0
}

/// The CONNACK that accepts.
#[must_use]
pub fn connack<'a>(connect: &Connect<'a>, granted: &'a Granted, limits: &MqttLimits) -> Packet<'a> {
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

/// Whether the client takes packets as large as the CONNACK that would accept it (3.1.2.11.4).
#[must_use]
pub fn connack_fits(connect: &Connect<'_>, limits: &MqttLimits) -> bool {
    let largest = Granted {
        session_expiry_s: connect.properties.session_expiry_s,
        client_id: connect.client_id.is_empty().then(|| "x".repeat(ASSIGNED_CHARS_MAX)),
        ..Granted::default()
    };
    let connack = connack(connect, &largest, limits);
    Encoder::towards(connect).packet(&connack, &mut Vec::new()).is_ok()
}
