use super::{EncodeError, Version, topic::STRING_BYTES_MAX};

/// Where a packet's fields go: first a [`Counter`], which finds the length and every fault, then
/// the buffer. So each packet is described once, and nothing is written that must be taken back.
pub(super) trait Sink {
    fn bytes(&mut self, bytes: &[u8]);

    /// Notes a field that is longer than its length prefix can say.
    fn too_long(&mut self);

    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    fn variable_byte_integer(&mut self, value: u32) {
        let [low, second, third, high] = [value, value >> 7, value >> 14, value >> 21]
            .map(|part| u8::try_from(part & 0x7F).unwrap_or(0));
        match value {
            0..0x80 => self.u8(low),
            0x80..0x4000 => self.bytes(&[low | 0x80, second]),
            0x4000..0x20_0000 => self.bytes(&[low | 0x80, second | 0x80, third]),
            0x20_0000..0x1000_0000 => {
                self.bytes(&[low | 0x80, second | 0x80, third | 0x80, high]);
            }
            _ => self.too_long(),
        }
    }

    /// Binary data: a 16-bit length, then the bytes.
    fn binary(&mut self, bytes: &[u8]) {
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.u16(length);
                self.bytes(bytes);
            }
            Err(_) => self.too_long(),
        }
    }

    fn string(&mut self, text: &str) {
        self.binary(text.as_bytes());
    }

    /// A property section: the length of all its properties, then they themselves.
    fn section(&mut self, properties: &impl Section)
    where
        Self: Sized,
    {
        let mut counter = Counter::default();
        properties.write(&mut counter);
        match counter.total() {
            Ok(length) => {
                self.variable_byte_integer(length);
                properties.write(self);
            }
            Err(_) => self.too_long(),
        }
    }

    // One line for each shape of property, so that packets read as a list of what they carry.

    fn flag_property(&mut self, id: u8, value: Option<bool>) {
        if let Some(value) = value {
            self.bytes(&[id, u8::from(value)]);
        }
    }

    fn u16_property(&mut self, id: u8, value: Option<u16>) {
        if let Some(value) = value {
            self.u8(id);
            self.u16(value);
        }
    }

    fn u32_property(&mut self, id: u8, value: Option<u32>) {
        if let Some(value) = value {
            self.u8(id);
            self.u32(value);
        }
    }

    fn string_property(&mut self, id: u8, value: Option<&str>) {
        self.binary_property(id, value.map(str::as_bytes));
    }

    fn binary_property(&mut self, id: u8, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.u8(id);
            self.binary(value);
        }
    }
}

/// Properties that can be written to any sink.
pub(super) trait Section {
    fn write<S: Sink>(&self, sink: &mut S);
}

/// A packet that can be written to any sink.
pub(super) trait Body {
    /// Type and flags.
    fn first_byte(&self) -> u8;

    /// What the length of the fields cannot show.
    ///
    /// # Errors
    /// The packet does not exist in this version, or its fields contradict each other.
    fn check(&self, _version: Version) -> Result<(), EncodeError> {
        Ok(())
    }

    /// Everything behind the fixed header.
    fn write<S: Sink>(&self, version: Version, sink: &mut S);
}

/// Counts what a buffer would receive.
#[derive(Debug, Default)]
pub(super) struct Counter {
    bytes: usize,
    too_long: bool,
}

impl Counter {
    /// Bytes counted.
    ///
    /// # Errors
    /// A field, or all of them together, are longer than MQTT can say.
    pub(super) fn total(&self) -> Result<u32, EncodeError> {
        if self.too_long {
            return Err(EncodeError::FieldTooLong);
        }
        u32::try_from(self.bytes).map_err(|_| EncodeError::FieldTooLong)
    }
}

impl Sink for Counter {
    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
    }

    fn too_long(&mut self) {
        self.too_long = true;
    }
}

impl Sink for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    /// The counter has been here before and refused the packet.
    fn too_long(&mut self) {}
}

const _: () = assert!(STRING_BYTES_MAX == u16::MAX as usize, "a string's length is 16 bits");
