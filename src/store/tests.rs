//! Tests of the store as the rooms above use it.

use super::*;
use crate::model::{User, UserId};

/// A store in a folder of its own, with a writer that runs.
struct Room {
    store: Store,
    writer: Writer,
    thread: Option<std::thread::JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl Room {
    fn open(folder: tempfile::TempDir) -> Self {
        let (store, writer) = Store::open(folder.path()).unwrap();
        let running = writer.clone();
        let thread = Some(std::thread::spawn(move || running.run()));
        Self { store, writer, thread, folder }
    }

    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    /// Closes the store, and opens it again from what is on disk.
    fn reopen(mut self) -> Self {
        self.writer.close();
        self.thread.take().unwrap().join().unwrap();
        let Self { folder, store, writer, .. } = self;
        drop((store, writer));
        Self::open(folder)
    }
}

fn bob() -> User {
    User { id: UserId(7), name: "Bob".into(), admin: false, created_ms: 1 }
}

#[tokio::test]
async fn an_account_outlives_the_process_and_its_name_is_taken_in_any_case() {
    let room = Room::new();
    let password = accounts::PasswordHash("$argon2id$…".into());
    let mut batch = Batch::new();
    accounts::create_user(&mut batch, &bob(), &password);
    room.store.commit(batch).await.unwrap();

    let room = room.reopen();
    assert_eq!(accounts::user_named(&room.store, "BOB"), Ok(Some(bob())));
    let mut batch = Batch::new();
    let other = User { id: UserId(8), name: "bOB".into(), ..bob() };
    accounts::create_user(&mut batch, &other, &password);
    assert_eq!(room.store.commit(batch).await, Err(CommitError::Conflict));
    assert_eq!(accounts::user(&room.store, UserId(8)), Ok(None));
}
