//! Hearth: an IoT device platform in one executable.
pub mod mqtt;
