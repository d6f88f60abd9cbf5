//! Devices in the store: the device itself, its secret, its commands, and who else may use it.
//!
//! Functions that write add to a batch of the caller's, so that what belongs together is
//! committed together.

use crate::kind::Watch;
use crate::model::{Command, Device, DeviceId, Grant, UserId};

use super::record::Record;
use super::{Batch, Key, PAGE_ROWS_MAX, ReadError, SecretHash, Store, Table};
use super::{certificates, invitations};

/// Finished commands that are kept of each device.
pub const FINISHED_COMMANDS_KEPT: usize = 100;

impl Record for Device {
    const VERSION: u8 = 1;
}

impl Record for Command {
    const VERSION: u8 = 1;
}

impl Record for Watch {
    const VERSION: u8 = 2;
}

impl Record for Grant {
    const VERSION: u8 = 1;
}

fn device_key(device: DeviceId) -> Key {
    Key::new(Table::Device).id(device.0)
}

fn owned_key(owner: UserId, device: DeviceId) -> Key {
    Key::new(Table::Owned).id(owner.0).id(device.0)
}

fn secret_key(device: DeviceId) -> Key {
    Key::new(Table::DeviceSecret).id(device.0)
}

fn commands_of(device: DeviceId) -> Key {
    Key::new(Table::Command).id(device.0)
}

fn open_command_key(device: DeviceId, rev: u64) -> Key {
    Key::new(Table::OpenCommand).id(device.0).id(rev)
}

fn timer_key(device: DeviceId) -> Key {
    Key::new(Table::Timer).id(device.0)
}

fn watch_key(device: DeviceId) -> Key {
    Key::new(Table::Watch).id(device.0)
}

fn grant_key(device: DeviceId, user: UserId) -> Key {
    Key::new(Table::Grant).id(device.0).id(user.0)
}

fn announced_key(owner: UserId, device: DeviceId) -> Key {
    Key::new(Table::Announced).id(owner.0).id(device.0)
}

fn shared_key(user: UserId, device: DeviceId) -> Key {
    Key::new(Table::Shared).id(user.0).id(device.0)
}

/// Adds a device that isn't there yet, with its secret's hash. The commit ends in a conflict if
/// its identity is taken.
pub fn create(batch: &mut Batch, device: &Device, secret: &SecretHash) {
    batch.expect_absent(device_key(device.id));
    put(batch, device);
    batch.put(owned_key(device.owner, device.id), &());
    put_secret(batch, device.id, secret);
}

/// Notes that the device was announced in its owner's topic space.
pub fn note_announced(batch: &mut Batch, owner: UserId, device: DeviceId) {
    batch.put(announced_key(owner, device), &());
}

/// The devices that were announced in `owner`'s topic space, up to `limit`.
///
/// # Errors
/// [`ReadError`]
pub fn announced_to(
    store: &Store,
    owner: UserId,
    limit: usize,
) -> Result<Vec<DeviceId>, ReadError> {
    let prefix = Key::new(Table::Announced).id(owner.0);
    Ok(last_ids(&store.page(&prefix, None, limit)?).map(DeviceId).collect())
}

/// Whose topic spaces devices were announced in. Asked once, at the start.
///
/// # Errors
/// [`ReadError`]
pub fn with_announced(store: &Store) -> Result<Vec<UserId>, ReadError> {
    let (announced, mut owners) = (Key::new(Table::Announced), Vec::new());
    loop {
        // One row of each owner's: the next is beyond all devices that this one can have.
        let after = owners.last().map(|owner| announced_key(*owner, DeviceId(u64::MAX)));
        let row = store.page(&announced, after.as_ref(), 1)?;
        let Some(owner) = row.first().and_then(|(key, _)| key.fields().id()) else { break };
        owners.push(UserId(owner));
    }
    Ok(owners)
}

/// Keeps the device as it is now.
pub fn put(batch: &mut Batch, device: &Device) {
    batch.put(device_key(device.id), device);
}

/// The device.
///
/// # Errors
/// [`ReadError`], as all that read.
pub fn get(store: &Store, device: DeviceId) -> Result<Option<Device>, ReadError> {
    store.record(&device_key(device))
}

/// Up to `limit` devices in the order of their identities, after `after`.
///
/// # Errors
/// [`ReadError`]
pub fn list(
    store: &Store,
    after: Option<DeviceId>,
    limit: usize,
) -> Result<Vec<Device>, ReadError> {
    let after = after.map(device_key);
    let rows = store.records(&Key::new(Table::Device), after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|(_, device)| device).collect())
}

