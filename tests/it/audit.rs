//! The audit: who did what, when, from where, to which device.

use hearth::store::secret::Secret;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::{Open, PASSWORD, Person, Thing, rest, until};

fn path(lamp: &Thing) -> String {
    format!("/devices/{}/audit", lamp.id)
}

/// What the owner reads once an action is among it, oldest first.
async fn lines_with(owner: &Person, lamp: &Thing, action: &str) -> Vec<Json> {
    until(|| async {
        let lines = lines(owner, lamp).await;
        lines.iter().any(|line| line["action"] == action).then_some(lines)
    })
    .await
}

/// What the owner reads, oldest first.
async fn lines(owner: &Person, lamp: &Thing) -> Vec<Json> {
    let read = owner.ask("GET", &path(lamp), None).await;
    assert_eq!(read.status, 200, "{read:?}");
    let mut lines = read.json().as_array().unwrap().clone();
    lines.reverse();
    lines
}

fn actions(lines: &[Json]) -> Vec<&str> {
    lines.iter().map(|line| line["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_owner_reads_who_did_what_and_from_where() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    let grants = format!("/devices/{}/grants/bob", lamp.id);
    ann.ask("PUT", &grants, Some(json!({"role": "operator"}))).await;
    let wish = json!({"ref": "r7", "desired": {"brightness": 40}});
    assert_eq!(bob.ask("PATCH", &format!("/devices/{}", lamp.id), Some(wish)).await.status, 200);
    ann.ask("POST", &format!("/devices/{}/secret", lamp.id), None).await;
    ann.ask("DELETE", &grants, None).await;
    let lines = lines_with(&ann, &lamp, "cancelled").await;
    let expected = ["created", "granted", "commanded", "secret_changed", "revoked", "cancelled"];
    assert_eq!(actions(&lines), expected, "{lines:#?}");
    let command = &lines[2];
    assert_eq!(
        (&command["who"], &command["via"], &command["from"], &command["ref"]),
        (&json!("bob"), &json!("session"), &json!("127.0.0.1"), &json!("r7"))
    );
    assert_eq!(command["detail"], json!({"brightness": 40, "on": true}));
    assert_eq!(command["device"], lamp.id);
    assert_eq!(lines[1]["detail"], json!({"username": "bob", "role": "operator"}));
    assert_eq!((&lines[5]["who"], &lines[5]["ref"]), (&json!("server"), &json!("r7")));
}

#[tokio::test]
async fn a_programs_commands_are_told_from_its_users() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let new = json!({"label": "button", "scope": "control"});
    let made = ann.ask("POST", "/tokens", Some(new)).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    let button = Person { token, ..ann.clone() };
    button.want(&lamp, json!({"on": true})).await;
    let lines = lines(&ann, &lamp).await;
    assert_eq!(
        (&lines[1]["who"], &lines[1]["via"], &lines[1]["label"]),
        (&json!("ann"), &json!("token"), &json!("button"))
    );
    assert_eq!(button.ask("GET", &path(&lamp), None).await.status, 403);
}

#[tokio::test]
async fn only_an_owner_reads_a_devices_audit() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let lamp = ann.add("light", "lamp").await;
    assert_eq!(bob.ask("GET", &path(&lamp), None).await.status, 404);
    let grants = format!("/devices/{}/grants/bob", lamp.id);
    ann.ask("PUT", &grants, Some(json!({"role": "operator"}))).await;
    assert_eq!(bob.ask("GET", &path(&lamp), None).await.status, 403);
    ann.ask("PUT", &grants, Some(json!({"role": "owner"}))).await;
    assert_eq!(bob.ask("GET", &path(&lamp), None).await.status, 200);
    assert_eq!(bob.ask("GET", "/admin/audit", None).await.status, 403);
}

#[tokio::test]
async fn what_a_device_refuses_is_in_its_audit() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    ann.want(&lamp, json!({"brightness": 90})).await;
    link.set().await;
    link.publish("refused", br#"{"brightness":"too hot"}"#).await;
    let lines = lines_with(&ann, &lamp, "refused").await;
    let refused = lines.last().unwrap();
    assert_eq!((&refused["action"], &refused["via"]), (&json!("refused"), &json!("device")));
    assert!(refused["detail"]["reason"].as_str().unwrap().contains("too hot"), "{refused}");
}

/// An administrator of an open house.
async fn admin(open: &Open) -> Person {
    let root = open.person("root").await;
    let mut user = hearth::store::accounts::user_named(&open.house.store, "root").unwrap().unwrap();
    user.admin = true;
    let mut batch = hearth::store::Batch::new();
    hearth::store::accounts::put_user(&mut batch, &user);
    open.house.store.commit(batch).await.unwrap();
    Person::login(root.http, root.mqtt, "root").await
}

