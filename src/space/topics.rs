//! Who takes which topic: the filters of a topic space as a tree of levels (4.7, 4.8.2). Pure.
//!
//! Matching walks level by level with the set of nodes that the topic can still be at, so it needs
//! no recursion, and its work is bounded by the nodes of the tree and the levels of the topic.

use crate::codec::topic::{SEPARATOR, shared};
use crate::codec::{QoS, RetainHandling, Subscription};

/// A session of the space.
pub type SessionKey = usize;

/// One level of filters. Places in the tree are numbers, so that a node is small and owns no node.
#[derive(Debug, Default)]
struct Node {
    level: Box<str>,
    parent: u32,
    /// Sorted by level.
    children: Vec<u32>,
    /// Filters that end here, and those that go on with `#` from here.
    takers: Vec<Takers>,
}

/// Those who share a filter by a group, or one who shares it with nobody.
#[derive(Debug)]
struct Takers {
    /// Of `$share/group/…`; empty for a subscription of its own.
    group: Box<str>,
    members: Vec<Taker>,
    /// Whose turn it is in the group.
    turn: u32,
    /// Whether the filter goes on with `#`: then it takes this level as well (4.7.1.2).
    below: bool,
}

/// A subscription, as matching finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// Whose.
    pub session: SessionKey,
    /// The highest `QoS` it wants.
    pub qos: QoS,
    /// Nothing that came from its own client.
    pub no_local: bool,
    /// RETAIN as published.
    pub retain_as_published: bool,
    /// Retained messages are wanted.
    pub wants_retained: bool,
    /// What to call the subscription in each message; 0: it has no identifier.
    pub id: u32,
}

impl Taker {
    /// The subscription of `session` with the options of `wanted`.
    #[must_use]
    pub fn new(session: SessionKey, wanted: &Subscription<'_>, id: Option<u32>) -> Self {
        Self {
            session,
            qos: wanted.qos,
            no_local: wanted.no_local,
            retain_as_published: wanted.retain_as_published,
            wants_retained: wanted.retain_handling != RetainHandling::DoNotSend,
            id: id.unwrap_or(0),
        }
    }
}

/// The tree.
#[derive(Debug)]
pub struct Topics {
    /// The first is the root.
    nodes: Vec<Node>,
    free: Vec<u32>,
    /// Scratch of matching.
    at: Vec<u32>,
    next: Vec<u32>,
}

const ROOT: u32 = 0;

impl Default for Topics {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new(), at: Vec::new(), next: Vec::new() }
    }
}

/// A filter's group (empty: none), its levels before any `#`, and whether there is one.
fn parts(filter: &str) -> (&str, impl Iterator<Item = &str>, bool) {
    let (group, plain) = shared(filter).unwrap_or(("", filter));
    let (levels, below) = match plain.strip_suffix('#') {
        Some("") => (None, true),
        Some(rest) => (Some(rest.strip_suffix(SEPARATOR).unwrap_or(rest)), true),
        None => (Some(plain), false),
    };
    (group, levels.into_iter().flat_map(|levels| levels.split(SEPARATOR)), below)
}

impl Topics {
    /// Adds a subscription to the valid `filter`, in place of the session's older one.
    ///
    /// Returns whether there was an older one.
    pub fn insert(&mut self, filter: &str, taker: Taker) -> bool {
        let (group, levels, below) = parts(filter);
        let mut at = ROOT;
        for level in levels {
            at = self.child_or_new(at, level);
        }
        let Some(node) = self.node_mut(at) else { return false };
        let known = node.place_of((group, below), taker.session);
        let place = known.unwrap_or_else(|| {
            node.takers.reserve_exact(1);
            node.takers.push(Takers { group: group.into(), members: Vec::new(), turn: 0, below });
            node.takers.len() - 1
        });
        let Some(takers) = node.takers.get_mut(place) else { return false };
        let older = takers.members.iter_mut().find(|member| member.session == taker.session);
        if let Some(older) = older {
            *older = taker;
            return true;
        }
        takers.members.reserve_exact(1);
        takers.members.push(taker);
        false
    }

    /// Takes the session's subscription to `filter` out. False: there was none.
    pub fn remove(&mut self, filter: &str, session: SessionKey) -> bool {
        let (group, levels, below) = parts(filter);
        let mut at = ROOT;
        for level in levels {
            match self.child(at, level) {
                Ok(child) => at = child,
                Err(_) => return false,
            }
        }
        let Some(node) = self.node_mut(at) else { return false };
        let Some(place) = node.place_of((group, below), session) else { return false };
        let Some(takers) = node.takers.get_mut(place) else { return false };
        let before = takers.members.len();
        takers.members.retain(|member| member.session != session);
        let removed = takers.members.len() < before;
        if takers.members.is_empty() {
            node.takers.remove(place);
        }
        self.prune(at);
        removed
    }

