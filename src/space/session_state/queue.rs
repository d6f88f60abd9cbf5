use std::collections::VecDeque;

use super::{Delivery, DropReason, Effects, SessionEffect, SessionLimits};

/// Messages waiting for the client, oldest first: bounded by count, bytes and age.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    delivery: Delivery,
    since_ms: u64,
}

pub(super) fn dropped(delivery: &Delivery, reason: DropReason) -> SessionEffect {
    SessionEffect::Dropped { token: delivery.token, reason }
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a message behind the others; the oldest make room for it.
    pub(super) fn push(
        &mut self,
        delivery: Delivery,
        since_ms: u64,
        limits: &SessionLimits,
        effects: &mut Effects,
    ) {
        let SessionLimits { queue_messages_max, queue_bytes_max, .. } = *limits;
        let bytes = delivery.message.len();
        if queue_messages_max == 0 || bytes > queue_bytes_max {
            effects.push(dropped(&delivery, DropReason::QueueFull));
            return;
        }
        while self.len() >= queue_messages_max || self.bytes + bytes > queue_bytes_max {
            let Some(oldest) = self.take_oldest() else { break };
            effects.push(dropped(&oldest.delivery, DropReason::QueueFull));
        }
        self.bytes += bytes;
        self.waiting.push_back(Waiting { delivery, since_ms });
    }

    /// The oldest message that is still worth sending.
    pub(super) fn pop(
        &mut self,
        now_ms: u64,
        limits: &SessionLimits,
        effects: &mut Effects,
    ) -> Option<Delivery> {
        while let Some(oldest) = self.take_oldest() {
            if !is_stale(&oldest, now_ms, limits) {
                return Some(oldest.delivery);
            }
            effects.push(dropped(&oldest.delivery, DropReason::Expired));
        }
        None
    }

    /// Drops what is no longer worth sending, wherever it stands. Whether there was any.
    pub(super) fn expire(
        &mut self,
        now_ms: u64,
        limits: &SessionLimits,
        effects: &mut Effects,
    ) -> bool {
        let before = self.len();
        // What is kept moves, so that a queue that was long gives its memory back.
        let mut kept = VecDeque::new();
        while let Some(oldest) = self.take_oldest() {
            if is_stale(&oldest, now_ms, limits) {
                effects.push(dropped(&oldest.delivery, DropReason::Expired));
            } else {
                kept.push_back(oldest);
            }
        }
        self.bytes = kept.iter().map(|waiting| waiting.delivery.message.len()).sum();
        self.waiting = kept;
        self.len() != before
    }

    pub(super) fn clear(&mut self, effects: &mut Effects) {
        while let Some(oldest) = self.take_oldest() {
            effects.push(dropped(&oldest.delivery, DropReason::SessionEnded));
        }
    }

    /// Every message and since when it waits, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Delivery)> {
        self.waiting.iter().map(|waiting| (waiting.since_ms, &waiting.delivery))
    }

    fn take_oldest(&mut self) -> Option<Waiting> {
        let oldest = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(oldest.delivery.message.len());
        Some(oldest)
    }
}

fn is_stale(waiting: &Waiting, now_ms: u64, limits: &SessionLimits) -> bool {
    let age_ms = now_ms.saturating_sub(waiting.since_ms);
    age_ms > limits.queue_age_ms_max || waiting.delivery.message.is_expired(now_ms)
}
