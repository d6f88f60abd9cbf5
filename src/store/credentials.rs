//! Credentials in the store: what programs sign in with, and the server's own secrets.
//!
//! As in `accounts`: functions that write add to a batch of the caller's, and what must happen only
//! once (a label taken, a link used) ends in a conflict for the second who tries.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec::TopicScope;
use crate::model::{UserId, Via};

use super::record::Record;
use super::{Batch, Key, ReadError, SecretHash, Store, Table};

/// A token that a person gave to a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Whose.
    pub user: UserId,
    /// What the person calls it; unique among the user's.
    pub label: Arc<str>,
    /// The token's hash.
    pub hash: SecretHash,
    /// What it is good for, in the words of `http/auth`.
    pub scope: Arc<str>,
    /// Unix milliseconds at which it was made.
    pub created_ms: i64,
    /// Unix milliseconds at which it ends; without it, never.
    pub expires_ms: Option<i64>,
}

impl Record for ApiToken {
    const VERSION: u8 = 1;
}

/// An index's row that names the token under a hash.
#[derive(Serialize, Deserialize)]
struct TokenName(UserId, Arc<str>);

impl Record for TokenName {
    const VERSION: u8 = 1;
}

fn token_key(user: UserId, label: &str) -> Key {
    Key::new(Table::ApiToken).id(user.0).raw(label.as_bytes())
}

fn token_hash_key(hash: &SecretHash) -> Key {
    Key::new(Table::ApiTokenHash).raw(hash.as_bytes())
}

/// Adds a token. The commit ends in a conflict if the label is taken.
pub fn create_token(batch: &mut Batch, token: &ApiToken) {
    let key = token_key(token.user, &token.label);
    batch.expect_absent(key.clone());
    batch.put(key, token);
    batch.put(token_hash_key(&token.hash), &TokenName(token.user, token.label.clone()));
}

/// The token with that hash.
///
/// # Errors
/// [`ReadError`]
pub fn token_of(store: &Store, hash: &SecretHash) -> Result<Option<ApiToken>, ReadError> {
    match store.record::<TokenName>(&token_hash_key(hash))? {
        Some(TokenName(user, label)) => token(store, user, &label),
        None => Ok(None),
    }
}

/// The user's token with that label.
///
/// # Errors
/// [`ReadError`]
pub fn token(store: &Store, user: UserId, label: &str) -> Result<Option<ApiToken>, ReadError> {
    store.record(&token_key(user, label))
}

/// Up to `limit` tokens of the user.
///
/// # Errors
/// [`ReadError`]
pub fn tokens(store: &Store, user: UserId, limit: usize) -> Result<Vec<ApiToken>, ReadError> {
    let rows = store.records(&Key::new(Table::ApiToken).id(user.0), None, limit)?;
    Ok(rows.into_iter().map(|(_, token)| token).collect())
}

/// Takes a token away.
pub fn remove_token(batch: &mut Batch, token: &ApiToken) {
    batch.remove(token_key(token.user, &token.label));
    batch.remove(token_hash_key(&token.hash));
}

/// What an MQTT client of a user's topic space signs in with, as `name/label`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCredential {
    /// Whose topic space.
    pub user: UserId,
    /// Names the client; unique among the user's.
    pub label: Arc<str>,
    /// The hash of its password.
    pub hash: SecretHash,
    /// Unix milliseconds at which it was made.
    pub created_ms: i64,
    /// Which topics of the space it is for.
    #[serde(default)]
    pub scope: TopicScope,
}

impl Record for ClientCredential {
    const VERSION: u8 = 2;

    /// Version 1 was for every topic.
    fn upgrade(version: u8, body: &[u8]) -> Option<Self> {
        let read = |body| postcard::from_bytes::<(UserId, Arc<str>, SecretHash, i64)>(body).ok();
        let (user, label, hash, created_ms) = (version == 1).then(|| read(body))??;
        Some(Self { user, label, hash, created_ms, scope: TopicScope::default() })
    }
}

fn client_key(user: UserId, label: &str) -> Key {
    Key::new(Table::ClientCredential).id(user.0).raw(label.as_bytes())
}

/// Adds a credential. The commit ends in a conflict if the label is taken.
pub fn create_client(batch: &mut Batch, client: &ClientCredential) {
    let key = client_key(client.user, &client.label);
    batch.expect_absent(key.clone());
    batch.put(key, client);
}

/// The user's credential with that label.
///
/// # Errors
/// [`ReadError`]
pub fn client(
    store: &Store,
    user: UserId,
    label: &str,
) -> Result<Option<ClientCredential>, ReadError> {
    store.record(&client_key(user, label))
}

/// Up to `limit` credentials of the user.
///
/// # Errors
/// [`ReadError`]
pub fn clients(
    store: &Store,
    user: UserId,
    limit: usize,
) -> Result<Vec<ClientCredential>, ReadError> {
    let rows = store.records(&Key::new(Table::ClientCredential).id(user.0), None, limit)?;
    Ok(rows.into_iter().map(|(_, client)| client).collect())
}

/// Takes a credential away.
pub fn remove_client(batch: &mut Batch, user: UserId, label: &str) {
    batch.remove(client_key(user, label));
}

/// Whether what a request of `user` came in by is still good: a person always, a program as long as
/// nobody took back what it signs in with, and it has not ended.
///
/// # Errors
/// [`ReadError`]
pub fn admits(store: &Store, user: UserId, via: &Via, now_ms: i64) -> Result<bool, ReadError> {
    match via {
        Via::Login => Ok(true),
        Via::Token(label) => {
            let kept = token(store, user, label)?;
            Ok(kept.is_some_and(|kept| kept.expires_ms.is_none_or(|end_ms| now_ms < end_ms)))
        }
        Via::Client(label) => Ok(client(store, user, label)?.is_some()),
    }
}

/// The key that signs access tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey(pub [u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl Record for SigningKey {
    const VERSION: u8 = 1;
}

fn signing_key_key() -> Key {
    Key::new(Table::Meta).raw(b"signing-key")
}

/// Keeps the key that the first start makes. The commit ends in a conflict if there is one.
pub fn create_signing_key(batch: &mut Batch, key: &SigningKey) {
    batch.expect_absent(signing_key_key());
    batch.put(signing_key_key(), key);
}

/// The key that signs access tokens, once there is one.
///
/// # Errors
/// [`ReadError`]
pub fn signing_key(store: &Store) -> Result<Option<SigningKey>, ReadError> {
    store.record(&signing_key_key())
}

fn admin_link_key() -> Key {
    Key::new(Table::Meta).raw(b"admin-link")
}

/// Keeps the hash of the link that makes the first administrator, in place of the one before.
pub fn put_admin_link(batch: &mut Batch, hash: &SecretHash) {
    batch.put(admin_link_key(), hash);
}

/// The hash of the link that makes the first administrator, unless it was used.
///
/// # Errors
/// [`ReadError`]
pub fn admin_link(store: &Store) -> Result<Option<SecretHash>, ReadError> {
    store.record(&admin_link_key())
}

/// Uses the link up, in the batch that makes the administrator. The commit ends in a conflict if
/// somebody else has used it.
pub fn use_admin_link(batch: &mut Batch, read: &SecretHash) {
    batch.expect(admin_link_key(), read);
    batch.remove(admin_link_key());
}
