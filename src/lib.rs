//! Hearth: an IoT device platform in one executable.
//!
//! The floors, top to bottom; imports only point further down. ARCHITECTURE.md draws the house.

pub mod cli;
pub mod simulator;
pub mod tree;

pub mod discovery;
pub mod gateway;
pub mod http;
pub mod listener;
pub mod mqtt;

pub mod session;
pub mod sessions;
pub mod space;
pub mod spaces;

pub mod device;
pub mod devices;

pub mod backup;
pub mod stats;
pub mod store;

pub mod codec;
pub mod config;
pub mod host;
pub mod kind;
pub mod model;
pub mod observe;
pub mod supervision;
pub mod throttle;

#[cfg(test)]
mod simulation;
