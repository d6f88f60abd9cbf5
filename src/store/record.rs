//! Records: a version byte, then the fields in postcard's compact form.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::Key;

/// What the store keeps under a key.
pub trait Record: Serialize + DeserializeOwned {
    /// The form in which it is written today. Any change of a field is a new version.
    const VERSION: u8;

    /// Reads a form that an earlier release wrote; `None` if there was no such form.
    #[must_use]
    fn upgrade(version: u8, body: &[u8]) -> Option<Self> {
        let _ = (version, body);
        None
    }
}

/// A row that can't be understood: damage, or a newer release wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row {key} can't be read: {reason}")]
pub struct BadRecord {
    /// Which row.
    pub key: Key,
    /// What is wrong with it.
    pub reason: String,
}

/// The bytes of `record`.
///
/// # Errors
/// The reason, if a field has a form that postcard can't write.
pub fn encode<R: Record>(record: &R) -> Result<Vec<u8>, String> {
    postcard::to_extend(record, vec![R::VERSION]).map_err(|error| error.to_string())
}

/// The record in `bytes`, which lay under `key`.
///
/// # Errors
/// [`BadRecord`] names the table and the key.
pub fn decode<R: Record>(key: &Key, bytes: &[u8]) -> Result<R, BadRecord> {
    let bad = |reason: String| BadRecord { key: key.clone(), reason };
    let Some((&version, body)) = bytes.split_first() else {
        return Err(bad("it is empty".into()));
    };
    if version != R::VERSION {
        return R::upgrade(version, body)
            .ok_or_else(|| bad(format!("it has the unknown version {version}")));
    }
    match postcard::take_from_bytes(body) {
        Ok((record, [])) => Ok(record),
        Ok((_, rest)) => Err(bad(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// An index's row: that it is there says it all.
impl Record for () {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::key::Table;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lamp {
        level: u32,
        name: String,
    }

    impl Record for Lamp {
        const VERSION: u8 = 2;

        fn upgrade(version: u8, body: &[u8]) -> Option<Self> {
            let level = (version == 1).then(|| postcard::from_bytes(body).ok())??;
            Some(Self { level, name: "unnamed".into() })
        }
    }

    fn key() -> Key {
        Key::new(Table::Device).id(7)
    }

    #[test]
    fn a_record_comes_back() {
        let lamp = Lamp { level: 300, name: "Bob's \"lamp\"".into() };
        assert_eq!(decode(&key(), &encode(&lamp).unwrap()), Ok(lamp));
    }

    #[test]
    fn a_record_of_an_earlier_release_is_understood() {
        let lamp = Lamp { level: 5, name: "unnamed".into() };
        assert_eq!(decode(&key(), &[1, 5]), Ok(lamp));
    }

    #[test]
    fn what_cannot_be_read_names_its_table_and_key() {
        for bytes in [&[][..], &[9, 1], &[2], &[2, 5, 1, b'a', 0]] {
            let error = decode::<Lamp>(&key(), bytes).unwrap_err().to_string();
            assert!(error.contains("Device:0000000000000007"), "{error}");
        }
    }
}
