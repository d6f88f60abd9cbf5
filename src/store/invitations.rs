//! Invitations in the store: links that give a right on a device to whoever uses them first.

use serde::{Deserialize, Serialize};

use crate::model::{DeviceId, Grant, UserId};

use super::record::Record;
use super::{Batch, Key, PAGE_ROWS_MAX, ReadError, SecretHash, Store, Table};

/// A link that waits to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The hash of its token.
    pub hash: SecretHash,
    /// To which device.
    pub device: DeviceId,
    /// What it gives.
    pub grant: Grant,
    /// Who made it. It is void once that user may not share the device any more.
    pub by: UserId,
    /// Unix milliseconds at which it ends.
    pub expires_ms: i64,
}

impl Record for Invitation {
    const VERSION: u8 = 1;
}

impl Record for DeviceId {
    const VERSION: u8 = 1;
}

fn key(device: DeviceId, hash: &SecretHash) -> Key {
    Key::new(Table::Invitation).id(device.0).raw(hash.as_bytes())
}

fn hash_key(hash: &SecretHash) -> Key {
    Key::new(Table::InvitationHash).raw(hash.as_bytes())
}

/// Adds an invitation.
pub fn create(batch: &mut Batch, invitation: &Invitation) {
    batch.put(key(invitation.device, &invitation.hash), invitation);
    batch.put(hash_key(&invitation.hash), &invitation.device);
}

/// The invitation that a token is for; it may have ended.
///
/// # Errors
/// [`ReadError`], as all that read.
pub fn of_token(store: &Store, token: &str) -> Result<Option<Invitation>, ReadError> {
    let hash = SecretHash::of(token);
    match store.record(&hash_key(&hash))? {
        Some(device) => store.record(&key(device, &hash)),
        None => Ok(None),
    }
}

/// Uses an invitation up. The commit ends in a conflict if somebody else has used it.
pub fn take(batch: &mut Batch, read: &Invitation) {
    batch.expect(key(read.device, &read.hash), read);
    remove(batch, read);
}

/// Takes an invitation away.
pub fn remove(batch: &mut Batch, invitation: &Invitation) {
    batch.remove(key(invitation.device, &invitation.hash));
    batch.remove(hash_key(&invitation.hash));
}

/// Up to [`PAGE_ROWS_MAX`] invitations to the device.
///
/// # Errors
/// [`ReadError`]
pub fn to_device(store: &Store, device: DeviceId) -> Result<Vec<Invitation>, ReadError> {
    let prefix = Key::new(Table::Invitation).id(device.0);
    let rows = store.records(&prefix, None, PAGE_ROWS_MAX)?;
    Ok(rows.into_iter().map(|(_, invitation)| invitation).collect())
}

/// Takes all invitations to the device away.
///
/// # Errors
/// [`ReadError`]
pub fn remove_all(store: &Store, batch: &mut Batch, device: DeviceId) -> Result<(), ReadError> {
    for invitation in to_device(store, device)? {
        remove(batch, &invitation);
    }
    Ok(())
}