    /// Whether nobody subscribes to anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == self.free.len() + 1
            && self.node(ROOT).is_some_and(|root| root.takers.is_empty())
    }

    /// Finds who takes `topic`, and whether by a group. Of a group it is one member: the next in
    /// turn that `is_there`, or the next in turn where nobody is.
    pub fn matching(
        &mut self,
        topic: &str,
        is_there: impl Fn(SessionKey) -> bool,
        mut found: impl FnMut(&Taker, bool),
    ) {
        let (mut at, mut next) = (std::mem::take(&mut self.at), std::mem::take(&mut self.next));
        at.clear();
        at.push(ROOT);
        // 4.7.2: a wildcard at the first level takes no topic that begins with `$`.
        let mut wild = !topic.starts_with('$');
        for level in topic.split(SEPARATOR) {
            next.clear();
            for place in &at {
                if wild {
                    self.choose(*place, |takers| takers.below, &is_there, &mut found);
                    next.extend(self.child(*place, "+"));
                }
                next.extend(self.child(*place, level));
            }
            wild = true;
            std::mem::swap(&mut at, &mut next);
            if at.is_empty() {
                break;
            }
        }
        for place in &at {
            self.choose(*place, |_| true, &is_there, &mut found);
        }
        (self.at, self.next) = (at, next);
    }

    fn choose(
        &mut self,
        at: u32,
        which: impl Fn(&Takers) -> bool,
        is_there: &impl Fn(SessionKey) -> bool,
        found: &mut impl FnMut(&Taker, bool),
    ) {
        let takers = self.node_mut(at).map(|node| &mut node.takers);
        for takers in takers.into_iter().flatten().filter(|takers| which(takers)) {
            takers.choose(is_there, found);
        }
    }

    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }

    /// The child for `level`, or where among the children it would stand.
    fn child(&self, at: u32, level: &str) -> Result<u32, usize> {
        let Some(node) = self.node(at) else { return Err(0) };
        let name = |child: &u32| self.node(*child).map_or("", |node| &*node.level);
        let place = node.children.binary_search_by(|child| name(child).cmp(level))?;
        node.children.get(place).copied().ok_or(place)
    }

    fn child_or_new(&mut self, parent: u32, level: &str) -> u32 {
        let place = match self.child(parent, level) {
            Ok(child) => return child,
            Err(place) => place,
        };
        let node = Node { level: level.into(), parent, ..Node::default() };
        let free = self.free.pop();
        // Sessions, their subscriptions and the levels of each are limited: far fewer fit.
        let new = free.unwrap_or_else(|| u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        if let Some(slot) = self.node_mut(new) {
            *slot = node;
        } else {
            self.nodes.reserve_exact(1 + self.nodes.len() / 8);
            self.nodes.push(node);
        }
        if let Some(parent) = self.node_mut(parent) {
            parent.children.reserve_exact(1 + parent.children.len() / 8);
            parent.children.insert(place, new);
        }
        new
    }

    /// Gives back the nodes that nothing needs any more, from `at` upwards.
    fn prune(&mut self, mut at: u32) {
        while at != ROOT {
            let Some(node) = self.node_mut(at) else { return };
            if !(node.children.is_empty() && node.takers.is_empty()) {
                return;
            }
            let parent = std::mem::take(node).parent;
            self.free.push(at);
            if let Some(node) = self.node_mut(parent) {
                node.children.retain(|child| *child != at);
            }
            at = parent;
        }
    }
}

impl Node {
    /// Where the takers of a group (empty: none) are that go on with `#` or not, or those of the
    /// session's own subscription.
    fn place_of(&self, (group, below): (&str, bool), session: SessionKey) -> Option<usize> {
        self.takers.iter().position(|takers| takers.below == below && takers.is_for(group, session))
    }
}

impl Takers {
    fn is_for(&self, group: &str, session: SessionKey) -> bool {
        let of_its_own = || self.members.iter().any(|member| member.session == session);
        *self.group == *group && (!group.is_empty() || of_its_own())
    }

    fn choose(
        &mut self,
        is_there: &impl Fn(SessionKey) -> bool,
        found: &mut impl FnMut(&Taker, bool),
    ) {
        if self.group.is_empty() {
            self.members.iter().for_each(|member| found(member, false));
            return;
        }
        let count = self.members.len();
        let in_turn = || (0..count).map(|step| (self.turn as usize + step) % count.max(1));
        let there =
            |place: &usize| self.members.get(*place).is_some_and(|member| is_there(member.session));
        let Some(place) = in_turn().find(there).or_else(|| in_turn().next()) else { return };
        self.turn = u32::try_from(place + 1).unwrap_or_default();
        self.members.get(place).into_iter().for_each(|member| found(member, true));
    }
}

#[cfg(test)]
mod tests;
