//! Topic aliases of one connection (3.3.2.3.4): those that the peer has set, and those that it was
//! given. Pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroU16;

use crate::codec::{Encoder, Publish, PublishProperties};

use super::fatal::Fatal;

/// The aliases of one connection: few, and most have none. [`Limits`](crate::codec::Limits) holds
/// their number.
#[derive(Debug, Default)]
pub struct Aliases(Vec<(NonZeroU16, Box<str>)>);

impl Aliases {
    /// The topic of a message: its own, which an alias may be set to, or that of its alias.
    ///
    /// # Errors
    /// [`Fatal::UnknownAlias`]
    pub fn topic<'p>(&mut self, publish: &Publish<'p>) -> Result<Cow<'p, str>, Fatal> {
        let Some(alias) = publish.properties.topic_alias else { return Ok(publish.topic.into()) };
        let known = self.0.iter_mut().find(|(number, _)| *number == alias);
        if publish.topic.is_empty() {
            let (_, topic) = known.ok_or(Fatal::UnknownAlias)?;
            return Ok(topic.to_string().into());
        }
        match known {
            Some((_, topic)) => *topic = publish.topic.into(),
            None => self.0.push((alias, publish.topic.into())),
        }
        Ok(publish.topic.into())
    }
}

/// Bytes that an alias takes in a packet; it does not pay for a topic that has no more.
const ALIAS_BYTES: usize = 3;

/// The aliases that a client was given: the topics it hears of first have them, as many as it
/// takes.
#[derive(Debug, Default)]
pub struct GivenAliases {
    numbers: HashMap<Box<str>, NonZeroU16>,
    max: u16,
}

impl GivenAliases {
    /// No aliases yet, and never more than `max`.
    #[must_use]
    pub fn new(max: u16) -> Self {
        Self { numbers: HashMap::new(), max }
    }

    /// The message as it goes to the client: by alias if its topic has one, and with one if that
    /// can be given and the packet stays within what `encoder` may write.
    pub fn shorten<'p>(&mut self, publish: Publish<'p>, encoder: Encoder) -> Publish<'p> {
        if self.max == 0 || publish.topic.len() <= ALIAS_BYTES {
            return publish;
        }
        if let Some(alias) = self.numbers.get(publish.topic) {
            return Publish { topic: "", ..aliased(publish, *alias) };
        }
        let Some(alias) = self.next_alias() else { return publish };
        let introduced = aliased(publish, alias);
        if encoder.publish_len(&introduced).is_err() {
            return publish;
        }
        self.numbers.insert(publish.topic.into(), alias);
        introduced
    }

    fn next_alias(&self) -> Option<NonZeroU16> {
        let next = u16::try_from(self.numbers.len()).ok()?.checked_add(1)?;
        NonZeroU16::new(next).filter(|alias| alias.get() <= self.max)
    }
}

fn aliased(publish: Publish<'_>, alias: NonZeroU16) -> Publish<'_> {
    let properties = PublishProperties { topic_alias: Some(alias), ..publish.properties };
    Publish { properties, ..publish }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Version;

    const LAMP: &str = "kitchen/lamp";

    fn encoder() -> Encoder {
        Encoder::new(Version::V5)
    }

    fn message(topic: &str) -> Publish<'_> {
        Publish { topic, payload: b"on", ..Publish::default() }
    }

    /// The topics and aliases that messages to these topics go with.
    fn sent<'t>(given: &mut GivenAliases, topics: &[&'t str]) -> Vec<(&'t str, Option<u16>)> {
        let send = |topic: &&'t str| {
            let publish = given.shorten(message(topic), encoder());
            (publish.topic, publish.properties.topic_alias.map(NonZeroU16::get))
        };
        topics.iter().map(send).collect()
    }

    #[test]
    fn a_topic_goes_once_with_its_alias_and_then_by_it() {
        let mut given = GivenAliases::new(10);
        let all = sent(&mut given, &[LAMP, LAMP, "kitchen/oven", LAMP]);
        assert_eq!(all, [(LAMP, Some(1)), ("", Some(1)), ("kitchen/oven", Some(2)), ("", Some(1))]);
    }

    #[test]
    fn v5_3_1_2_26_v5_3_3_2_11_a_topic_beyond_the_clients_maximum_goes_without_an_alias() {
        let mut given = GivenAliases::new(1);
        let all = sent(&mut given, &[LAMP, "kitchen/oven", "kitchen/oven", LAMP]);
        assert_eq!(
            all,
            [(LAMP, Some(1)), ("kitchen/oven", None), ("kitchen/oven", None), ("", Some(1))]
        );
    }

    #[test]
    fn a_topic_as_short_as_an_alias_goes_by_its_name() {
        let mut given = GivenAliases::new(10);
        assert_eq!(sent(&mut given, &["a/b", "a/b"]), [("a/b", None), ("a/b", None)]);
    }

    #[test]
    fn a_message_that_fits_only_without_its_alias_still_arrives() {
        let mut given = GivenAliases::new(10);
        let length = encoder().publish_len(&message(LAMP)).unwrap();
        let tight = encoder().with_packet_bytes_max(length);
        for _ in 0..2 {
            assert_eq!(given.shorten(message(LAMP), tight), message(LAMP));
        }
    }
}
