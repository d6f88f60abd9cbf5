//! What a Hearth device does, on a chip and in the simulator alike.
//!
//! Every behaviour is a pure function of time and inputs: [`App::step`] takes what the device
//! sees and returns what it does. Nothing here reads a clock, allocates, or touches hardware;
//! quantities are integers (thousandths of a degree, per mille, milliseconds).
//!
//! ```
//! use hearth_device::app::{App, Cooker, CookerConfig, Inputs};
//! use hearth_device::bath::Bath;
//! use hearth_device::contract::{Topic, topic};
//! use hearth_device::units::PerMille;
//!
//! let mut cooker = Cooker::new(CookerConfig::default(), None);
//! let mut bath = Bath::default();
//! let mut set = Some(&br#"{"heating":true,"target_c":40.5,"timer_s":600,"at_end":"stop"}"#[..]);
//!
//! // An hour at one step a second; a board does the same with its own clock and sensor.
//! for second in 0..3_600_u64 {
//!     let inputs = Inputs {
//!         online: true,
//!         set: set.take(),
//!         probe: Some(Ok(bath.water())),
//!         ..Inputs::default()
//!     };
//!     let outputs = cooker.step(second * 1000, &inputs);
//!     for message in outputs.messages.iter() {
//!         // Publish `message.payload` on this topic.
//!         let _topic = topic(42, message.topic.word());
//!         assert!(message.topic != Topic::Refused);
//!     }
//!     bath.step(1000, if outputs.relay { PerMille::FULL } else { PerMille::ZERO });
//! }
//! assert_eq!(cooker.cook().phase().word(), "done");
//! ```
#![no_std]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::wildcard_enum_match_arm,
        clippy::float_arithmetic,
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a test that fails may panic"
    )
)]

#[cfg(test)]
extern crate std;

pub mod app;
pub mod bath;
pub mod button;
pub mod contract;
pub mod control;
pub mod cook;
pub mod ds18b20;
pub mod json;
pub mod light;
pub mod mqtt;
pub mod record;
pub mod ring;
pub mod safety;
pub mod selftest;
pub mod simple;
pub mod slip;
pub mod sntp;
pub mod text;
pub mod units;

pub use app::App;
