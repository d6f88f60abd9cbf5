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
    messages: BTreeMap<Box<str>, Arc<Message>>,
    bytes: usize,
}

impl Retained {
    /// Whether `message` may be kept within `limits`, in place of its topic's older one.
    pub(super) fn has_room(&self, message: &Message, limits: RetainedLimits) -> bool {
        let older = self.messages.get(message.topic());
        let messages = self.messages.len() + usize::from(older.is_none());
        let bytes = self.bytes + message.len() - older.map_or(0, |older| older.len());
        messages <= limits.messages_max && bytes <= limits.bytes_max
    }

    /// Keeps a message in place of its topic's older one.
    pub(super) fn keep(&mut self, message: Arc<Message>) {
        self.bytes += message.len();
        if let Some(older) = self.messages.insert(message.topic().into(), message) {
            self.bytes -= older.len();
        }
    }

    /// Takes a topic's message out. False: it had none.
    pub(super) fn forget(&mut self, topic: &str) -> bool {
        let older = self.messages.remove(topic);
        self.bytes -= older.as_ref().map_or(0, |older| older.len());
        older.is_some()
    }

    /// The topic's message, if it is this very one: nothing newer has taken its place.
    pub(super) fn is_current(&self, message: &Arc<Message>) -> bool {
        self.messages.get(message.topic()).is_some_and(|kept| Arc::ptr_eq(kept, message))
    }

    /// The messages that the plain `filter` takes, by topic.
    pub(super) fn matching<'a>(
        &'a self,
        filter: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Message>> {
        // What stands before the first wildcard is common to all; `a/#` takes `a` too.
        let fixed = filter.find(['+', '#']).map_or(filter, |at| &filter[..at]);
        let fixed = fixed.strip_suffix('/').unwrap_or(fixed);
        self.messages
            .range::<str, _>((Bound::Included(fixed), Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(fixed))
            .filter(move |(name, _)| topic::matches(filter, name))
            .map(|(_, message)| message)
    }

    /// Takes out what has expired, and names the topics.
    pub(super) fn expire(&mut self, now_ms: u64) -> Vec<Box<str>> {
        let expired = self.messages.iter().filter(|(_, message)| message.is_expired(now_ms));
        let gone: Vec<Box<str>> = expired.map(|(name, _)| name.clone()).collect();
        for name in &gone {
            self.forget(name);
        }
        gone
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
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
        assert_eq!((retained.is_empty(), retained.bytes), (true, 0));
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
            let found: Vec<_> =
                retained.matching(&filter).map(|found| found.topic().to_owned()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
