//! What one thread wishes of another, which may wait for it.

use std::mem::replace;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A wish: made once or many times, until it is taken back.
#[derive(Debug, Default)]
pub(super) struct Wish {
    made: Mutex<bool>,
    changed: Condvar,
}

impl Wish {
    pub(super) fn make(&self) {
        if !replace(&mut *self.lock(), true) {
            self.changed.notify_all();
        }
    }

    pub(super) fn take_back(&self) {
        *self.lock() = false;
    }

    pub(super) fn is_made(&self) -> bool {
        *self.lock()
    }

    /// Waits until it is made, at most so long; says whether it is.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let result = self.changed.wait_timeout_while(self.lock(), patience, |made| !*made);
        *result.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wish_made_before_is_not_waited_for() {
        let wish = Wish::default();
        wish.make();
        assert!(wish.wait(LONG) && wish.is_made());
    }

    #[test]
    fn a_wish_ends_the_wait_of_another_thread() {
        let wish = Wish::default();
        thread::scope(|scope| {
            let waits = scope.spawn(|| wish.wait(LONG));
            wish.make();
            assert!(waits.join().unwrap());
        });
    }

    #[test]
    fn what_was_taken_back_is_waited_for_again() {
        let wish = Wish::default();
        wish.make();
        wish.take_back();
        assert!(!wish.wait(Duration::from_millis(1)) && !wish.is_made());
    }
}
