//! What is wrong with a schema file, a wish or a report, in words for whoever sent it.

use serde::Serialize;

use super::schema::Fault;

/// Most faults that one answer lists; what is wrong beyond them is not told.
pub const FAULTS_MAX: usize = 64;

/// A schema file that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct KindError {
    /// The file's name.
    pub file: String,
    /// Where in it, counted from 1.
    pub line: usize,
    /// What to mend.
    pub reason: String,
}

/// A field that breaks the schema: mend it and ask again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// The field's path: `desired.target_c`.
    pub field: String,
    /// A word for programs: `unknown_property`, `not_writable`, `wrong_type`, `out_of_range`,
    /// `not_finite`, `too_long`, `unknown_value`, `unknown_field`, `needs_expert`.
    pub code: &'static str,
    /// A sentence for people.
    pub reason: String,
}

impl FieldError {
    /// The fault `code` of `field`, with its reason in words.
    pub fn new(field: impl Into<String>, code: &'static str, reason: impl Into<String>) -> Self {
        let field = field.into();
        Self { field, code, reason: reason.into() }
    }

    pub(super) fn of(within: &str, name: &str, fault: Fault) -> Self {
        Self::new(format!("{within}.{name}"), fault.code, fault.reason)
    }
}

/// A report that is not the contract's JSON: nothing of it can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`super::report::REPORT_BYTES_MAX`].
    #[error("{0} bytes are more than a report may have")]
    TooLong(usize),
    /// Not one JSON object, or nested too deep.
    #[error("not a JSON object of properties: {0}")]
    NotJson(String),
}
