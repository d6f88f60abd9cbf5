//! Who is at the other end of a connection, as far as its transport can tell.

use std::net::IpAddr;

use crate::model::Fingerprint;

/// The other end of a connection, before it says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it comes from; behind a trusted proxy, where it says.
    pub address: IpAddr,
    /// Of the client certificate whose key it proved to have (TLS only).
    pub certificate: Option<Fingerprint>,
}

impl Peer {
    /// A peer of whom only the address is known.
    #[must_use]
    pub const fn at(address: IpAddr) -> Self {
        Self { address, certificate: None }
    }
}
