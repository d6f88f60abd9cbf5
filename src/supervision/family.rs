//! A family of actors: how it is run, how its members are, and why one may not be had.

use std::time::{Duration, Instant};

use ractor::{ActorStatus, Message};

use crate::observe::metrics;

use super::gauge::{Gauge, Post};
use super::restart::{Decision, Ending, Patience, Record};

/// How a family of actors is run.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The family's name in the tree and the log.
    pub name: &'static str,
    /// Supervisors that share the keys. A start waits for the child's `pre_start`, so one shard
    /// starts one child at a time.
    pub shards: usize,
    /// The most children, of all shards together.
    pub children_max: usize,
    /// The longest wait for an answer of [`Directory::get_or_start`].
    pub answer_within: Duration,
    /// The longest a child's start may take before it counts as failed.
    pub start_within: Duration,
    /// How long children may take to finish their queues at the end, all together.
    pub stop_within: Duration,
    /// When a failed child is started again.
    pub patience: Patience,
}

impl Family {
    /// 8 shards, 1,000,000 children, answers in 5 s, starts in 3 s, stops in 5 s.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            shards: 8,
            children_max: 1_000_000,
            answer_within: Duration::from_secs(5),
            start_within: Duration::from_secs(3),
            stop_within: Duration::from_secs(5),
            patience: Patience::default(),
        }
    }
}

/// There is no actor for that key now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It failed and is tried again soon.
    #[error("it failed and is tried again in {} ms", retry_in.as_millis())]
    BackingOff {
        /// Until the next attempt.
        retry_in: Duration,
    },
    /// It keeps failing and is tried again rarely.
    #[error("it keeps failing and is tried again in {} s", retry_in.as_secs())]
    Quarantined {
        /// Until the next attempt.
        retry_in: Duration,
    },
    /// It was started just now and failed.
    #[error("it could not be started: {0}")]
    Failed(Box<str>),
    /// The limit of children is reached.
    #[error("{limit} run already, which is the limit")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// Its supervisor did not answer in time: overloaded, being restarted, or stopping.
    #[error("its supervisor did not answer")]
    Unavailable,
}

/// How a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildStatus {
    /// Serving (or about to end).
    Running,
    /// It failed; it is started again after a short pause.
    BackingOff,
    /// It keeps failing; it is started again after a long pause.
    Quarantined,
}

/// A child as the admin page shows it.
#[derive(Debug, Clone)]
pub struct ChildInfo<K> {
    /// Its key, or its name.
    pub key: K,
    /// How it is.
    pub status: ChildStatus,
    /// How often it was restarted since it last ended normally.
    pub restarts: u32,
    /// What it died of last, at most 200 characters.
    pub last_fault: Option<Box<str>>,
    /// Since when it is as it is.
    pub since: Instant,
    /// Messages that wait in its mailbox, if that is counted.
    pub waiting: Option<u32>,
    /// Messages it has handled in this life, modulo 2^32, if that is counted.
    pub handled: Option<u32>,
}

/// A child's row; 40 bytes as long as it never failed.
pub(super) struct Child<M> {
    /// `None` while it backs off or is quarantined.
    pub(super) actor: Option<Post<M>>,
    pub(super) since: Instant,
    pub(super) trouble: Option<Box<Trouble>>,
}

/// What a child that failed has on its record.
pub(super) struct Trouble {
    pub(super) record: Record,
    pub(super) restarts: u32,
    pub(super) last_fault: Box<str>,
    pub(super) quarantined: bool,
    pub(super) due: Instant,
    /// Names the timer that may start it, if one does; a timer of an earlier life has another
    /// number.
    pub(super) turn: u64,
}

impl<M: Message> Child<M> {
    /// Its actor if it still takes messages.
    pub(super) fn serving(&self) -> Option<&Post<M>> {
        self.actor.as_ref().filter(|actor| actor.get_status() < ActorStatus::Draining)
    }

    pub(super) fn info<K: Clone>(&self, key: &K) -> ChildInfo<K> {
        let gauge = self.actor.as_ref().map(Post::gauge);
        ChildInfo {
            waiting: gauge.map(Gauge::waiting),
            handled: gauge.map(Gauge::handled),
            ..ChildInfo::of(key.clone(), self.actor.is_some(), self.trouble.as_deref(), self.since)
        }
    }
}

impl<K> ChildInfo<K> {
    /// A child whose messages nobody counts.
    pub(super) fn of(key: K, runs: bool, trouble: Option<&Trouble>, since: Instant) -> Self {
        let status = match trouble {
            _ if runs => ChildStatus::Running,
            Some(trouble) if trouble.quarantined => ChildStatus::Quarantined,
            Some(_) | None => ChildStatus::BackingOff,
        };
        Self {
            key,
            status,
            restarts: trouble.map_or(0, |trouble| trouble.restarts),
            last_fault: trouble.map(|trouble| trouble.last_fault.clone()),
            since,
            waiting: None,
            handled: None,
        }
    }
}

impl Trouble {
    /// The record of a child that ended at `now` after having run for `ran`, with what it had on
    /// its record before. None: it is not to be started again.
    pub(super) fn after(
        before: Option<Box<Self>>,
        patience: &Patience,
        (ending, ran): (Ending, Option<Duration>),
        last_fault: Box<str>,
        now: Instant,
    ) -> Option<Box<Self>> {
        let (mut record, restarts) =
            before.map_or_else(Default::default, |t| (t.record, t.restarts));
        let (pause, quarantined) = match record.ended(patience, ending, ran, now) {
            Decision::Forget => return None,
            Decision::BackOff(pause) => (pause, false),
            Decision::Quarantine(pause) => {
                metrics().child_quarantines.inc();
                (pause, true)
            }
        };
        let (restarts, due) = (restarts.saturating_add(1), now + pause);
        Some(Box::new(Self { record, restarts, last_fault, quarantined, due, turn: 0 }))
    }

    /// What to tell who asks for the child meanwhile.
    pub(super) fn error(&self, now: Instant) -> StartError {
        let retry_in = self.due.saturating_duration_since(now);
        if self.quarantined {
            StartError::Quarantined { retry_in }
        } else {
            StartError::BackingOff { retry_in }
        }
    }
}
