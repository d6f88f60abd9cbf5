//! Certificates in the store: by which fingerprint a device is known that has a key of its own.

use crate::model::{DeviceId, Fingerprint};

use super::record::Record;
use super::{Batch, Key, ReadError, Store, Table};

impl Record for Fingerprint {
    const VERSION: u8 = 1;
}

fn key(device: DeviceId) -> Key {
    Key::new(Table::DeviceCertificate).id(device.0)
}

fn device_key(certificate: &Fingerprint) -> Key {
    Key::new(Table::CertificateDevice).raw(certificate.as_bytes())
}

/// The certificate by which the device is known.
///
/// # Errors
/// [`ReadError`], as all that read.
pub fn of(store: &Store, device: DeviceId) -> Result<Option<Fingerprint>, ReadError> {
    store.record(&key(device))
}

/// The device that is known by the certificate.
///
/// # Errors
/// [`ReadError`]
pub fn device_of(store: &Store, certificate: &Fingerprint) -> Result<Option<DeviceId>, ReadError> {
    store.record(&device_key(certificate))
}

/// Makes the device known by `new` in place of `old`, which was read before; none is none. The
/// commit ends in a conflict if another device is known by `new`, or `old` is no longer the one.
pub fn replace(
    batch: &mut Batch,
    device: DeviceId,
    old: Option<&Fingerprint>,
    new: Option<&Fingerprint>,
) {
    match old {
        Some(old) => {
            batch.expect(key(device), old).remove(device_key(old));
        }
        None => {
            batch.expect_absent(key(device));
        }
    }
    match new {
        Some(new) => {
            if old != Some(new) {
                batch.expect_absent(device_key(new));
            }
            batch.put(key(device), new).put(device_key(new), &device);
        }
        None => {
            batch.remove(key(device));
        }
    }
}

/// Takes away what makes the device known, if anything does.
///
/// # Errors
/// [`ReadError`]
pub fn remove(store: &Store, batch: &mut Batch, device: DeviceId) -> Result<(), ReadError> {
    if let Some(certificate) = of(store, device)? {
        batch.remove(key(device)).remove(device_key(&certificate));
    }
    Ok(())
}
