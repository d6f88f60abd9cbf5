//! What a device writes to flash: what it was doing, and who it is. Both survive a loss of power
//! in the middle of a write.

mod bytes;
mod provision;
mod saved;
mod slots;

pub use provision::Provision;
pub use saved::{CookRecord, Saved};
pub use slots::{RECORD_MAX, SLOT_BYTES, Slot, newest, seal};
