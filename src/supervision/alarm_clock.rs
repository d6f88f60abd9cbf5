//! An actor's alarm clock: has it woken once, when there will be something to do that nobody asks
//! for.

use std::time::Duration;

use ractor::concurrency::JoinHandle;
use ractor::{Message, MessagingErr};

use super::gauge::Post;

/// A timer that will cast a message to the actor.
type Timer<M> = JoinHandle<Result<(), MessagingErr<M>>>;

/// At most one timer, and when it rings, in Unix milliseconds.
pub struct AlarmClock<M>(Option<(i64, Timer<M>)>);

impl<M> Default for AlarmClock<M> {
    fn default() -> Self {
        Self(None)
    }
}

impl<M: Message> AlarmClock<M> {
    /// It rang: its message is being handled.
    pub fn rang(&mut self) {
        self.0 = None;
    }

    /// Rings at `next_ms`, and not at any other time: `actor` is sent a message then.
    pub fn set(&mut self, next_ms: Option<i64>, now_ms: i64, actor: &Post<M>, message: fn() -> M) {
        if self.0.as_ref().map(|(set_ms, _)| *set_ms) == next_ms {
            return;
        }
        if let Some((_, older)) = self.0.take() {
            older.abort();
        }
        let Some(at_ms) = next_ms else { return };
        let wait = Duration::from_millis(u64::try_from(at_ms - now_ms).unwrap_or(0));
        self.0 = Some((at_ms, actor.send_after(wait, message)));
    }
}
