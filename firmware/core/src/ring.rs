//! Telemetry kept while nobody listens: the newest readings, in a place of fixed size.

/// A ring of the `N` newest entries.
#[derive(Debug, Clone)]
pub struct Ring<T, const N: usize> {
    entries: [Option<T>; N],
    first: usize,
    len: usize,
    lost: u32,
}

impl<T: Copy, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self { entries: [None; N], first: 0, len: 0, lost: 0 }
    }
}

impl<T: Copy, const N: usize> Ring<T, N> {
    /// Adds an entry; a full ring loses its oldest and counts it.
    pub fn push(&mut self, entry: T) {
        if self.len == N {
            self.pop();
            self.lost = self.lost.saturating_add(1);
        }
        let at = (self.first + self.len) % N.max(1);
        if let Some(place) = self.entries.get_mut(at) {
            *place = Some(entry);
            self.len += 1;
        }
    }

    /// Takes the oldest entry out.
    pub fn pop(&mut self) -> Option<T> {
        let entry = self.entries.get_mut(self.first)?.take()?;
        self.first = (self.first + 1) % N.max(1);
        self.len -= 1;
        Some(entry)
    }

    /// How many entries wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many entries were lost to newer ones.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn a_ring_is_a_queue_that_forgets_its_oldest(
            steps in prop::collection::vec(any::<Option<u8>>(), 0..60),
        ) {
            let mut ring = Ring::<u8, 5>::default();
            let mut model = VecDeque::new();
            let mut lost = 0;
            for step in steps {
                if let Some(entry) = step {
                    if model.len() == 5 {
                        model.pop_front();
                        lost += 1;
                    }
                    model.push_back(entry);
                    ring.push(entry);
                } else {
                    prop_assert_eq!(ring.pop(), model.pop_front());
                }
                prop_assert_eq!((ring.len(), ring.lost()), (model.len(), lost));
            }
        }
    }
}
