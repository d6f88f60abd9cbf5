//! The rules of the codec, one sentence each, and properties over generated packets.
mod round_trip;
