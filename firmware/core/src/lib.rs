//! What a Hearth device does, on a chip and in the simulator alike.
#![no_std]
