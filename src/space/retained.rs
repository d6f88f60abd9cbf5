//! The retained messages of a topic space: the last one of each topic (3.3.1.3). Pure.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::topic;

use super::message::Message;

/// How much may be retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetainedLimits {
    /// Topics with a retained message.
    pub messages_max: usize,
    /// Bytes of all of them.
    pub bytes_max: usize,
}

/// The retained messages, by topic.
#[derive(Debug, Default)]
pub(super) struct Retained {
    messages: BTreeMap<Box<str>, Kept>,
    bytes: usize,
    /// How many have been kept so far.
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    message: Arc<Message>,
    /// The clock's time when it was kept.
    at: u64,
}

impl Retained {
    /// Whether `message` may be kept within `limits`, in place of its topic's older one.
    pub(super) fn has_room(&self, message: &Message, limits: RetainedLimits) -> bool {
        let older = self.messages.get(message.topic());
        let messages = self.messages.len() + usize::from(older.is_none());
        let bytes = self.bytes + message.len() - older.map_or(0, |older| older.message.len());
        messages <= limits.messages_max && bytes <= limits.bytes_max
    }

    /// Keeps a message in place of its topic's older one.
    pub(super) fn keep(&mut self, message: Arc<Message>) {
        self.clock += 1;
        self.bytes += message.len();
        let topic = message.topic().into();
        if let Some(older) = self.messages.insert(topic, Kept { message, at: self.clock }) {
            self.bytes -= older.message.len();
        }
    }

    /// Takes a topic's message out. False: it had none.
    pub(super) fn forget(&mut self, topic: &str) -> bool {
        let older = self.messages.remove(topic);
        self.bytes -= older.as_ref().map_or(0, |older| older.message.len());
        older.is_some()
    }

    /// A time: all that is kept by now was kept up to it, and what comes later after it.
    pub(super) const fn clock(&self) -> u64 {
        self.clock
    }

    /// The first message that the plain `filter` takes, in the order of topics, of those that come
    /// `after` a topic and were kept up to the time `until`.
    pub(super) fn next(
        &self,
        filter: &str,
        after: Option<&str>,
        until: u64,
    ) -> Option<&Arc<Message>> {
        // What stands before the first wildcard is common to all; `a/#` takes `a` too.
        let fixed = filter.find(['+', '#']).map_or(filter, |at| &filter[..at]);
        let fixed = fixed.strip_suffix('/').unwrap_or(fixed);
        let from = after.map_or(Bound::Included(fixed), Bound::Excluded);
        self.messages
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(name, _)| name.starts_with(fixed))
            .find(|(name, kept)| kept.at <= until && topic::matches(filter, name))
            .map(|(_, kept)| &kept.message)
    }

    /// Takes out what has expired, and names the topics.
    pub(super) fn expire(&mut self, now_ms: u64) -> Vec<Box<str>> {
        let expired = self.messages.iter().filter(|(_, kept)| kept.message.is_expired(now_ms));
        let gone: Vec<Box<str>> = expired.map(|(name, _)| name.clone()).collect();
        for name in &gone {
            self.forget(name);
        }
        gone
    }

    /// Whether any is not worth delivering for ever.
    pub(super) fn may_expire(&self) -> bool {
        self.messages.values().any(|kept| kept.message.expires_at_ms.is_some())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::QoS;

    fn message(topic: &str, payload: &[u8]) -> Arc<Message> {
        Arc::new(Message::new(topic, payload, QoS::AtMostOnce, true))
    }

    #[test]
    fn a_topic_has_one_message_and_the_bytes_are_counted() {
        let mut retained = Retained::default();
        retained.keep(message("a", b"12345"));
        retained.keep(message("a", b"1"));
        assert_eq!((retained.messages.len(), retained.bytes), (1, 2));
        assert!(retained.forget("a") && !retained.forget("a"));
        assert_eq!((retained.messages.len(), retained.bytes), (0, 0));
    }

    #[test]
    fn a_full_store_still_takes_a_newer_message_of_a_known_topic() {
        let limits = RetainedLimits { messages_max: 1, bytes_max: 4 };
        let mut retained = Retained::default();
        retained.keep(message("a", b"123"));
        assert!(!retained.has_room(&message("b", b""), limits));
        assert!(retained.has_room(&message("a", b"321"), limits));
        assert!(!retained.has_room(&message("a", b"1234"), limits));
    }

    #[test]
    fn what_is_kept_after_a_time_is_not_found_up_to_it() {
        let mut retained = Retained::default();
        retained.keep(message("a", b"1"));
        retained.keep(message("b", b"1"));
        let until = retained.clock();
        retained.keep(message("a", b"2"));
        retained.keep(message("c", b"2"));
        let next = |after| retained.next("+", after, until).map(|found| found.topic().to_owned());
        assert_eq!((next(None), next(Some("b"))), (Some("b".to_owned()), None));
    }

    proptest! {
        #[test]
        fn a_filter_finds_exactly_the_topics_that_it_takes(
            names in prop::collection::vec("[ab$]?(/[ab]?){0,3}", 1..12),
            filter in "([ab+]|)(/([ab+]|)){0,2}(/#)?|#|a|ab/#",
        ) {
            prop_assume!(topic::valid_filter(&filter));
            let mut retained = Retained::default();
            let mut expected = Vec::new();
            for name in names.iter().filter(|name| topic::valid_name(name)) {
                retained.keep(message(name, b"x"));
            }
            for name in retained.messages.keys().filter(|name| topic::matches(&filter, name)) {
                expected.push(name.to_string());
            }
            let mut found: Vec<String> = Vec::new();
            let until = retained.clock();
            while let Some(next) =
                retained.next(&filter, found.last().map(String::as_str), until)
            {
                found.push(next.topic().to_owned());
            }
            prop_assert_eq!(found, expected);
        }
    }
}
