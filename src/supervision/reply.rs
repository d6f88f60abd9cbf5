//! An answer that is owed, and is given even if the one who owes it dies.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;

/// The one who was asked ended, or was too slow, before it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer")]
pub struct Unanswered;

/// Owes somebody a `Result<T, E>`. Travels in a message; may be handed on to another actor.
///
/// Dropped unused (its actor died, or its queue was thrown away), it answers [`Unanswered`], so
/// that nobody waits in vain.
pub struct Reply<T, E: From<Unanswered>>(Option<Then<T, E>>);

type Then<T, E> = Box<dyn FnOnce(Result<T, E>) + Send>;

impl<T, E: From<Unanswered>> Reply<T, E> {
    /// Calls `then` with the answer, on the task of whoever answers: it must be short.
    #[must_use]
    pub fn to(then: impl FnOnce(Result<T, E>) + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }

    /// Gives the answer.
    pub fn send(mut self, answer: Result<T, E>) {
        if let Some(then) = self.0.take() {
            then(answer);
        }
    }
}

impl<T: Send + 'static, E: From<Unanswered> + Send + 'static> Reply<T, E> {
    /// An owed answer, and the end to wait at.
    #[must_use]
    pub fn owed() -> (Self, Owed<T, E>) {
        let (sender, receiver) = oneshot::channel();
        // Nobody may wait any more: then the answer is for nobody.
        let reply = Self::to(move |answer| drop(sender.send(answer)));
        (reply, Owed(receiver))
    }
}

impl<T, E: From<Unanswered>> Drop for Reply<T, E> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Err(Unanswered.into()));
        }
    }
}

impl<T, E: From<Unanswered>> fmt::Debug for Reply<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// Where an answer arrives.
pub struct Owed<T, E>(oneshot::Receiver<Result<T, E>>);

impl<T, E: From<Unanswered>> Owed<T, E> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// Whatever the answer says; [`Unanswered`] when there is none `within` the time.
    pub async fn wait(self, within: Duration) -> Result<T, E> {
        match tokio::time::timeout(within, self.0).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Unanswered.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = Result<u8, Unanswered>;

    #[tokio::test]
    async fn an_answer_reaches_the_one_who_waits() {
        let (reply, owed) = Reply::<u8, Unanswered>::owed();
        reply.send(Ok(7));
        assert_eq!(owed.wait(Duration::from_secs(1)).await, Ok(7));
    }

    #[tokio::test]
    async fn a_reply_that_is_dropped_still_answers() {
        let (reply, owed) = Reply::<u8, Unanswered>::owed();
        drop(reply);
        assert_eq!(owed.wait(Duration::from_secs(1)).await, Answer::Err(Unanswered));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_is_kept_too_long_is_no_answer() {
        let (reply, owed) = Reply::<u8, Unanswered>::owed();
        assert_eq!(owed.wait(Duration::from_secs(1)).await, Answer::Err(Unanswered));
        drop(reply);
    }
}
