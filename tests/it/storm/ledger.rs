//! What was asked, what was heard of it, and what the books say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hearth::model::Phase;

/// How commands ended, by their reference, as the store has it.
pub type Books = BTreeMap<String, Vec<(Phase, Option<Arc<str>>)>>;

/// What the asker heard of one command.
#[derive(Debug, Default)]
pub struct Heard {
    /// The answer: `accepted`, or the code of an error.
    pub answer: Option<String>,
    /// The connection ended before there was an answer.
    pub was_cut: bool,
    /// The ends that were told, each with the connection that it came on.
    pub ends: Vec<(u64, String)>,
}

/// All rounds together.
#[derive(Debug, Default)]
pub struct Ledger {
    pub asked: u64,
    pub accepted: u64,
    pub unavailable: u64,
    pub cut: u64,
    pub applied: u64,
    pub refused: u64,
    pub superseded: u64,
    pub expired: u64,
    pub told: u64,
    pub faults: u64,
}

impl Ledger {
    /// Holds what one person heard against the books.
    pub fn check(&mut self, heard: BTreeMap<String, Heard>, books: &Books) {
        for (reference, heard) in heard {
            self.asked += 1;
            let ended = books.get(&reference).map(Vec::as_slice).unwrap_or_default();
            assert!(ended.len() <= 1, "{reference} was stored {} times", ended.len());
            let answers = usize::from(heard.answer.is_some()) + usize::from(heard.was_cut);
            assert_eq!(answers, 1, "{reference}: {heard:?}");
            match heard.answer.as_deref() {
                Some("accepted") => {
                    self.accepted += 1;
                    assert_eq!(ended.len(), 1, "{reference} was accepted and is lost");
                }
                Some("unavailable") => self.unavailable += 1,
                Some("not_stored") => assert!(ended.is_empty(), "{reference} is stored"),
                Some(code) => panic!("{reference} was answered with {code}"),
                None => self.cut += 1,
            }
            let Some((phase, reason)) = ended.first() else {
                assert!(heard.ends.is_empty(), "{reference} never was, and ended: {heard:?}");
                continue;
            };
            self.count(*phase, reason.as_deref(), &reference);
            let tabs: BTreeSet<u64> = heard.ends.iter().map(|(tab, _)| *tab).collect();
            assert_eq!(tabs.len(), heard.ends.len(), "{reference} ended twice: {heard:?}");
            let word = format!("{phase:?}").to_lowercase();
            assert!(heard.ends.iter().all(|(_, end)| *end == word), "{reference}: {heard:?}");
            self.told += u64::from(!heard.ends.is_empty());
        }
    }

    fn count(&mut self, phase: Phase, reason: Option<&str>, reference: &str) {
        match phase {
            Phase::Applied => self.applied += 1,
            Phase::Expired => self.expired += 1,
            Phase::Failed if reason == Some("superseded") => self.superseded += 1,
            Phase::Failed => self.refused += 1,
            Phase::Accepted | Phase::Delivered => panic!("{reference} never ended: {phase:?}"),
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands under {} faults:", self.asked, self.faults)?;
        let Self { accepted, unavailable, cut, .. } = self;
        write!(f, " {accepted} accepted, {unavailable} unavailable, {cut} cut off;")?;
        let Self { applied, refused, superseded, expired, told, .. } = self;
        write!(f, " {applied} applied, {refused} refused, {superseded} superseded,")?;
        write!(f, " {expired} expired, each once; {told} ends seen by a page")
    }
}
