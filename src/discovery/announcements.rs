//! What is announced in a home: the configurations that are retained there, and the entities that
//! they describe. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::space::message::Message;

use super::config;
use super::entity::Entity;

/// Most entities of a home.
const ENTITIES_MAX: usize = 4_096;

/// All that is announced in a home.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    configs: BTreeMap<Box<str>, Config>,
    /// What was announced in vain, and why, since this was asked last.
    in_vain: Vec<String>,
}

/// A configuration that is retained, and what it describes: nothing, if it was in vain.
#[derive(Debug)]
struct Config {
    message: Arc<Message>,
    entities: Vec<Arc<Entity>>,
}

impl Config {
    fn says(&self, message: &Message) -> bool {
        self.message.payload() == message.payload()
    }
}

impl Announcements {
    /// Whether this was announced, word by word.
    pub(super) fn knows(&self, message: &Message) -> bool {
        self.configs.get(message.topic()).is_some_and(|known| known.says(message))
    }

    /// The entities, in the order of their topics.
    pub(super) fn entities(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.configs.values().flat_map(|config| &config.entities)
    }

    /// What was announced and not understood, or fits no kind, and why; since this was asked last.
    pub(super) fn take_in_vain(&mut self) -> Vec<String> {
        std::mem::take(&mut self.in_vain)
    }

    /// Looks at all that is announced now.
    pub(super) fn look(&mut self, announced: Vec<Arc<Message>>) {
        let announced = announced.into_iter().filter(|message| config::is_config(message.topic()));
        let mut before = std::mem::take(&mut self.configs);
        let mut entities = 0;
        for message in announced {
            let topic: Box<str> = message.topic().into();
            let config = match before.remove(&topic) {
                Some(known) if known.says(&message) => known,
                known => self.read(message, &known.map(|known| known.entities).unwrap_or_default()),
            };
            if entities + config.entities.len() > ENTITIES_MAX {
                self.in_vain.push(format!("{topic}: more than {ENTITIES_MAX} entities"));
            } else {
                entities += config.entities.len();
                self.configs.insert(topic, config);
            }
        }
    }

    /// Reads a configuration whose entities were others `before`, or none.
    fn read(&mut self, message: Arc<Message>, before: &[Arc<Entity>]) -> Config {
        let topic = message.topic();
        let announced = match config::read(topic, message.payload()) {
            Ok(announced) => announced,
            Err(error) => {
                self.in_vain.push(format!("{topic}: {error}"));
                // What can't be understood takes nothing back.
                return Config { message, entities: before.to_vec() };
            }
        };
        // What is announced as it was before goes on undisturbed.
        let same = |entity: &Entity| before.iter().find(|it| ***it == *entity).cloned();
        let read = announced.entities.into_iter();
        let read = read.map(|entity| same(&entity).unwrap_or_else(|| Arc::new(entity)));
        let mut entities: Vec<Arc<Entity>> = read.collect();
        for part in announced.passed_over {
            entities.extend(before.iter().find(|it| it.component == part.component).cloned());
            self.in_vain.push(format!("{topic} {}: {}", part.component, part.why));
        }
        Config { message, entities }
    }

    /// Takes some entities back: the topics on which they were announced, and what is to be
    /// retained there in place of that; nothing, if no other is left.
    pub(super) fn take_back(&mut self, gone: &[Arc<Entity>]) -> Vec<(Box<str>, Option<Vec<u8>>)> {
        let is_gone = |entity: &Arc<Entity>| gone.iter().any(|it| Arc::ptr_eq(it, entity));
        let mut changed = Vec::new();
        self.configs.retain(|topic, config| {
            let taken = config.entities.iter().filter(|entity| is_gone(entity));
            let components: Vec<&str> = taken.map(|entity| &*entity.component).collect();
            if components.is_empty() {
                return true;
            }
            let left = config::without(topic, config.message.payload(), &components);
            config.entities.retain(|entity| !is_gone(entity));
            changed.push((topic.clone(), left.clone()));
            let Some(left) = left else { return false };
            config.message = Arc::new(Message::new(topic, &left, config.message.qos, true));
            true
        });
        changed
    }
}
