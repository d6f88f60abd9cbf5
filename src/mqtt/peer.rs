//! Who is at the other end of a connection, as far as its transport can tell.

use crate::model::Fingerprint;

use super::admission::Pass;

/// The other end of a connection, before it says who it is.
#[derive(Debug)]
pub struct Peer {
    /// Its place in the house, which it leaves when it goes.
    pub pass: Pass,
    /// Of the client certificate whose key it proved to have (TLS only).
    pub certificate: Option<Fingerprint>,
}

impl Peer {
    /// A peer of whom only the address is known.
    #[must_use]
    pub const fn of(pass: Pass) -> Self {
        Self { pass, certificate: None }
    }

    /// Its place in the house alone: all that is of use once it has said who it is.
    #[must_use]
    #[expect(clippy::boxed_local, reason = "the box is to go, with all else that was known")]
    pub fn into_pass(self: Box<Self>) -> Pass {
        self.pass
    }
}
