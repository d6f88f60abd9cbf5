//! Whole numbers in as few bytes as they need (LEB128), and a cursor that reads them back.

/// Maps small numbers of either sign to small numbers without one: 0, -1, 1, -2, …
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(super) const fn unzigzag(code: u64) -> i64 {
    (code >> 1).cast_signed() ^ -((code & 1).cast_signed())
}

/// Appends a number: seven bits a byte, low ones first.
pub(super) fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

/// Appends a number of either sign.
pub(super) fn put_signed(number: i64, out: &mut Vec<u8>) {
    put(zigzag(number), out);
}

/// Reads from the front of a slice; `None` means that it ended too early or makes no sense.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads what [`put`] wrote.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Reads what [`put_signed`] wrote.
    pub(super) fn signed(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    /// Reads a number that must fit the type that is asked for.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.varint()?).ok()
    }

    /// Reads text with its length before it.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = self.small()?;
        std::str::from_utf8(self.bytes(len)?).ok()
    }
}

/// Appends text with its length before it.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put(u64::try_from(text.len()).unwrap_or(0), out);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_extremes_survive() {
        for number in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(number)), number);
        }
    }

    proptest! {
        #[test]
        fn numbers_and_texts_read_back(number: u64, signed: i64, text: String) {
            let mut bytes = Vec::new();
            put(number, &mut bytes);
            put_signed(signed, &mut bytes);
            put_text(&text, &mut bytes);
            let mut cursor = Cursor(&bytes);
            prop_assert_eq!(cursor.varint(), Some(number));
            prop_assert_eq!(cursor.signed(), Some(signed));
            prop_assert_eq!(cursor.text(), Some(text.as_str()));
            prop_assert_eq!(cursor.byte(), None);
        }

        #[test]
        fn any_bytes_read_without_a_panic(bytes: Vec<u8>) {
            let mut cursor = Cursor(&bytes);
            while cursor.varint().is_some() {}
            let mut cursor = Cursor(&bytes);
            while cursor.text().is_some() {}
        }
    }
}
