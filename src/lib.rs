//! Hearth: an IoT device platform in one executable.
//!
//! The floors, top to bottom; imports only point further down. ARCHITECTURE.md draws the house.

pub mod model;
pub mod stats;
