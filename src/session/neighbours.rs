//! How a session tells another user's session something.

use std::sync::{Arc, OnceLock};

use crate::model::UserId;
use crate::supervision::{Directory, WeakDirectory};

use super::SessionMsg;

/// Reaches the other sessions from one of them. Cheap to clone; bound once the family is there, and
/// weak, because the family's start keeps it.
#[derive(Clone, Default)]
pub struct Neighbours(Arc<OnceLock<WeakDirectory<UserId, SessionMsg>>>);

impl Neighbours {
    /// The neighbours are the children of `directory`.
    pub fn bind(&self, directory: &Directory<UserId, SessionMsg>) {
        drop(self.0.set(directory.downgrade()));
    }

    /// Tells a user's session if its actor runs; one that does not run has nothing to miss.
    pub fn tell(&self, user: UserId, message: SessionMsg) {
        if let Some(directory) = self.0.get().and_then(WeakDirectory::upgrade) {
            drop(directory.try_tell(&user, message));
        }
    }
}
