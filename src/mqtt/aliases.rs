//! Topic aliases that a peer has set on its connection (3.3.2.3.4). Pure.

use std::borrow::Cow;
use std::num::NonZeroU16;

use crate::codec::Publish;

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
