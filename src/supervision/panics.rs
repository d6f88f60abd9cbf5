//! What a panic says on its way to the supervisor.

use std::any::Any;

/// From now on a panic is one log line with its place and words, and no backtrace.
///
/// The supervisor restarts what panicked. A storm of a thousand panics must not cost a thousand
/// backtraces (some milliseconds each) on the threads that serve everybody else.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, words = words(panic.payload()), "panicked");
    }));
}

/// The text a panic carries.
pub(super) fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no words")
}
