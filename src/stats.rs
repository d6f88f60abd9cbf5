//! Statistics: every device's history, cheap, bounded, never in the way.
mod bits;
mod chunk;
mod decimal;
mod rollup;
mod segment;
mod varint;
mod wal;
