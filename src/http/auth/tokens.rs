//! Access tokens and tickets: what a request shows to say who sends it.

use std::collections::HashMap;
use std::sync::{Mutex, Once, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use signature::{Signer, Verifier};

use crate::model::UserId;
use crate::session::LoginId;
use crate::store::credentials::SigningKey;

/// The one algorithm. A token that names another is no token.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// Tickets that may wait to be used; the oldest goes for one more.
const TICKETS_MAX: usize = 100_000;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whose; text, as RFC 7519 (4.1.2) wants it.
    #[serde(with = "as_text")]
    pub sub: UserId,
    /// The account's name.
    pub name: String,
    /// Whether the account is an administrator's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
    /// The sign-in it came with; the token is void when that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginId>,
    /// Unix seconds of its making.
    pub iat: i64,
    /// Unix seconds of its end.
    pub exp: i64,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::model::UserId;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over so")]
    pub(super) fn serialize<S: Serializer>(user: &UserId, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(user)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Why a token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It was good.
    #[error("the token has expired")]
    Expired,
    /// It never was, or no longer is.
    #[error("the token is not valid")]
    Invalid,
}

/// Makes and reads access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    /// Tokens signed with `key`.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        static PROVIDER: CryptoProvider = CryptoProvider {
            signer_factory: |algorithm, key| {
                only_ours(*algorithm)?;
                Ok(Box::new(HmacSha256(mac(key.as_bytes())?)))
            },
            verifier_factory: |algorithm, key| {
                only_ours(*algorithm)?;
                Ok(Box::new(HmacSha256(mac(key.try_get_as_bytes()?)?)))
            },
            key_utils: KeyUtils::new_unimplemented(),
        };
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            PROVIDER.install_default().ok();
        });
        Self {
            encoding: EncodingKey::from_secret(&key.0),
            decoding: DecodingKey::from_secret(&key.0),
        }
    }

    /// The token that says `claims`.
    ///
    /// # Errors
    /// If the claims are no JSON, which they are.
    pub fn make(&self, claims: &Claims) -> Result<String, BadToken> {
        jsonwebtoken::encode(&Header::new(ALGORITHM), claims, &self.encoding)
            .map_err(|_| BadToken::Invalid)
    }

    /// What a token says, if we made it and it is still good at `now_s`.
    ///
    /// # Errors
    /// [`BadToken`]
    pub fn read(&self, token: &str, now_s: i64) -> Result<Claims, BadToken> {
        let mut validation = Validation::new(ALGORITHM);
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_aud = false;
        let read = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation);
        let claims = read.map_err(|_| BadToken::Invalid)?.claims;
        if claims.exp <= now_s { Err(BadToken::Expired) } else { Ok(claims) }
    }
}

/// HMAC-SHA-256 for the token library, whose own back-ends bring RSA and elliptic curves along.
struct HmacSha256(Hmac<Sha256>);

fn only_ours(algorithm: Algorithm) -> Result<(), Error> {
    if algorithm == ALGORITHM { Ok(()) } else { Err(ErrorKind::InvalidAlgorithm.into()) }
}

fn mac(key: &[u8]) -> Result<Hmac<Sha256>, Error> {
    Hmac::new_from_slice(key).map_err(|_| ErrorKind::InvalidAlgorithm.into())
}

impl Signer<Vec<u8>> for HmacSha256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for HmacSha256 {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }
}

impl Verifier<Vec<u8>> for HmacSha256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature).map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for HmacSha256 {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }
}

/// One-use tickets for opening a WebSocket, so that no access token stands in a URL.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<String, (Claims, i64)>>);

impl Tickets {
    /// Keeps a ticket until it is used or `until_ms`.
    pub fn keep(&self, ticket: String, claims: Claims, now_ms: i64, until_ms: i64) {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= TICKETS_MAX / 2 {
            tickets.retain(|_, (_, until_ms)| *until_ms > now_ms);
        }
        if tickets.len() < TICKETS_MAX {
            tickets.insert(ticket, (claims, until_ms));
        }
    }

    /// Uses a ticket up.
    pub fn take(&self, ticket: &str, now_ms: i64) -> Option<Claims> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (claims, until_ms) = tickets.remove(ticket)?;
        (until_ms > now_ms).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: i64) -> Claims {
        let (sub, name) = (UserId(7), "bob".to_owned());
        Claims { sub, name, admin: false, login: Some(LoginId(3)), iat: 0, exp }
    }

    #[test]
    fn a_token_says_what_was_put_in_until_it_expires() {
        let tokens = Tokens::new(&SigningKey([1; 32]));
        let token = tokens.make(&claims(100)).unwrap();
        assert_eq!(tokens.read(&token, 99), Ok(claims(100)));
        assert_eq!(tokens.read(&token, 100), Err(BadToken::Expired));
    }

    #[test]
    fn a_token_of_another_key_or_algorithm_is_none() {
        let tokens = Tokens::new(&SigningKey([1; 32]));
        let foreign = Tokens::new(&SigningKey([2; 32])).make(&claims(100)).unwrap();
        assert_eq!(tokens.read(&foreign, 0), Err(BadToken::Invalid));
        // {"alg":"none","typ":"JWT"} with the same claims and no signature
        let body = foreign.split('.').nth(1).unwrap();
        let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
        assert_eq!(tokens.read(&none, 0), Err(BadToken::Invalid));
        assert_eq!(tokens.read("", 0), Err(BadToken::Invalid));
    }

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let tickets = Tickets::default();
        tickets.keep("one".into(), claims(9), 0, 30);
        tickets.keep("late".into(), claims(9), 0, 30);
        assert_eq!(tickets.take("one", 29), Some(claims(9)));
        assert_eq!(tickets.take("one", 29), None);
        assert_eq!(tickets.take("late", 30), None);
    }
}
