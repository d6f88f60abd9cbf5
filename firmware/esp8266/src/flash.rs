//! Two records in four sectors of the flash: who the device is, and what it was doing.

use esp8266_hal::flash::{ESPFlash, SPI0Ext};
use esp8266_hal::target::SPI0;
use hearth_device::record::{newest, seal, Provision, Saved, Slot, SLOT_BYTES};

/// Where a record's two slots lie, in bytes: sectors below the 16 KiB that the vendor's tools
/// keep at the end of the first megabyte.
#[derive(Clone, Copy)]
struct Place {
    a: u32,
    b: u32,
}

const PROVISION: Place = Place { a: 0xf_8000, b: 0xf_9000 };
const SAVED: Place = Place { a: 0xf_a000, b: 0xf_b000 };

/// How many looks at a register are patience enough for a flash that answers at all.
const PATIENCE: u32 = 100_000;

/// The records. Without a flash that answers (in an emulator) nothing is ever found or kept.
pub struct Flash {
    flash: Option<ESPFlash>,
}

impl Flash {
    /// Looks whether the flash answers.
    pub fn new(spi: SPI0) -> Self {
        Self { flash: answers(&spi).then(|| spi.flash()) }
    }

    /// Who the device is.
    pub fn provision(&mut self) -> Option<Provision> {
        self.read(PROVISION, Provision::decode)
    }

    /// Remembers who the device is.
    pub fn store_provision(&mut self, provision: &Provision) {
        let (record, length) = provision.encode();
        self.write(PROVISION, record.get(..length).unwrap_or(&[]));
    }

    /// What the device was doing.
    pub fn saved(&mut self) -> Option<Saved> {
        self.read(SAVED, Saved::from_bytes)
    }

    /// Remembers what the device is doing.
    pub fn store_saved(&mut self, saved: &Saved) {
        self.write(SAVED, saved.as_bytes());
    }

    fn read<T>(&mut self, place: Place, decode: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let slots = self.slots(place)?;
        let (_, _, record) = newest(&slots[0], &slots[1])?;
        decode(record)
    }

    /// Writes over the older slot; the newer one stands until that is done.
    fn write(&mut self, place: Place, record: &[u8]) {
        let Some(slots) = self.slots(place) else { return };
        let (slot, sequence) = match newest(&slots[0], &slots[1]) {
            Some((newest, sequence, _)) => (newest.other(), sequence.wrapping_add(1)),
            None => (Slot::A, 0),
        };
        let Some(sealed) = seal(sequence, record) else { return };
        let at = if slot == Slot::A { place.a } else { place.b };
        if let Some(flash) = &mut self.flash {
            // One sector a call: the HAL steps by bytes where it should step by sectors.
            // Its errors are of a type without values.
            flash.erase_sectors(at, 1).unwrap_or(());
            flash.write_bytes(at, &sealed).unwrap_or(());
        }
    }

    fn slots(&mut self, place: Place) -> Option<[[u8; SLOT_BYTES]; 2]> {
        let flash = self.flash.as_mut()?;
        let mut slots = [[0; SLOT_BYTES]; 2];
        for (slot, at) in slots.iter_mut().zip([place.a, place.b]) {
            flash.read(at, slot).unwrap_or(());
        }
        Some(slots)
    }
}

/// Asks for the flash's status and waits a while for the command to be taken.
fn answers(spi: &SPI0) -> bool {
    spi.spi_cmd.write(|w| w.spi_read_sr().set_bit());
    (0..PATIENCE).any(|_| spi.spi_cmd.read().bits() == 0)
}
