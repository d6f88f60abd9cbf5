//! Keys: a table's byte, then the fields of a tuple, each written so that the order of the bytes
//! is the order of the tuples.

use std::fmt;

/// Longest key, in bytes. An inner page of the tree holds up to 257, and must stay below 128 KiB,
/// a quarter of a segment: a larger page would leave the log for a file that is never synced.
pub const KEY_BYTES_MAX: usize = 320;

/// The tables of the control state. The bytes are on disk for ever: never use one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Table {
    /// One row per fact about the store itself.
    Meta = 1,
    /// user -> account.
    User = 16,
    /// folded name -> user.
    UserName = 17,
    /// user -> password hash.
    Password = 18,
    /// user, family -> refresh-token family.
    RefreshFamily = 19,
    /// user, label -> API token.
    ApiToken = 20,
    /// token hash -> user, label.
    ApiTokenHash = 21,
    /// user, label -> client credential of the user's topic space.
    ClientCredential = 22,
    /// device -> device.
    Device = 32,
    /// user, device -> nothing: the devices that a user made.
    Owned = 33,
    /// device -> secret hash.
    DeviceSecret = 34,
    /// device, rev -> command.
    Command = 35,
    /// device, rev -> nothing: the commands that aren't finished.
    OpenCommand = 36,
    /// device -> time at which it wants to be woken.
    Timer = 37,
    /// device, user -> grant.
    Grant = 38,
    /// user, device -> nothing: the devices that others share with a user.
    Shared = 39,
    /// device -> what the server keeps an eye on while it works.
    Watch = 40,
    /// device, token hash -> invitation to the device.
    Invitation = 41,
    /// token hash -> device.
    InvitationHash = 42,
    /// device -> fingerprint of the certificate by which it is known.
    DeviceCertificate = 43,
    /// fingerprint -> device.
    CertificateDevice = 44,
    /// device or account, time (newest first), number -> what somebody did.
    Audit = 45,
    /// time (newest first), device or account, number -> nothing: the same in order of time.
    AuditTime = 46,
    /// user, device -> nothing: the devices that were announced in a user's topic space.
    Announced = 47,
    /// user, topic hash -> retained message.
    Retained = 48,
    /// user, client hash -> session of a topic space's client.
    SpaceSession = 49,
    /// user, client hash, number -> message on its way to a topic space's client.
    SpaceQueue = 50,
    /// key, index -> a piece of a value that is too large for one row. The writer's own.
    Part = 255,
}

/// All of them.
pub const TABLES: &[Table] = &[
    Table::Meta,
    Table::User,
    Table::UserName,
    Table::Password,
    Table::RefreshFamily,
    Table::ApiToken,
    Table::ApiTokenHash,
    Table::ClientCredential,
    Table::Device,
    Table::Owned,
    Table::DeviceSecret,
    Table::Command,
    Table::OpenCommand,
    Table::Timer,
    Table::Grant,
    Table::Shared,
    Table::Watch,
    Table::Invitation,
    Table::InvitationHash,
    Table::DeviceCertificate,
    Table::CertificateDevice,
    Table::Audit,
    Table::AuditTime,
    Table::Announced,
    Table::Retained,
    Table::SpaceSession,
    Table::SpaceQueue,
    Table::Part,
];

/// A key, or the prefix that a range of keys has in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The prefix of all keys of `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        let mut bytes = Vec::with_capacity(24);
        bytes.push(table as u8);
        Self(bytes)
    }

    /// Adds an identity or a counter: eight bytes, big-endian.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.0.extend_from_slice(&id.to_be_bytes());
        self
    }

    /// Adds text of any length, ended so that more fields may follow it.
    ///
    /// A zero byte inside becomes `00 FF`, the end is `00 00`: what is shorter sorts first.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 0]);
        self
    }

    /// Adds bytes as they are: the last field, or one whose length is always the same.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The table, unless the byte is none of ours.
    #[must_use]
    pub fn table(&self) -> Option<Table> {
        let byte = self.0.first().copied()?;
        TABLES.iter().copied().find(|table| *table as u8 == byte)
    }

    /// The fields after the table's byte, to be read in the order in which they were added.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields(self.0.get(1..).unwrap_or_default())
    }

    /// The bytes as they lie in the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key read back from the store.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// How many bytes it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a key has its table's byte at least")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Key {
    /// `Device:000c0ffee…`: the table's name and the fields in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table() {
            Some(table) => write!(f, "{table:?}:")?,
            None => write!(f, "?:")?,
        }
        self.fields().0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads a key's fields.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field, an identity or a counter.
    pub fn id(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    /// The next field, text.
    pub fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        let mut bytes = self.0;
        loop {
            match bytes {
                [0, 0, rest @ ..] => {
                    self.0 = rest;
                    return String::from_utf8(text).ok();
                }
                [0, 0xFF, rest @ ..] => {
                    text.push(0);
                    bytes = rest;
                }
                [byte, rest @ ..] if *byte != 0 => {
                    text.push(*byte);
                    bytes = rest;
                }
                _ => return None,
            }
        }
    }

    /// All that is left.
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[\0ab]{0,4}", ".{0,6}"]
    }

    proptest! {
        #[test]
        fn keys_sort_as_the_tuples_they_were_made_of(
            a in (any::<u64>(), text(), any::<u64>()),
            b in (any::<u64>(), text(), any::<u64>()),
            same_id in any::<bool>(),
        ) {
            let b = if same_id { (a.0, b.1, b.2) } else { b };
            let key = |(id, text, rev): &(u64, String, u64)| {
                Key::new(Table::Command).id(*id).text(text).id(*rev)
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn the_fields_of_a_key_come_back(id in any::<u64>(), text in text(), end in ".{0,6}") {
            let key = Key::new(Table::ApiToken).id(id).text(&text).raw(end.as_bytes());
            let mut fields = key.fields();
            prop_assert_eq!(fields.id(), Some(id));
            prop_assert_eq!(fields.text(), Some(text));
            prop_assert_eq!(fields.raw(), end.as_bytes());
        }

        #[test]
        fn a_broken_key_is_none_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let key = Key::from_bytes(&bytes);
            let mut fields = key.fields();
            let _ = (key.table(), key.to_string(), fields.id(), fields.text(), fields.id());
        }
    }

    #[test]
    fn tables_sort_by_their_byte_and_are_known_again() {
        for table in TABLES.iter().copied() {
            assert_eq!(Key::new(table).id(7).table(), Some(table));
        }
        assert!(Key::new(Table::User).id(u64::MAX) < Key::new(Table::UserName));
    }
}
