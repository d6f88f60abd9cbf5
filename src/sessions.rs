//! All sessions: how to reach a user's.
//!
//! - Process: the dynamic supervisors of the session actors, sharded by user.
//! - Supervised by: `tree`, as its child `sessions`; a session actor is transient, restarted with
//!   back-off, quarantined when it keeps failing.
//! - Takes: calls through [`Sessions`], the handle that the doors hold.
//! - Tells: nobody.
//! - Never: waits for a session actor; its callers do.

use std::time::Duration;

use crate::model::UserId;
use crate::session::{Answer, SessionError, SessionMsg};
use crate::supervision::Directory;

/// Reaches every user's session. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    directory: Directory<UserId, SessionMsg>,
    answer_within: Duration,
}

impl Sessions {
    /// Reaches the sessions whose actors `directory` starts; an answer later than `answer_within`
    /// is none.
    #[must_use]
    pub const fn new(directory: Directory<UserId, SessionMsg>, answer_within: Duration) -> Self {
        Self { directory, answer_within }
    }

    /// The running session actors, for those who look after the house.
    #[must_use]
    pub const fn directory(&self) -> &Directory<UserId, SessionMsg> {
        &self.directory
    }

    /// Sends a message to a session if its actor runs; one that does not run has nothing to miss.
    pub fn tell(&self, user: UserId, message: SessionMsg) {
        drop(self.directory.try_tell(&user, message));
    }

    /// Brings a message to a user's session, starting its actor if need be. Where that fails the
    /// message is dropped, and with it any answer it owes.
    pub async fn deliver(&self, user: UserId, message: SessionMsg) {
        if let Err(error) = self.directory.tell(&user, message).await {
            tracing::warn!(%user, %error, "session actor does not start");
        }
    }

    /// Asks a user's session something.
    ///
    /// # Errors
    /// [`SessionError::Unavailable`] if it does not answer, and whatever it answers.
    pub async fn ask<T: Send + 'static>(
        &self,
        user: UserId,
        question: impl FnOnce(Answer<T>) -> SessionMsg + Send,
    ) -> Result<T, SessionError> {
        let (reply, owed) = Answer::owed();
        self.deliver(user, question(reply)).await;
        owed.wait(self.answer_within).await
    }
}