/// Up to `limit` devices that `owner` made, after `after`.
///
/// # Errors
/// [`ReadError`]
pub fn owned_by(
    store: &Store,
    owner: UserId,
    after: Option<DeviceId>,
    limit: usize,
) -> Result<Vec<DeviceId>, ReadError> {
    let prefix = Key::new(Table::Owned).id(owner.0);
    let after = after.map(|device| owned_key(owner, device));
    Ok(last_ids(&store.page(&prefix, after.as_ref(), limit)?).map(DeviceId).collect())
}

/// Keeps the hash of the device's secret in place of the one before.
pub fn put_secret(batch: &mut Batch, device: DeviceId, secret: &SecretHash) {
    batch.put(secret_key(device), secret);
}

/// The hash of the device's secret.
///
/// # Errors
/// [`ReadError`]
pub fn secret(store: &Store, device: DeviceId) -> Result<Option<SecretHash>, ReadError> {
    store.record(&secret_key(device))
}

/// Keeps the command as it is now, and notes whether it is finished.
pub fn put_command(batch: &mut Batch, device: DeviceId, command: &Command) {
    batch.put(commands_of(device).id(command.rev), command);
    let open = open_command_key(device, command.rev);
    if command.phase.is_final() {
        batch.remove(open);
    } else {
        batch.put(open, &());
    }
}

/// Up to [`PAGE_ROWS_MAX`] commands of the device, oldest first.
///
/// # Errors
/// [`ReadError`]
pub fn commands(store: &Store, device: DeviceId) -> Result<Vec<Command>, ReadError> {
    let rows = store.records(&commands_of(device), None, PAGE_ROWS_MAX)?;
    Ok(rows.into_iter().map(|(_, command)| command).collect())
}

/// The commands of the device that aren't finished, oldest first.
///
/// # Errors
/// [`ReadError`]
pub fn open_commands(store: &Store, device: DeviceId) -> Result<Vec<Command>, ReadError> {
    let index = Key::new(Table::OpenCommand).id(device.0);
    let mut open = Vec::new();
    for rev in last_ids(&store.page(&index, None, PAGE_ROWS_MAX)?) {
        open.extend(store.record(&commands_of(device).id(rev))?);
    }
    Ok(open)
}

/// Takes the oldest finished commands away, until [`FINISHED_COMMANDS_KEPT`] are left; says how
/// many went. To be called when a device is loaded and at every 32nd command, not at each: it
/// reads them all.
///
/// # Errors
/// [`ReadError`]
pub fn prune_commands(
    store: &Store,
    batch: &mut Batch,
    device: DeviceId,
) -> Result<usize, ReadError> {
    let finished: Vec<Command> =
        commands(store, device)?.into_iter().filter(|command| command.phase.is_final()).collect();
    let surplus = finished.len().saturating_sub(FINISHED_COMMANDS_KEPT);
    for command in finished.iter().take(surplus) {
        batch.remove(commands_of(device).id(command.rev));
    }
    Ok(surplus)
}

/// Notes when the device wants to be woken (Unix milliseconds), or that it doesn't.
pub fn put_timer(batch: &mut Batch, device: DeviceId, wake_ms: Option<i64>) {
    match wake_ms {
        Some(wake_ms) => batch.put(timer_key(device), &Timer(wake_ms)),
        None => batch.remove(timer_key(device)),
    };
}

/// Keeps what is watched of the device, and when it is to be looked at again. A kind of which
/// nothing is watched costs no row.
pub fn put_watch(batch: &mut Batch, device: DeviceId, watch: &Watch) {
    if !watch.is_idle() {
        batch.put(watch_key(device), watch);
        put_timer(batch, device, watch.wake_ms());
    }
}

