//! Which topics somebody may use. Pure.

use serde::{Deserialize, Serialize};

use super::topic::{covers, matches};

/// What of the topics a client may use; by default everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicScope {
    /// A message's topic has to fit one of these filters; without them any topic will do.
    pub publish: Option<Box<[Box<str>]>>,
    /// A subscription has to lie within one of these filters; without them any may be made.
    pub subscribe: Option<Box<[Box<str>]>>,
}

impl TopicScope {
    /// Whether a message may be published to the valid `topic`.
    #[must_use]
    pub fn may_publish(&self, topic: &str) -> bool {
        let Some(filters) = &self.publish else { return true };
        filters.iter().any(|filter| matches(filter, topic))
    }

    /// Whether the valid filter `wanted` may be subscribed to, shared or not.
    #[must_use]
    pub fn may_subscribe(&self, wanted: &str) -> bool {
        let Some(filters) = &self.subscribe else { return true };
        filters.iter().any(|filter| covers(filter, wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_filters_everything_is_allowed_and_with_none_nothing() {
        let all = TopicScope::default();
        assert!(all.may_publish("$SYS/a") && all.may_subscribe("#"));
        let nothing = TopicScope { publish: Some(Box::default()), subscribe: Some(Box::default()) };
        assert!(!nothing.may_publish("a") && !nothing.may_subscribe("a"));
    }

    #[test]
    fn what_may_be_published_and_what_may_be_heard_are_two_things() {
        let filters = |filters: &[&str]| Some(filters.iter().map(|&one| one.into()).collect());
        let scope = TopicScope { publish: filters(&["a/+", "b"]), subscribe: filters(&["c/#"]) };
        assert!(scope.may_publish("a/x") && scope.may_publish("b"));
        assert!(!scope.may_publish("a/x/y") && !scope.may_publish("c/x"));
        assert!(scope.may_subscribe("c/+/d") && scope.may_subscribe("$share/g/c/#"));
        assert!(!scope.may_subscribe("#") && !scope.may_subscribe("$share/g/a/x"));
    }
}
