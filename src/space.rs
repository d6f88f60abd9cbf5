//! A user's topic space.

pub mod message;
pub mod session_state;
