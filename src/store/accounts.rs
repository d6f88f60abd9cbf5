//! Accounts in the store: people, their passwords, and how long they stay signed in.
//!
//! Functions that write add to a batch of the caller's. What must happen only once (a name taken,
//! a token rotated) puts an expectation into the batch: of two that try, one commit ends in
//! [`CommitError::Conflict`](super::CommitError::Conflict).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{User, UserId};

use super::record::Record;
use super::{Batch, Key, ReadError, SecretHash, Store, Table};

impl Record for User {
    const VERSION: u8 = 1;
}

impl Record for UserId {
    const VERSION: u8 = 1;
}

/// A password's hash as the text that argon2 makes (PHC string format).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(pub Arc<str>);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl Record for PasswordHash {
    const VERSION: u8 = 1;
}

fn user_key(user: UserId) -> Key {
    Key::new(Table::User).id(user.0)
}

fn name_key(name: &str) -> Key {
    Key::new(Table::UserName).raw(fold(name).as_bytes())
}

fn password_key(user: UserId) -> Key {
    Key::new(Table::Password).id(user.0)
}

/// A name without its case: two names that fold alike are one.
#[must_use]
pub fn fold(name: &str) -> String {
    // By way of capitals, so that letters with two small forms (σ, ς) fold alike.
    name.to_uppercase().to_lowercase()
}

/// Adds an account. The commit ends in a conflict if the name, whatever its case, or the identity
/// is taken.
pub fn create_user(batch: &mut Batch, user: &User, password: &PasswordHash) {
    batch.expect_absent(name_key(&user.name));
    batch.expect_absent(user_key(user.id));
    batch.put(name_key(&user.name), &user.id);
    put_user(batch, user);
    put_password(batch, user.id, password);
}

/// Keeps the account as it is now; its name must be the one it was made with.
pub fn put_user(batch: &mut Batch, user: &User) {
    batch.put(user_key(user.id), user);
}

/// The account.
///
/// # Errors
/// [`ReadError`], as all that read.
pub fn user(store: &Store, user: UserId) -> Result<Option<User>, ReadError> {
    store.record(&user_key(user))
}

/// The account with that name, whatever its case.
///
/// # Errors
/// [`ReadError`]
pub fn user_named(store: &Store, name: &str) -> Result<Option<User>, ReadError> {
    match store.record::<UserId>(&name_key(name))? {
        Some(found) => user(store, found),
        None => Ok(None),
    }
}

/// Up to `limit` accounts in the order of their identities, after `after`.
///
/// # Errors
/// [`ReadError`]
pub fn users(store: &Store, after: Option<UserId>, limit: usize) -> Result<Vec<User>, ReadError> {
    let rows = store.records(&Key::new(Table::User), after.map(user_key).as_ref(), limit)?;
    Ok(rows.into_iter().map(|(_, user)| user).collect())
}

/// Takes the account's own rows away. Its devices, tokens and credentials go each by its own
/// function.
pub fn remove_user(batch: &mut Batch, user: &User) {
    batch.remove(name_key(&user.name));
    batch.remove(user_key(user.id));
    batch.remove(password_key(user.id));
}

/// Keeps a password's hash in place of the one before.
pub fn put_password(batch: &mut Batch, user: UserId, password: &PasswordHash) {
    batch.put(password_key(user), password);
}

/// The hash of the account's password.
///
/// # Errors
/// [`ReadError`]
pub fn password(store: &Store, user: UserId) -> Result<Option<PasswordHash>, ReadError> {
    store.record(&password_key(user))
}

/// The refresh tokens that one sign-in led to: one is good, all before it are spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshFamily {
    /// Whose.
    pub user: UserId,
    /// Names the family among the user's; a token carries it, so that a spent one is recognised.
    pub id: u64,
    /// The good token's hash.
    pub current: SecretHash,
    /// The hash of the token before it.
    pub previous: Option<SecretHash>,
    /// Unix milliseconds of the sign-in.
    pub created_ms: i64,
    /// Unix milliseconds at which the good token was made.
    pub rotated_ms: i64,
    /// Unix milliseconds at which the family ends.
    pub expires_ms: i64,
}

impl Record for RefreshFamily {
    const VERSION: u8 = 1;
}

fn family_key(user: UserId, id: u64) -> Key {
    Key::new(Table::RefreshFamily).id(user.0).id(id)
}

/// Adds a family.
pub fn create_family(batch: &mut Batch, family: &RefreshFamily) {
    batch.put(family_key(family.user, family.id), family);
}

/// The family.
///
/// # Errors
/// [`ReadError`]
pub fn family(store: &Store, user: UserId, id: u64) -> Result<Option<RefreshFamily>, ReadError> {
    store.record(&family_key(user, id))
}

/// Puts a new token in the place of the one in `read`, and returns the family as it is then. The
/// commit ends in a conflict if the family was rotated or ended since it was read.
pub fn rotate_family(
    batch: &mut Batch,
    read: &RefreshFamily,
    token: SecretHash,
    now_ms: i64,
) -> RefreshFamily {
    let previous = Some(read.current);
    let next = RefreshFamily { current: token, previous, rotated_ms: now_ms, ..read.clone() };
    batch.expect(family_key(read.user, read.id), read);
    batch.put(family_key(read.user, read.id), &next);
    next
}

/// Ends a family: at sign-out, and when a spent token comes back.
pub fn remove_family(batch: &mut Batch, user: UserId, id: u64) {
    batch.remove(family_key(user, id));
}

/// Up to `limit` families of the user, or of everybody, after `after`: to end them with a change of
/// password, or to sweep out what has expired.
///
/// # Errors
/// [`ReadError`]
pub fn families(
    store: &Store,
    user: Option<UserId>,
    after: Option<&RefreshFamily>,
    limit: usize,
) -> Result<Vec<RefreshFamily>, ReadError> {
    let all = Key::new(Table::RefreshFamily);
    let prefix = user.map_or(all.clone(), |user| all.id(user.0));
    let after = after.map(|family| family_key(family.user, family.id));
    let rows = store.records(&prefix, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|(_, family)| family).collect())
}
