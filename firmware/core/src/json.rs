//! JSON as far as the native contract needs it: one flat object, read without copying and
//! written without allocating. Numbers are integers in thousandths, exact where a float is not.

mod read;
mod write;

pub use read::{Malformed, Members, Value};
pub use write::Object;