/// What the administrator reads of one action, oldest first.
async fn told(root: &Person, action: &str) -> Vec<Json> {
    let read = root.ask("GET", "/admin/audit?limit=1000", None).await;
    assert!(!read.text.contains(PASSWORD), "{read:?}");
    let of = |line: &&Json| line["action"] == action;
    let mut lines: Vec<_> = read.json().as_array().unwrap().iter().filter(of).cloned().collect();
    lines.reverse();
    lines
}

/// Who did it, how and from where: `bob session 127.0.0.1`.
fn by(line: &Json) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    assert!(line["at"].as_i64().unwrap() > 1_700_000_000_000, "{line}");
    format!("{} {} {}", word("who"), word("via"), word("from"))
}

#[tokio::test]
async fn a_certificate_that_is_changed_or_taken_away_is_in_its_devices_audit() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    let certificate = format!("/devices/{}/certificate", lamp.id);
    let fingerprint = "ab".repeat(32);
    let asked = json!({ "fingerprint": fingerprint });
    assert_eq!(ann.ask("PUT", &certificate, Some(asked)).await.status, 200);
    assert_eq!(ann.ask("DELETE", &certificate, None).await.status, 204);
    let lines = lines(&ann, &lamp).await;
    assert_eq!(actions(&lines), ["created", "certificate_changed", "certificate_changed"]);
    assert_eq!(by(&lines[1]), "ann session 127.0.0.1");
    let noted = lines[1]["detail"]["fingerprint"].as_str().unwrap().replace(':', "");
    assert!(noted.eq_ignore_ascii_case(&fingerprint), "{noted}");
    assert_eq!(
        (by(&lines[2]).as_str(), &lines[2]["detail"]),
        ("ann session 127.0.0.1", &Json::Null)
    );
}

#[tokio::test]
async fn a_kill_is_in_the_audit_before_it_is_done_and_one_that_is_refused_is_not() {
    let open = Open::new().await;
    let root = admin(&open).await;
    let kill =
        async |path: &str| root.ask("POST", &format!("/admin/tree/{path}/kill"), None).await.status;
    assert_eq!(kill("hearth/devices").await, 409);
    assert_eq!(kill("devices/7").await, 409);
    assert_eq!(kill("memory/store").await, 204, "the very one that notes it");
    let lines = until(|| async {
        let read = root.ask("GET", "/admin/audit", None).await;
        (read.status == 200).then_some(())?;
        Some(told(&root, "killed").await).filter(|lines| !lines.is_empty())
    })
    .await;
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(by(&lines[0]), "root session 127.0.0.1");
    assert_eq!(lines[0]["detail"], json!({"parent": "memory", "name": "store"}));
}

#[tokio::test]
async fn a_new_password_is_in_the_audit_and_neither_password_is() {
    let open = Open::new().await;
    let (root, ann) = (admin(&open).await, open.person("ann").await);
    let asked = json!({"current": PASSWORD, "new": "cold and wet feet"});
    assert_eq!(ann.ask("POST", "/auth/password", Some(asked)).await.status, 204);
    let lines = told(&root, "password_changed").await;
    assert_eq!(lines.iter().map(by).collect::<Vec<_>>(), ["ann session 127.0.0.1"]);
    let read = root.ask("GET", "/admin/audit", None).await;
    assert!(!read.text.contains("cold and wet feet"), "{read:?}");
}

