//! The typed rows: devices, accounts, credentials, topic spaces.

use super::*;
use crate::codec::TopicScope;
use crate::model::{
    Caller, Command, Device, DeviceId, Fingerprint, Grant, Phase, Props, Role, User, UserId, Via,
};
use crate::store::accounts::{self, PasswordHash, RefreshFamily};
use crate::store::credentials::{self, ApiToken, ClientCredential, SigningKey};
use crate::store::mqtt::{self, Shelf};
use crate::store::{certificates, devices};

const BOB: UserId = UserId(7);
const EVE: UserId = UserId(8);
const LAMP: DeviceId = DeviceId(70);

/// Commits what `fill` puts into a batch.
async fn commit(room: &Room, fill: impl FnOnce(&mut Batch)) -> Result<(), CommitError> {
    let mut batch = Batch::new();
    fill(&mut batch);
    room.commit(batch).await
}

fn user(id: UserId, name: &str) -> User {
    User { id, name: name.into(), admin: false, created_ms: 1 }
}

fn password() -> PasswordHash {
    PasswordHash("$argon2id$v=19$…".into())
}

fn device(id: DeviceId) -> Device {
    let mut device =
        Device::new(id, BOB, "light".into(), "Bob's \"lamp\"".into(), Some("Küche".into()), 5);
    device.desired = [("on", true)].into_iter().collect();
    device
}

fn command(rev: u64, phase: Phase) -> Command {
    let wanted: Props = [("on", true)].into_iter().collect();
    Command {
        rev,
        reference: "r".into(),
        by: Caller { user: BOB, name: "Bob".into(), via: Via::Token("phone".into()), from: None },
        open: wanted.clone(),
        wanted,
        phase,
        reason: None,
        accepted_ms: 1,
        delivered_ms: Some(2),
        finished_ms: None,
        expires_ms: Some(9),
    }
}

#[tokio::test]
async fn an_account_outlives_the_process_and_its_name_is_taken_in_any_case() {
    let room = Room::new();
    commit(&room, |batch| accounts::create_user(batch, &user(BOB, "Bob"), &password()))
        .await
        .unwrap();
    let room = room.reopen();
    assert_eq!(accounts::user_named(&room.store, "BOB"), Ok(Some(user(BOB, "Bob"))));
    assert_eq!(accounts::password(&room.store, BOB), Ok(Some(password())));

    let twin = user(EVE, "bOB");
    let taken = commit(&room, |batch| accounts::create_user(batch, &twin, &password())).await;
    assert_eq!(taken, Err(CommitError::Conflict));
    assert_eq!(accounts::user(&room.store, EVE), Ok(None));

    commit(&room, |batch| accounts::remove_user(batch, &user(BOB, "Bob"))).await.unwrap();
    commit(&room, |batch| accounts::create_user(batch, &twin, &password())).await.unwrap();
    assert_eq!(accounts::users(&room.store, None, 9), Ok(vec![twin]));
}

