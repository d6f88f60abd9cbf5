//! What follows from each message to a space, one sentence each.

mod crashes;
mod home;
mod limits;
mod living;
mod owing;
mod subscribing;
mod turns;
mod wills;
