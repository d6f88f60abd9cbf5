//! Whether a thing can be reached, as its availability topics tell. Pure.

use super::fields::{Fields, Refusal};
use super::payload::Payload;
use super::template::Template;

/// Most availability topics of one thing. Bridges need two or three.
pub const SOURCES_MAX: usize = 16;

/// What tells whether a thing can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    sources: Box<[Source]>,
    mode: Mode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    topic: Box<str>,
    available: Box<str>,
    not_available: Box<str>,
    template: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    All,
    Any,
    Latest,
}

/// The last word of each availability topic, and the last of all: what a caller remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words {
    /// One bit a source.
    available: u16,
    latest: bool,
}

impl Availability {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let mode = match fields.text("availability_mode")?.as_deref() {
            None | Some("latest") => Mode::Latest,
            Some("all") => Mode::All,
            Some("any") => Mode::Any,
            Some(_) => return Err("availability_mode isn't all, any or latest".to_owned()),
        };
        let mut sources: Vec<Source> = Vec::new();
        if let Some(topic) = fields.topic("availability_topic")? {
            sources.push(Source::read(fields, topic, "availability_template")?);
        }
        let listed = fields.objects("availability")?;
        if listed.len() >= SOURCES_MAX {
            return Err(format!("it has {SOURCES_MAX} availability topics or more"));
        }
        for inner in listed {
            let source = Source::read(&inner, inner.must_topic("topic")?, "value_template")?;
            // Of a topic that is there twice the last counts.
            sources.retain(|known| known.topic != source.topic);
            sources.push(source);
        }
        Ok(Self { sources: sources.into(), mode })
    }

    /// Whether the fields themselves say anything of it, not only those of their bundle.
    pub(super) fn is_in(fields: &Fields<'_>) -> bool {
        ["availability", "availability_topic", "availability_mode", "availability_template"]
            .into_iter()
            .chain(["payload_available", "payload_not_available"])
            .any(|name| fields.has(name))
    }

    /// The topics that tell.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.topic.as_ref())
    }

    /// What is known after a message. One on another topic, or in other words than those that the
    /// thing announced, changes nothing.
    #[must_use]
    pub fn hear(&self, words: Words, topic: &str, said: &Payload<'_>) -> Words {
        let Some(at) = self.sources.iter().position(|source| *source.topic == *topic) else {
            return words;
        };
        match self.sources.get(at).and_then(|source| source.says(said)) {
            None => words,
            Some(true) => Words { available: words.available | 1 << at, latest: true },
            Some(false) => Words { available: words.available & !(1 << at), latest: false },
        }
    }

    /// Whether it can be reached, after all that was said. Without a topic it always can; with one
    /// it can't until that says so.
    #[must_use]
    pub fn is_available(&self, words: Words) -> bool {
        let said = words.available.count_ones();
        self.sources.is_empty()
            || match self.mode {
                Mode::All => usize::try_from(said).is_ok_and(|said| said == self.sources.len()),
                Mode::Any => said > 0,
                Mode::Latest => words.latest,
            }
    }
}

impl Source {
    fn read(fields: &Fields<'_>, topic: Box<str>, template: &str) -> Result<Self, Refusal> {
        Ok(Self {
            topic,
            available: fields.text_or("payload_available", "online")?,
            not_available: fields.text_or("payload_not_available", "offline")?,
            template: fields.template(template)?,
        })
    }

    fn says(&self, said: &Payload<'_>) -> Option<bool> {
        let text = said.through(self.template.as_ref()).ok()?;
        if *text == *self.available {
            Some(true)
        } else {
            (*text == *self.not_available).then_some(false)
        }
    }
}
