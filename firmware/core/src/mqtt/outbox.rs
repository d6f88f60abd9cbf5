//! Packets on their way: queued, sent, and kept until they are acknowledged.

/// There is no room for the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What a packet's entry begins with: its length, whether it waits for an acknowledgement, and
/// its identifier.
const HEAD: usize = 5;

/// A queue of encoded packets in `N` bytes. Packets leave it in order: one without
/// acknowledgement when it is sent, one with when it is acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Outbox<const N: usize> {
    bytes: [u8; N],
    len: usize,
    /// Where the entry lies that is being sent.
    at: usize,
    /// How much of it is sent.
    sent: usize,
}

/// One entry's head.
#[derive(Debug, Clone, Copy)]
struct Entry {
    len: usize,
    id: Option<u16>,
}

impl<const N: usize> Outbox<N> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], len: 0, at: 0, sent: 0 }
    }

    /// Queues the packet that `encode` writes; it gets the identifier `id` if that is given.
    pub(super) fn push(
        &mut self,
        id: Option<u16>,
        encode: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<(), Full> {
        let free = self.bytes.get_mut(self.len..).ok_or(Full)?;
        let (head, room) = free.split_at_mut_checked(HEAD).ok_or(Full)?;
        let len = encode(room).ok_or(Full)?;
        let [high, low] = u16::try_from(len).map_err(|_| Full)?.to_be_bytes();
        let [id_high, id_low] = id.unwrap_or(0).to_be_bytes();
        head.copy_from_slice(&[high, low, u8::from(id.is_some()), id_high, id_low]);
        self.len += HEAD + len;
        Ok(())
    }

    /// The rest of the packet that is due.
    pub(super) fn due(&self) -> &[u8] {
        let Some(entry) = self.entry(self.at) else { return &[] };
        let start = self.at + HEAD;
        self.bytes.get(start + self.sent..start + entry.len).unwrap_or(&[])
    }

    /// Whether a packet is sent in part.
    pub(super) const fn is_inside(&self) -> bool {
        self.sent > 0
    }

    /// `count` bytes of [`Outbox::due`] are sent.
    pub(super) fn sent(&mut self, count: usize) {
        let Some(entry) = self.entry(self.at) else { return };
        self.sent += count;
        if self.sent >= entry.len {
            self.sent = 0;
            if entry.id.is_some() {
                self.at += HEAD + entry.len;
            } else {
                self.remove(self.at, HEAD + entry.len);
            }
        }
    }

    /// The packet `id` was acknowledged; false when none such was sent.
    pub(super) fn acknowledged(&mut self, id: u16) -> bool {
        let mut at = 0;
        while let Some(entry) = self.entry(at).filter(|_| at < self.at) {
            let whole = HEAD + entry.len;
            if entry.id == Some(id) {
                self.remove(at, whole);
                self.at -= whole;
                return true;
            }
            at += whole;
        }
        false
    }

    /// The link is gone: what was not acknowledged is due again.
    pub(super) const fn rewind(&mut self) {
        self.at = 0;
        self.sent = 0;
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        let head = self.bytes.get(at..self.len)?.first_chunk::<HEAD>()?;
        let [high, low, has_id, id_high, id_low] = *head;
        let id = u16::from_be_bytes([id_high, id_low]);
        let len = usize::from(u16::from_be_bytes([high, low]));
        Some(Entry { len, id: (has_id == 1).then_some(id) })
    }

    fn remove(&mut self, at: usize, count: usize) {
        let end = at + count;
        if end <= self.len && self.len <= N {
            self.bytes.copy_within(end..self.len, at);
            self.len -= count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::vec::Vec;

    proptest! {
        /// Against the obvious model: every packet goes out whole and in order, and again after
        /// a rewind unless it was acknowledged or needed no acknowledgement.
        #[test]
        fn an_outbox_is_a_queue_with_a_memory(
            steps in prop::collection::vec((0_u8..5, any::<u8>()), 0..120),
        ) {
            let mut outbox = Outbox::<96>::new();
            let mut waiting: VecDeque<(Option<u16>, Vec<u8>)> = VecDeque::new();
            let mut unacknowledged: VecDeque<(Option<u16>, Vec<u8>)> = VecDeque::new();
            let mut part = 0;
            for (number, (act, value)) in (1_u16..).zip(steps) {
                match act {
                    0 | 1 => {
                        let id = (act == 1).then_some(number);
                        let packet = std::vec![value; usize::from(value % 20) + 1];
                        let pushed = outbox.push(id, |room| {
                            room.get_mut(..packet.len())?.copy_from_slice(&packet);
                            Some(packet.len())
                        });
                        if pushed.is_ok() {
                            waiting.push_back((id, packet));
                        }
                    }
                    2 => {
                        let due = outbox.due().to_vec();
                        let first = waiting.front();
                        let expected = first.map_or(&[][..], |(_, packet)| &packet[part..]);
                        prop_assert_eq!(&due[..], expected);
                        let count = due.len().min(usize::from(value % 8) + 1);
                        outbox.sent(count);
                        part += count;
                        if waiting.front().is_some_and(|(_, packet)| packet.len() == part) {
                            part = 0;
                            let sent = waiting.pop_front().unwrap();
                            if sent.0.is_some() {
                                unacknowledged.push_back(sent);
                            }
                        }
                        prop_assert_eq!(outbox.is_inside(), part > 0);
                    }
                    3 => {
                        let at = usize::from(value) % unacknowledged.len().max(1);
                        if let Some((Some(id), _)) = unacknowledged.remove(at) {
                            prop_assert!(outbox.acknowledged(id));
                        }
                        prop_assert!(!outbox.acknowledged(60_000));
                    }
                    _ => {
                        outbox.rewind();
                        part = 0;
                        while let Some(packet) = unacknowledged.pop_back() {
                            waiting.push_front(packet);
                        }
                    }
                }
            }
        }
    }
}