/// What was watched of the device so far. A watch of another release is none: it is a judgement on
/// the last minutes, and is made anew.
///
/// # Errors
/// [`ReadError`]
pub fn watch(store: &Store, device: DeviceId) -> Result<Option<Watch>, ReadError> {
    match store.record(&watch_key(device)) {
        Err(ReadError::BadRecord(error)) => {
            tracing::warn!(%error, "what was watched of a device is begun anew");
            Ok(None)
        }
        read => read,
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Timer(i64);

impl Record for Timer {
    const VERSION: u8 = 1;
}

/// Every device that has a timer, with the time it wants to be woken at, or has open commands.
/// Asked once, at the start.
///
/// # Errors
/// [`ReadError`]
pub fn with_work(store: &Store) -> Result<Vec<(DeviceId, Option<i64>)>, ReadError> {
    let mut work = std::collections::BTreeMap::new();
    let (timers, mut after) = (Key::new(Table::Timer), None);
    loop {
        let page: Vec<(Key, Timer)> = store.records(&timers, after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, Timer(wake_ms)) in page {
            work.extend(key.fields().id().map(|device| (DeviceId(device), Some(wake_ms))));
        }
    }
    let (open, mut after) = (Key::new(Table::OpenCommand), None);
    loop {
        let page = store.page(&open, after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for device in page.iter().filter_map(|(key, _)| key.fields().id()) {
            work.entry(DeviceId(device)).or_insert(None);
        }
    }
    Ok(work.into_iter().collect())
}

/// The batch happens only while the device is there and `owner`'s.
pub fn expect_owned(batch: &mut Batch, owner: UserId, device: DeviceId) {
    batch.expect(owned_key(owner, device), &());
}

/// Gives `user` a right on the device, in place of the one before.
pub fn put_grant(batch: &mut Batch, device: DeviceId, user: UserId, grant: &Grant) {
    batch.put(grant_key(device, user), grant);
    batch.put(shared_key(user, device), &());
}

/// Takes the right of `user` on the device away.
pub fn remove_grant(batch: &mut Batch, device: DeviceId, user: UserId) {
    batch.remove(grant_key(device, user));
    batch.remove(shared_key(user, device));
}

/// The right that `user` was given on the device; it may have ended.
///
/// # Errors
/// [`ReadError`]
pub fn grant(store: &Store, device: DeviceId, user: UserId) -> Result<Option<Grant>, ReadError> {
    store.record(&grant_key(device, user))
}

/// Who was given a right on the device, up to [`PAGE_ROWS_MAX`] of them.
///
/// # Errors
/// [`ReadError`]
pub fn grants(store: &Store, device: DeviceId) -> Result<Vec<(UserId, Grant)>, ReadError> {
    let prefix = Key::new(Table::Grant).id(device.0);
    let rows: Vec<(Key, Grant)> = store.records(&prefix, None, PAGE_ROWS_MAX)?;
    let user = |key: &Key| last_id(key).map(UserId);
    Ok(rows.into_iter().filter_map(|(key, grant)| Some((user(&key)?, grant))).collect())
}

/// Up to `limit` devices of others that `user` was given a right on, after `after`.
///
/// # Errors
/// [`ReadError`]
pub fn shared_with(
    store: &Store,
    user: UserId,
    after: Option<DeviceId>,
    limit: usize,
) -> Result<Vec<DeviceId>, ReadError> {
    let prefix = Key::new(Table::Shared).id(user.0);
    let after = after.map(|device| shared_key(user, device));
    Ok(last_ids(&store.page(&prefix, after.as_ref(), limit)?).map(DeviceId).collect())
}

/// Takes the device away with all that belongs to it: secret, commands, timer, watch, grants,
/// invitations, certificate.
///
/// # Errors
/// [`ReadError`]
pub fn remove(
    store: &Store,
    batch: &mut Batch,
    owner: UserId,
    device: DeviceId,
) -> Result<(), ReadError> {
    batch.remove(device_key(device));
    batch.remove(owned_key(owner, device));
    batch.remove(announced_key(owner, device));
    batch.remove(secret_key(device));
    batch.remove(timer_key(device));
    batch.remove(watch_key(device));
    for rev in last_ids(&store.page(&commands_of(device), None, PAGE_ROWS_MAX)?) {
        batch.remove(commands_of(device).id(rev));
        batch.remove(open_command_key(device, rev));
    }
    for (user, _) in grants(store, device)? {
        remove_grant(batch, device, user);
    }
    certificates::remove(store, batch, device)?;
    invitations::remove_all(store, batch, device)
}

/// The second of the two identities in an index's key.
fn last_id(key: &Key) -> Option<u64> {
    let mut fields = key.fields();
    fields.id().and_then(|_| fields.id())
}

fn last_ids(rows: &[(Key, Vec<u8>)]) -> impl Iterator<Item = u64> {
    rows.iter().filter_map(|(key, _)| last_id(key))
}
