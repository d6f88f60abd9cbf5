//! The store's schema version, and the way forward from every version that was ever released.

use std::path::PathBuf;

use super::OpenError;
use super::key::{Key, Table};
use super::writer::{Engine, Failure};

/// What this release writes.
const SCHEMA_VERSION: u32 = 1;

/// One step forward. It must bear being run again: a crash may end it in the middle.
pub(super) struct Migration {
    /// The version that it starts from; it ends at the next.
    pub(super) from: u32,
    /// Changes the rows. What it applies is made durable with the new version after it.
    pub(super) run: fn(&dyn Engine) -> Result<(), Failure>,
}

/// All steps, oldest first: one for every version before [`SCHEMA_VERSION`].
const MIGRATIONS: &[Migration] = &[];

fn version_key() -> Key {
    Key::new(Table::Meta).raw(b"schema")
}

/// Brings the store to this release's schema. `copy` names the folder that gets a copy of a store
/// of the given version before it is changed.
pub(super) fn prepare(engine: &dyn Engine, copy: impl Fn(u32) -> PathBuf) -> Result<(), OpenError> {
    bring_to(SCHEMA_VERSION, MIGRATIONS, engine, copy)
}

fn bring_to(
    target: u32,
    migrations: &[Migration],
    engine: &dyn Engine,
    copy: impl Fn(u32) -> PathBuf,
) -> Result<(), OpenError> {
    let failed = |Failure(reason)| OpenError::Migration { reason };
    let Some(found) = read_version(engine)? else {
        return write_version(engine, target).map_err(failed);
    };
    if found > target {
        return Err(OpenError::Newer { found, known: target });
    }
    if found < target {
        engine.copy_to(&copy(found)).map_err(failed)?;
    }
    for version in found..target {
        let step = migrations.iter().find(|step| step.from == version);
        let step = step.ok_or(OpenError::Migration {
            reason: format!("there is no way forward from version {version}"),
        })?;
        tracing::info!(from = version, "migrating the store");
        (step.run)(engine).and_then(|()| write_version(engine, version + 1)).map_err(failed)?;
    }
    Ok(())
}

/// The version of the store, or `None` if it is empty.
fn read_version(engine: &dyn Engine) -> Result<Option<u32>, OpenError> {
    let strange = || OpenError::Migration { reason: "its schema version can't be read".into() };
    let failed = |Failure(reason)| OpenError::Migration { reason };
    let Some(row) = engine.get(&version_key()).map_err(failed)? else {
        let empty = engine.scan(&Key::from_bytes(&[]), None, 1).map_err(failed)?.is_empty();
        return if empty { Ok(None) } else { Err(strange()) };
    };
    // The leading zero is the row's own mark, see `writer/parts`.
    match row.as_slice() {
        [0, a, b, c, d] => Ok(Some(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => Err(strange()),
    }
}

fn write_version(engine: &dyn Engine, version: u32) -> Result<(), Failure> {
    let [a, b, c, d] = version.to_be_bytes();
    engine.apply(&[(version_key(), Some(vec![0, a, b, c, d]))])?;
    engine.sync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::writer::{Fault, Memory};
    use std::cell::RefCell;

    fn row(number: u64) -> Key {
        Key::new(Table::Device).id(number)
    }

    fn put(engine: &dyn Engine, number: u64, value: u8) -> Result<(), Failure> {
        engine.apply(&[(row(number), Some(vec![0, value]))])
    }

    const STEPS: &[Migration] = &[
        Migration { from: 1, run: |engine| put(engine, 1, 1) },
        Migration { from: 2, run: |engine| put(engine, 2, 2) },
    ];

    /// Brings `engine` to `target` by `STEPS`; the versions of which a copy was made.
    fn bring(engine: &Memory, target: u32) -> (Result<(), OpenError>, Vec<u32>) {
        let copies = RefCell::new(Vec::new());
        let copy = |version| {
            copies.borrow_mut().push(version);
            PathBuf::new()
        };
        let result = bring_to(target, STEPS, engine, copy);
        (result, copies.into_inner())
    }

    #[test]
    fn an_empty_store_gets_the_newest_version_and_no_migration() {
        let engine = Memory::default();
        assert_eq!(bring(&engine, 3), (Ok(()), vec![]));
        assert_eq!(read_version(&engine), Ok(Some(3)));
        assert_eq!(engine.get(&row(1)), Ok(None));
        assert_eq!(bring(&engine, 3), (Ok(()), vec![]));
    }

    #[test]
    fn an_older_store_is_copied_and_goes_every_step() {
        let engine = Memory::default();
        write_version(&engine, 1).unwrap();
        assert_eq!(bring(&engine, 3), (Ok(()), vec![1]));
        assert_eq!(read_version(&engine), Ok(Some(3)));
        assert_eq!(engine.get(&row(1)), Ok(Some(vec![0, 1])));
        assert_eq!(engine.get(&row(2)), Ok(Some(vec![0, 2])));
    }

    #[test]
    fn a_step_that_failed_is_taken_again_at_the_next_start() {
        let mut engine = Memory::default();
        write_version(&engine, 1).unwrap();
        engine.fail(Some(Fault::Engine));
        assert!(matches!(bring(&engine, 3).0, Err(OpenError::Migration { .. })));
        engine.fail(None);
        engine.recover().unwrap();
        assert_eq!(read_version(&engine), Ok(Some(1)));
        assert_eq!(bring(&engine, 3).0, Ok(()));
        assert_eq!(engine.get(&row(2)), Ok(Some(vec![0, 2])));
    }

    #[test]
    fn a_store_of_a_newer_release_or_of_none_is_left_alone() {
        let engine = Memory::default();
        write_version(&engine, 4).unwrap();
        assert_eq!(bring(&engine, 3), (Err(OpenError::Newer { found: 4, known: 3 }), vec![]));
        let engine = Memory::default();
        put(&engine, 1, 1).unwrap();
        assert!(matches!(bring(&engine, 3).0, Err(OpenError::Migration { .. })));
    }

    #[test]
    fn there_is_a_step_from_every_version_before_this_one() {
        assert!(MIGRATIONS.iter().map(|step| step.from).eq(1..SCHEMA_VERSION));
    }
}
