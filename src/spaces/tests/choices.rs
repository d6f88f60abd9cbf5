//! What happens next in a town: everything that clients, the operator and the clock may do.

use std::sync::LazyLock;

use crate::codec::topic::valid_filter;
use crate::codec::{QoS, RetainHandling};

use super::model::{Said, Sub};
use super::town::{LABELS, Town};

const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// All topics of up to three levels of few names.
pub(super) static TOPICS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut topics = levels(&["a", "b", ""]);
    topics.extend(["$x".to_owned(), "$x/a".to_owned(), "$x/a/b".to_owned()]);
    topics.retain(|topic| !topic.is_empty());
    topics
});

/// All filters of up to three levels of few names, with `#`, and shared by two groups.
pub(super) static FILTERS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut filters = levels(&["a", "b", "+", ""]);
    filters.extend(filters.clone().iter().map(|filter| format!("{filter}/#")));
    filters.extend(["#", "$x/#", "$x/+", "$x/a"].map(str::to_owned));
    for group in ["g", "h"] {
        filters.extend(filters.clone().iter().map(|filter| format!("$share/{group}/{filter}")));
    }
    filters.retain(|filter| valid_filter(filter) && filter.matches("$share").count() < 2);
    filters
});

fn levels(names: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut last = all.clone();
    for _ in 0..2 {
        last = last
            .iter()
            .flat_map(|start| names.iter().map(move |name| format!("{start}/{name}")))
            .collect();
        all.extend(last.clone());
    }
    all
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Connect { clean: bool, expiry_s: u32, label: usize, will: Option<(Said, u32)> },
    Lose,
    Goodbye { with_will: bool },
    Subscribe(Sub, RetainHandling),
    Unsubscribe(&'static str),
    Publish(Said),
    Revoke(usize),
    Pass(u64),
    Restart,
}

impl Town {
    pub(super) fn choose(&mut self, user: usize, client: usize) -> Step {
        match self.below(200) {
            0 => return Step::Revoke(self.below(LABELS.len())),
            1 => return Step::Restart,
            2..=9 => return Step::Pass([300, 1_500, 5_000, 100_000][self.below(4)]),
            _ => {}
        }
        let is_there = self.seats[user][client].is_some();
        match self.below(20) {
            0 => self.choose_connect(user),
            _ if !is_there => self.choose_connect(user),
            1 => Step::Lose,
            2 => Step::Goodbye { with_will: self.one_in(3) },
            3..=6 => self.choose_subscribe(),
            7 => Step::Unsubscribe(self.some_filter()),
            _ => Step::Publish(self.choose_said(user)),
        }
    }

    fn choose_connect(&mut self, user: usize) -> Step {
        let will = self.one_in(2).then(|| (self.choose_said(user), [0, 0, 1, 20][self.below(4)]));
        Step::Connect {
            clean: self.one_in(4),
            expiry_s: [0, 3, 60, 1_000_000][self.below(4)],
            label: self.below(LABELS.len()),
            will,
        }
    }

    fn choose_subscribe(&mut self) -> Step {
        let filter = self.some_filter();
        let sub = Sub {
            filter,
            qos: QOS[self.below(3)],
            no_local: self.one_in(4) && !filter.starts_with("$share"),
            as_published: self.one_in(2),
            id: u32::try_from(self.below(4)).unwrap(),
        };
        let handling = [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
        Step::Subscribe(sub, handling[self.below(3)])
    }

    fn choose_said(&mut self, user: usize) -> Said {
        self.said += 1;
        let payload =
            if self.one_in(8) { String::new() } else { format!("{user} said {}", self.said) };
        let index = self.below(self.topics.len());
        let topic = self.topics[index];
        Said { topic, payload, qos: QOS[self.below(3)], retain: self.one_in(3) }
    }
}