#[tokio::test]
async fn what_is_given_to_a_program_and_taken_back_is_in_the_audit_and_no_secret_is() {
    let open = Open::new().await;
    let (root, ann) = (admin(&open).await, open.person("ann").await);
    for (path, made, taken) in [
        ("/tokens", "token_created", "token_revoked"),
        ("/clients", "client_created", "client_revoked"),
    ] {
        let new = ann.ask("POST", path, Some(json!({"label": "grafana"}))).await.json();
        assert_eq!(ann.ask("DELETE", &format!("{path}/grafana"), None).await.status, 204);
        for action in [made, taken] {
            let lines = told(&root, action).await;
            assert_eq!(lines.iter().map(by).collect::<Vec<_>>(), ["ann session 127.0.0.1"]);
            assert_eq!(lines[0]["detail"]["label"], "grafana");
        }
        let secret = new["token"].as_str().or(new["password"].as_str()).unwrap();
        let secret = secret.trim_start_matches("hearth_");
        let read = root.ask("GET", "/admin/audit", None).await;
        assert!(!read.text.contains(secret), "{read:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_in_the_audit_whoever_asks_for_it() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("backups").display().to_string();
    let open = Open::with(&[("BACKUP__PATH", place.as_str()), ("BACKUP__KEPT_MAX", "1")]).await;
    let root = admin(&open).await;
    assert_eq!(root.ask("POST", "/admin/backup", None).await.status, 201);
    let refused = root.ask("POST", "/admin/backup", None).await;
    assert_eq!(refused.json()["code"], "too_many_backups", "{refused:?}");
    let secret = Secret::from_random([7; 16]);
    open.house.view.admits(secret.hash());
    let to = json!({"to": folder.path().join("copy")});
    let token = Some(secret.reveal());
    let made = rest(root.http, "POST", "/admin/backup", token, Some(&to), &[]).await;
    assert_eq!(made.status, 201, "{made:?}");
    let lines = told(&root, "backed_up").await;
    let who: Vec<_> = lines.iter().map(by).collect();
    assert_eq!(who, ["root session 127.0.0.1", "server server 127.0.0.1"]);
    assert_eq!(lines[1]["detail"]["path"], to["to"]);
}

#[tokio::test]
async fn an_administrator_reads_everything_page_by_page() {
    let open = Open::new().await;
    let (root, ann) = (admin(&open).await, open.person("ann").await);
    let lamp = ann.add("light", "lamp").await;
    for level in 1..=5 {
        ann.want(&lamp, json!({ "brightness": level })).await;
    }
    ann.ask("DELETE", &format!("/devices/{}", lamp.id), None).await;
    let (mut path, mut all) = (Some("/admin/audit?limit=3".to_owned()), Vec::new());
    while let Some(page) = path.take() {
        let read = root.ask("GET", &page, None).await;
        assert_eq!(read.status, 200, "{read:?}");
        all.extend(read.json().as_array().unwrap().clone());
        let link = read.header("link");
        path = link.map(|link| link.split(['<', '>']).nth(1).unwrap().to_owned());
    }
    let times: Vec<i64> = all.iter().map(|line| line["at"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    assert_eq!(all[0]["action"], "deleted");
    let of_lamp = all.iter().filter(|line| line["device"] == lamp.id).count();
    assert_eq!(of_lamp, 7, "{all:#?}");
    for action in ["registered", "signed_in"] {
        let by_ann = |line: &&Json| line["action"] == action && line["who"] == "ann";
        assert_eq!(all.iter().filter(by_ann).count(), 1, "{action}");
    }
}

#[tokio::test]
async fn sign_ins_that_fail_are_told_twice_at_most_and_never_with_a_password() {
    let open = Open::with(&[("AUTH__ACCOUNT_FAILURES_MAX", "3")]).await;
    let root = admin(&open).await;
    open.person("ann").await;
    let guess = json!({"username": "ann", "password": "not the password"});
    for _ in 0..5 {
        rest(root.http, "POST", "/auth/login", None, Some(&guess), &[]).await;
    }
    let read = until(|| async {
        let read = root.ask("GET", "/admin/audit", None).await;
        read.text.contains("sign_in_locked").then_some(read)
    })
    .await;
    assert!(!read.text.contains(PASSWORD) && !read.text.contains("not the password"));
    let lines = read.json();
    let lines = lines.as_array().unwrap();
    let count = |action: &str| lines.iter().filter(|line| line["action"] == action).count();
    assert_eq!((count("sign_in_failed"), count("sign_in_locked")), (1, 1), "{lines:#?}");
}

#[tokio::test]
async fn the_audit_of_a_device_keeps_its_newest_entries() {
    let open = Open::with(&[("AUDIT__ROWS_MAX", "10")]).await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    for level in 0..90 {
        ann.want(&lamp, json!({ "brightness": level + 1 })).await;
    }
    let lines = lines(&ann, &lamp).await;
    assert!((10..10 + 32 + 1).contains(&lines.len()), "{}", lines.len());
    assert_eq!(lines.last().unwrap()["detail"]["brightness"], 90);
    let dropped = open.metric("hearth_audit_dropped_total").await;
    assert!(dropped >= 91.0 - 43.0, "{dropped}");
}

#[tokio::test]
async fn a_page_that_is_none_is_refused() {
    let open = Open::new().await;
    let ann = open.person("ann").await;
    let lamp = ann.add("light", "lamp").await;
    for query in ["limit=0", "limit=1001", "after=yesterday", "until=5"] {
        let refused = ann.ask("GET", &format!("{}?{query}", path(&lamp)), None).await;
        assert_eq!(refused.status, 422, "{query}: {refused:?}");
    }
}
