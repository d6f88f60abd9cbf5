//! Stand-in until the room is merged.
use std::sync::Arc;
/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub device: u64,
    pub property: Arc<str>,
    pub digits: u8,
    pub retention: u8,
    pub t_ms: i64,
    pub value: f64,
}
/// Handle.
#[derive(Clone, Default)]
pub struct StatsHandle;
impl StatsHandle {
    /// Records.
    pub fn record(&self, _: Reading) {}
    /// Forgets.
    pub fn forget(&self, _: u64) {}
}