#[test]
fn names_fold_alike_whatever_their_case() {
    for (one, other) in [("Bob", "bOB"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"), ("Ärger", "äRGER")]
    {
        assert_eq!(accounts::fold(one), accounts::fold(other));
    }
    assert_ne!(accounts::fold("Bob"), accounts::fold("Bob "));
}

#[tokio::test]
async fn a_refresh_token_is_rotated_once_and_a_spent_one_is_recognised() {
    let room = Room::new();
    let [first, second, third] = ["1", "2", "3"].map(SecretHash::of);
    let family = RefreshFamily {
        user: BOB,
        id: 3,
        current: first,
        previous: None,
        created_ms: 1,
        rotated_ms: 1,
        expires_ms: 99,
    };
    commit(&room, |batch| accounts::create_family(batch, &family)).await.unwrap();
    let read = &family;
    let rotate = |token| {
        commit(&room, move |batch| {
            accounts::rotate_family(batch, read, token, 5);
        })
    };
    assert_eq!(rotate(second).await, Ok(()));
    assert_eq!(rotate(third).await, Err(CommitError::Conflict));
    let now = accounts::family(&room.store, BOB, 3).unwrap().unwrap();
    assert!(now.current.verifies("2") && now.previous.unwrap().verifies("1"));
    assert_eq!(accounts::families(&room.store, Some(BOB), None, 9), Ok(vec![now.clone()]));
    assert_eq!(accounts::families(&room.store, Some(EVE), None, 9), Ok(vec![]));
    assert_eq!(accounts::families(&room.store, None, Some(&now), 9), Ok(vec![]));
    commit(&room, |batch| accounts::remove_family(batch, BOB, 3)).await.unwrap();
    assert_eq!(accounts::family(&room.store, BOB, 3), Ok(None));
}

#[tokio::test]
async fn tokens_and_clients_are_found_by_what_they_present() {
    let room = Room::new();
    let token = ApiToken {
        user: BOB,
        label: "phone".into(),
        hash: SecretHash::of("secret"),
        scope: "all".into(),
        created_ms: 1,
        expires_ms: None,
    };
    let client = ClientCredential {
        user: BOB,
        label: "node-red".into(),
        hash: SecretHash::of("password"),
        created_ms: 1,
        scope: TopicScope { publish: None, subscribe: Some(["t/#".into()].into()) },
    };
    commit(&room, |batch| credentials::create_token(batch, &token)).await.unwrap();
    commit(&room, |batch| credentials::create_client(batch, &client)).await.unwrap();
    let again = commit(&room, |batch| credentials::create_client(batch, &client)).await;
    assert_eq!(again, Err(CommitError::Conflict));

    let presented = SecretHash::of("secret");
    assert_eq!(credentials::token_of(&room.store, &presented), Ok(Some(token.clone())));
    assert_eq!(credentials::tokens(&room.store, BOB, 9), Ok(vec![token.clone()]));
    assert_eq!(credentials::client(&room.store, BOB, "node-red"), Ok(Some(client.clone())));
    assert_eq!(credentials::client(&room.store, EVE, "node-red"), Ok(None));
    assert_eq!(credentials::clients(&room.store, BOB, 9), Ok(vec![client]));
    commit(&room, |batch| credentials::remove_token(batch, &token)).await.unwrap();
    commit(&room, |batch| credentials::remove_client(batch, BOB, "node-red")).await.unwrap();
    assert_eq!(credentials::token_of(&room.store, &presented), Ok(None));
    assert_eq!(credentials::clients(&room.store, BOB, 9), Ok(vec![]));
}

#[tokio::test]
async fn the_signing_key_is_made_once_and_the_admin_link_used_once() {
    let room = Room::new();
    let (one, other) = (SigningKey([1; 32]), SigningKey([2; 32]));
    let make = |key| commit(&room, move |batch| credentials::create_signing_key(batch, key));
    assert_eq!(make(&one).await, Ok(()));
    assert_eq!(make(&other).await, Err(CommitError::Conflict));
    assert_eq!(credentials::signing_key(&room.store), Ok(Some(one)));

    let link = SecretHash::of("link");
    commit(&room, |batch| credentials::put_admin_link(batch, &link)).await.unwrap();
    let read = credentials::admin_link(&room.store).unwrap().unwrap();
    let take = || commit(&room, |batch| credentials::use_admin_link(batch, &read));
    assert_eq!(take().await, Ok(()));
    assert_eq!(take().await, Err(CommitError::Conflict));
    assert_eq!(credentials::admin_link(&room.store), Ok(None));
}

#[tokio::test]
async fn a_device_is_found_by_its_owner_and_its_secret_verifies() {
    let room = Room::new();
    let secret = Secret::from_random([9; 16]);
    let hash = secret.hash();
    commit(&room, |batch| devices::create(batch, &device(LAMP), &hash)).await.unwrap();
    let again = commit(&room, |batch| devices::create(batch, &device(LAMP), &hash)).await;
    assert_eq!(again, Err(CommitError::Conflict));
    let room = room.reopen();
    assert_eq!(devices::get(&room.store, LAMP), Ok(Some(device(LAMP))));
    assert_eq!(devices::list(&room.store, None, 9), Ok(vec![device(LAMP)]));
    assert_eq!(devices::owned_by(&room.store, BOB, None, 9), Ok(vec![LAMP]));
    assert_eq!(devices::owned_by(&room.store, BOB, Some(LAMP), 9), Ok(vec![]));
    assert_eq!(devices::owned_by(&room.store, EVE, None, 9), Ok(vec![]));
    assert!(devices::secret(&room.store, LAMP).unwrap().unwrap().verifies(secret.reveal()));
}

#[tokio::test]
async fn open_commands_and_timers_are_known_at_the_start_and_old_ones_go() {
    let room = Room::new();
    commit(&room, |batch| {
        for rev in 1..=120 {
            devices::put_command(batch, LAMP, &command(rev, Phase::Accepted));
        }
        devices::put_timer(batch, DeviceId(71), Some(50));
        devices::put_timer(batch, DeviceId(72), Some(60));
    })
    .await
    .unwrap();
    commit(&room, |batch| {
        for rev in 2..=119 {
            devices::put_command(batch, LAMP, &command(rev, Phase::Applied));
        }
        devices::put_timer(batch, DeviceId(72), None);
    })
    .await
    .unwrap();
    let room = room.reopen();
    let work = devices::with_work(&room.store).unwrap();
    assert_eq!(work, [(LAMP, None), (DeviceId(71), Some(50))]);
    let open = devices::open_commands(&room.store, LAMP).unwrap();
    assert_eq!(open, [command(1, Phase::Accepted), command(120, Phase::Accepted)]);

    let mut batch = Batch::new();
    assert_eq!(devices::prune_commands(&room.store, &mut batch, LAMP), Ok(18));
    room.commit(batch).await.unwrap();
    let left = devices::commands(&room.store, LAMP).unwrap();
    let revs: Vec<u64> = left.iter().map(|command| command.rev).collect();
    assert!(revs.iter().copied().eq([1].into_iter().chain(20..=120)), "{revs:?}");
}

#[tokio::test]
async fn whose_devices_were_announced_is_known_and_which() {
    let room = Room::new();
    commit(&room, |batch| {
        for (owner, device) in [(BOB, LAMP), (BOB, DeviceId(71)), (EVE, DeviceId(72))] {
            devices::note_announced(batch, owner, device);
        }
    })
    .await
    .unwrap();
    assert_eq!(devices::with_announced(&room.store), Ok(vec![BOB, EVE]));
    assert_eq!(devices::announced_to(&room.store, BOB, 9), Ok(vec![LAMP, DeviceId(71)]));
    assert_eq!(devices::announced_to(&room.store, UserId(99), 9), Ok(vec![]));
}

#[tokio::test]
async fn a_grant_is_seen_from_both_sides_and_a_removed_device_leaves_nothing() {
    let room = Room::new();
    let grant = Grant { role: Role::Operator, until_ms: Some(9) };
    commit(&room, |batch| {
        devices::create(batch, &device(LAMP), &SecretHash::of("s"));
        devices::put_command(batch, LAMP, &command(1, Phase::Accepted));
        devices::put_command(batch, LAMP, &command(2, Phase::Failed));
        devices::put_timer(batch, LAMP, Some(1));
        devices::put_grant(batch, LAMP, EVE, &grant);
        devices::note_announced(batch, BOB, LAMP);
    })
    .await
    .unwrap();
    assert_eq!(devices::grant(&room.store, LAMP, EVE), Ok(Some(grant)));
    assert_eq!(devices::grants(&room.store, LAMP), Ok(vec![(EVE, grant)]));
    assert_eq!(devices::shared_with(&room.store, EVE, None, 9), Ok(vec![LAMP]));

    let mut batch = Batch::new();
    devices::remove(&room.store, &mut batch, BOB, LAMP).unwrap();
    room.commit(batch).await.unwrap();
    let left = room.store.page(&Key::from_bytes(&[]), None, 9).unwrap();
    let left: Vec<_> = left.iter().map(|(key, _)| key.table()).collect();
    assert_eq!(left, [Some(Table::Meta)], "only the schema's version is left");
}

#[tokio::test]
async fn a_topic_space_keeps_what_its_user_put_there_and_no_one_else() {
    let room = Room::new();
    let long = "a/".repeat(20_000);
    commit(&room, |batch| {
        mqtt::put(batch, Shelf::Retained, BOB, &long, &words("long"));
        mqtt::put(batch, Shelf::Retained, EVE, "b", &words("eve's"));
        mqtt::put(batch, Shelf::Sessions, BOB, "b", &words("session"));
        for number in [7, 300, 8] {
            mqtt::put_queued(batch, BOB, "b", number, &words("queued"));
        }
        mqtt::put_queued(batch, BOB, "c", 9, &words("another's"));
    })
    .await
    .unwrap();
    let room = room.reopen();
    let all = |shelf, user| mqtt::all::<SecretHash>(&room.store, shelf, user).unwrap();
    assert_eq!(all(Shelf::Retained, BOB), [words("long")]);
    assert_eq!(all(Shelf::Sessions, BOB), [words("session")]);
    let queue = mqtt::queued::<SecretHash>(&room.store, BOB, "b").unwrap();
    assert_eq!(queue.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [7, 8, 300]);
    assert_eq!(mqtt::users_with_sessions(&room.store), Ok(vec![BOB]));
    commit(&room, |batch| mqtt::remove(batch, Shelf::Retained, BOB, &long)).await.unwrap();
    assert_eq!(all(Shelf::Retained, BOB), []);
    assert_eq!(all(Shelf::Retained, EVE), [words("eve's")]);
}

/// A record that differs by its words.
fn words(words: &str) -> SecretHash {
    SecretHash::of(words.as_bytes())
}

#[tokio::test]
async fn a_certificate_is_one_devices_until_it_is_replaced_or_the_device_goes() {
    let room = Room::new();
    let (first, second) = (Fingerprint::of(b"first"), Fingerprint::of(b"second"));
    let cooker = DeviceId(71);
    commit(&room, |batch| devices::create(batch, &device(LAMP), &SecretHash::of("s")))
        .await
        .unwrap();
    let claim = |device, old, new| {
        commit(&room, move |batch| certificates::replace(batch, device, old, Some(new)))
    };
    claim(LAMP, None, &first).await.unwrap();
    assert_eq!(claim(cooker, None, &first).await, Err(CommitError::Conflict));
    assert_eq!(claim(LAMP, None, &second).await, Err(CommitError::Conflict));
    claim(LAMP, Some(&first), &first).await.unwrap();
    claim(LAMP, Some(&first), &second).await.unwrap();
    assert_eq!(certificates::device_of(&room.store, &first), Ok(None));
    assert_eq!(certificates::device_of(&room.store, &second), Ok(Some(LAMP)));
    commit(&room, |batch| devices::remove(&room.store, batch, BOB, LAMP).unwrap()).await.unwrap();
    assert_eq!(certificates::device_of(&room.store, &second), Ok(None));
    assert_eq!(certificates::of(&room.store, LAMP), Ok(None));
}

#[test]
fn a_credential_of_the_first_version_is_for_every_topic() {
    let older = (BOB, "node-red", SecretHash::of("password"), 7_i64);
    let row = postcard::to_extend(&older, vec![1]).unwrap();
    let key = Key::new(Table::ClientCredential);
    let read: ClientCredential = record::decode(&key, &row).unwrap();
    assert_eq!((&*read.label, read.created_ms), ("node-red", 7));
    assert_eq!(read.scope, TopicScope::default());
}
