//! The books: the engine and the overlay over it as one, and what is known about their health.

use std::sync::Arc;

use super::engine::{Engine, Failure};
use super::overlay::{Overlay, merge};
use super::parts::{self, Row};
use crate::store::ReadError;
use crate::store::batch::Written;
use crate::store::image::Notes;
use crate::store::key::Key;

/// The engine, and what is known about its health.
pub(crate) struct Books {
    pub(super) engine: Box<dyn Engine>,
    pub(super) overlay: Overlay,
    /// The group that is on its way into the log.
    pub(super) in_flight: Arc<[Row]>,
    /// Why nothing can be written, while that is so. The rows in flight are then in doubt.
    pub(super) broken: Option<String>,
    /// What was written since somebody began to make an image, while somebody does.
    pub(super) notes: Option<Notes>,
}

impl Books {
    pub(super) fn new(engine: Box<dyn Engine>) -> Self {
        let (overlay, in_flight) = (Overlay::default(), Arc::default());
        Self { engine, overlay, in_flight, broken: None, notes: None }
    }

    /// The engine, without what waits for a checkpoint.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Refuses to show what is in doubt: it may be gone now and there after the next start.
    fn sure(&self, doubtful: impl Fn(&Key) -> bool) -> Result<(), ReadError> {
        match &self.broken {
            Some(reason) if self.in_flight.iter().any(|(key, _)| doubtful(key)) => {
                Err(ReadError::Unavailable(reason.as_str().into()))
            }
            _ => Ok(()),
        }
    }

    /// The row under `key`, as the parts lay it out.
    pub(super) fn row(&self, key: &Key) -> Result<Written, Failure> {
        match self.overlay.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.engine.get(key),
        }
    }

    /// A page of rows as the parts lay them out; none may be in doubt.
    pub(crate) fn sure_rows(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Failure> {
        match &self.broken {
            Some(reason) => Err(Failure(reason.clone())),
            None => self.rows(prefix, after, limit),
        }
    }

    fn rows(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Failure> {
        let (mut rows, mut after) = (Vec::new(), after.cloned());
        loop {
            let below = self.engine.scan(prefix, after.as_ref(), limit)?;
            // A full page: what comes after its last key is the next one's business.
            let last = below.last().filter(|_| below.len() == limit).map(|(key, _)| key.clone());
            let above = self.overlay.from(prefix, after.as_ref()).take_while(|(key, _)| {
                let ours = key.as_bytes().starts_with(prefix.as_bytes());
                ours && last.as_ref().is_none_or(|last| *key <= last)
            });
            let there = merge(
                above.map(|(key, value)| (key, value.as_deref())),
                below.iter().map(|(key, value)| (key, Some(value.as_slice()))),
            );
            let there = there.filter_map(|(key, value)| Some((key.clone(), value?.to_vec())));
            rows.extend(there.take(limit - rows.len()));
            if rows.len() == limit || last.is_none() {
                return Ok(rows);
            }
            after = last;
        }
    }

    fn whole(&self, key: &Key, head: Vec<u8>) -> Result<Vec<u8>, ReadError> {
        parts::join(key, head, |part| self.row(part))?
            .ok_or_else(|| ReadError::Torn { key: key.clone() })
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Written, ReadError> {
        self.sure(|doubtful| doubtful == key)?;
        self.row(key)?.map(|head| self.whole(key, head)).transpose()
    }

    pub(crate) fn page(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, ReadError> {
        self.sure(|doubtful| doubtful.as_bytes().starts_with(prefix.as_bytes()))?;
        let rows = self.rows(prefix, after, limit)?;
        rows.into_iter().map(|(key, head)| Ok((key.clone(), self.whole(&key, head)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use super::*;
    use crate::store::key::Table;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Keys of two tables, few enough to meet each other.
    fn key(number: u64) -> Key {
        let table = if number < 24 { Table::Device } else { Table::DeviceSecret };
        Key::new(table).id(number)
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        // Marked as whole, see `parts`.
        let value = prop::option::of(any::<u8>().prop_map(|byte| vec![0, byte]));
        let row = (0_u64..32, value).prop_map(|(number, value)| (key(number), value));
        prop::collection::vec(row, 0..40)
    }

    fn write(model: &mut BTreeMap<Key, Vec<u8>>, rows: &[Row]) {
        for (key, value) in rows.iter().cloned() {
            match value {
                Some(value) => drop(model.insert(key, value[1..].to_vec())),
                None => drop(model.remove(&key)),
            }
        }
    }

    proptest! {
        #[test]
        fn a_page_is_the_same_wherever_its_rows_are(
            layers in prop::array::uniform3(rows()),
            after in prop::option::of(0_u64..24),
            limit in 0_usize..40,
        ) {
            let [engine, older, younger] = &layers;
            let (memory, mut model) = (Memory::default(), BTreeMap::new());
            memory.apply(engine).unwrap();
            let mut books = Books::new(Box::new(memory));
            books.overlay.put(older);
            books.overlay.age();
            books.overlay.put(younger);
            for rows in &layers {
                write(&mut model, rows);
            }

            let (prefix, after) = (Key::new(Table::Device), after.map(key));
            let page = books.page(&prefix, after.as_ref(), limit).unwrap();
            let ours = model.iter().filter(|(key, _)| key.table() == Some(Table::Device));
            let later = ours.filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
            let expected: Vec<_> = later.take(limit).map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert_eq!(page, expected);
            for number in 0..32 {
                prop_assert_eq!(books.get(&key(number)), Ok(model.get(&key(number)).cloned()));
            }
        }

        #[test]
        fn the_memory_of_the_overlay_is_counted_and_given_back(
            all in prop::collection::vec(rows(), 1..4),
        ) {
            let mut overlay = Overlay::default();
            for rows in &all {
                overlay.put(rows);
            }
            let (mut anew, rows) = (Overlay::default(), overlay.older(None, 0));
            prop_assert_eq!(rows, vec![]);
            let rows: Vec<Row> = overlay.rows().map(|(k, v)| (k.clone(), v.clone())).collect();
            anew.put(&rows);
            prop_assert_eq!(overlay.bytes(), anew.bytes());
            overlay.age();
            prop_assert_eq!((overlay.young_bytes(), overlay.bytes()), (0, anew.bytes()));
            prop_assert_eq!(overlay.older(None, usize::MAX), rows);
            overlay.forget_older();
            prop_assert_eq!(overlay.bytes(), 0);
        }
    }
}
