//! How desired and reported come together: what a report settles, what a refusal undoes, and what
//! the device is sent. Pure.

use std::sync::Arc;

use crate::model::{Name, Props};

use super::command::give_up;
use super::state::{DeviceEffect, DeviceState, Effects};
use super::{LinkId, ToLink};

/// The link, as far as it matters to what is sent down it.
#[derive(Debug)]
pub(super) struct LinkState {
    pub(super) id: LinkId,
    pub(super) listens: bool,
    /// The number of the `set` message on its way, and the `rev` it carries.
    pub(super) on_its_way: Option<(u64, u64)>,
    pub(super) sets: u64,
    /// What was sent on this link: each desired value goes down a link once.
    pub(super) sent: Props,
    /// The properties that were as desired at some time on this link.
    pub(super) agreed: Vec<Name>,
}

impl LinkState {
    /// A link that has heard nothing yet.
    pub(super) const fn new(id: LinkId) -> Self {
        Self {
            id,
            listens: false,
            on_its_way: None,
            sets: 0,
            sent: Props::new(),
            agreed: Vec::new(),
        }
    }
}

impl DeviceState {
    /// The device said what it is.
    pub(super) fn reported(&mut self, props: &Props, now_ms: i64, out: &mut Effects) {
        let news = props.iter().any(|(name, said)| self.device.reported.get(name) != Some(said));
        if news {
            self.device.reported.merge(props);
            self.changed(now_ms);
        }
        self.follow_the_device(props);
        let moved = self.open.settle(&self.device.reported, &self.kind, now_ms);
        let (ended, narrowed) = moved.into_iter().partition(|command| command.phase.is_final());
        self.saving.tell_after(ended, now_ms);
        self.saving.narrowed(narrowed, now_ms);
        self.record(props, now_ms, out);
    }

    /// Lets `desired` follow what was changed at the device itself.
    ///
    /// A value that was as desired on this link and now is not, with no command open, was changed
    /// at the device: by its button, or by its own end of a cook. And what is unsafe late is asked
    /// once, never again by itself. Anything else that differs is still wanted, and is sent.
    fn follow_the_device(&mut self, props: &Props) {
        let Some(link) = self.link.as_mut() else { return };
        for (name, said) in props {
            let Some(wanted) = self.device.desired.get(name) else { continue };
            let agreed = link.agreed.contains(name);
            if self.kind.same(name, wanted, said) {
                if !agreed {
                    link.agreed.push(name.clone());
                }
            } else if !self.open.waits_for(name)
                && (agreed || self.kind.ttl_s(name, wanted).is_some())
            {
                self.device.desired.set(name.clone(), said.clone());
            }
        }
    }

    /// The device will not do some of what was asked.
    pub(super) fn refused(&mut self, refused: &[(Name, Arc<str>)], now_ms: i64) {
        if let Some((name, reason)) = refused.first() {
            self.blame(Some(format!("{name}: {reason}")), now_ms);
        }
        let ended = self.open.refuse(refused, now_ms);
        give_up(&mut self.device, &ended);
        for (name, _) in refused {
            if let Some(link) = &mut self.link {
                link.sent.remove(name);
            }
            match self.device.reported.get(name) {
                Some(said) => drop(self.device.desired.set(name.clone(), said.clone())),
                None => drop(self.device.desired.remove(name)),
            }
        }
        self.changed(now_ms);
        self.saving.tell_after(ended, now_ms);
    }

    /// Sends the device, in one message, everything desired that it does not report.
    ///
    /// One message is on its way at a time: a slow device gets the newest wish, not every one.
    pub(super) fn converge(&mut self, out: &mut Effects) {
        let Some(link) = self.link.as_mut() else { return };
        if self.device.desired.is_empty() {
            link.sent = Props::new();
            return;
        }
        let mut lacking = self.kind.differing(&self.device.desired, &self.device.reported);
        // It was told something else on this link: what it reported before that is no proof.
        for (name, sent) in &link.sent {
            if let Some(wanted) = self.device.desired.get(name)
                && !self.kind.same(name, wanted, sent)
            {
                lacking.set(name.clone(), wanted.clone());
            }
        }
        // What it does not lack any more may be asked of it again.
        link.sent.retain(|name, _| lacking.get(name).is_some());
        if !link.listens || link.on_its_way.is_some() {
            return;
        }
        if lacking.iter().all(|(name, value)| link.sent.get(name) == Some(value)) {
            return;
        }
        let Ok(payload) = serde_json::to_vec(&lacking) else { return };
        link.sent.merge(&lacking);
        link.sets += 1;
        link.on_its_way = Some((link.sets, self.device.rev));
        out.push(DeviceEffect::Send(ToLink::Set(payload.into(), link.sets)));
    }
}
