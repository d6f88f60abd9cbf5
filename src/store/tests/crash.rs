//! kill -9
