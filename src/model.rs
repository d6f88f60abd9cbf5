//! The words of the house: identities, devices, values, commands.
//!
//! Nothing here does anything: no IO, no clock, no waiting. Every floor above speaks these words.

pub mod audit;
pub mod command;
pub mod device;
pub mod fingerprint;
pub mod id;
pub mod user;
pub mod value;

pub use command::{Command, Phase};
pub use device::{Alarm, Device, Problem};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use id::{DeviceId, UserId};
pub use user::{Caller, Grant, Role, Scope, User, Via};
pub use value::{Name, Props, Value};
