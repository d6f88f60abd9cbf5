//! Backups: made while everything goes on, whole or not at all, and good for a new server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use hearth::host::now_ms;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::process::{Server, hearth};
use crate::support::{Person, Thing, rest, soon, until};

/// Runs a command in `folder` to its end.
async fn command(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = hearth(folder);
    command.args(arguments).stderr(std::process::Stdio::piped());
    soon(async { tokio::task::spawn_blocking(move || command.output()).await.unwrap() })
        .await
        .unwrap()
}

async fn backup(folder: &Path) -> PathBuf {
    let made = command(folder, &["backup"]).await;
    assert!(made.status.success(), "{made:?}");
    PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A house with people, devices, rights and history, and what it answers.
struct Town {
    bob: Person,
    cellar: Thing,
    from_ms: i64,
    to_ms: i64,
}

impl Town {
    async fn build(server: &Server) -> Self {
        let bob = Person::register(server.http, server.mqtt, "bob").await;
        let ann = Person::register(server.http, server.mqtt, "ann").await;
        let cellar = bob.add("thermometer", "cellar").await;
        let lamp = bob.add("light", "lamp").await;
        ann.add("switch", "fan").await;
        let path = format!("/devices/{}/grants/ann", lamp.id);
        assert_eq!(bob.ask("PUT", &path, Some(json!({"role": "viewer"}))).await.status, 200);
        assert_eq!(bob.want(&lamp, json!({"on": true, "brightness": 30})).await.status, 200);
        let to_ms = now_ms();
        let from_ms = to_ms - 3_600_000;
        let mut link = cellar.connect().await;
        for i in 0..100 {
            let reading = json!({"temperature_c": 20 + i % 7, "ts": from_ms + i * 30_000});
            link.publish("telemetry", reading.to_string().as_bytes()).await;
        }
        link.report(json!({"battery_pct": 55})).await;
        let town = Self { bob, cellar, from_ms, to_ms };
        until(|| async { (town.history(&town.bob).await.len() == 100).then_some(()) }).await;
        town
    }

    async fn history(&self, bob: &Person) -> Vec<Json> {
        let id = self.cellar.id;
        let path = format!("/devices/{id}/history?property=temperature_c&step=0");
        let path = format!("{path}&from={}&to={}", self.from_ms, self.to_ms);
        // Right after a start, history is still being read back.
        let answer = until(|| async {
            let answer = bob.ask("GET", &path, None).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        answer.json()["points"].as_array().unwrap().clone()
    }

    /// What `server` answers to those who sign in with the passwords they always had.
    async fn asked(&self, server: &Server) -> Json {
        let mut answers = Vec::new();
        for name in ["bob", "ann"] {
            let person = Person::login(server.http, server.mqtt, name).await;
            let mut devices = person.ask("GET", "/devices", None).await.json();
            for device in devices.as_array_mut().unwrap() {
                // Whether a link is open is of the moment; the rest is kept.
                for member in ["connected", "last_seen", "status"] {
                    device.as_object_mut().unwrap().remove(member);
                }
                let path = format!("/devices/{}/commands", device["id"]);
                device["commands"] = person.ask("GET", &path, None).await.json();
            }
            answers.push(json!({"me": person.ask("GET", "/auth/me", None).await.json()}));
            answers.push(devices);
        }
        let bob = Person::login(server.http, server.mqtt, "bob").await;
        answers.push(self.history(&bob).await.into());
        answers.into()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_server_answers_as_the_one_that_was_backed_up_while_it_ran() {
    let (folder, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::start(folder.path());
    let town = Town::build(&server).await;
    let before = town.asked(&server).await;
    let backup = backup(folder.path()).await;
    // What comes after the backup is not in it.
    town.bob.add("light", "too late").await;
    assert_eq!(tokio::task::block_in_place(|| server.terminate()), Some(0));
    let restored = command(new.path(), &["restore", backup.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{restored:?}");
    let server = Server::start(new.path());
    assert!(server.said.is_empty(), "no link for a first administrator");
    assert_eq!(town.asked(&server).await, before);
    let cellar = Thing { mqtt: server.mqtt, ..town.cellar.clone() };
    cellar.connect().await.report(json!({"battery_pct": 54})).await;
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_stands_still_is_backed_up_as_well() {
    let (folder, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::start(folder.path());
    let town = Town::build(&server).await;
    let before = town.asked(&server).await;
    server.kill();
    let backup = backup(folder.path()).await;
    let restored = command(new.path(), &["restore", backup.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{restored:?}");
    let server = Server::start(new.path());
    assert_eq!(town.asked(&server).await, before);
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_not_whole_is_refused_and_leaves_the_store_empty() {
    let (folder, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::start(folder.path());
    Person::register(server.http, server.mqtt, "bob").await;
    let backup = backup(folder.path()).await;
    server.kill();
    let refused = async || {
        let answer = command(new.path(), &["restore", backup.to_str().unwrap()]).await;
        assert_eq!(answer.status.code(), Some(1));
        assert!(!new.path().join("data/control").exists(), "nothing was restored");
        said(&answer)
    };
    let image = backup.join("control.image");
    let whole = fs::read(&image).unwrap();
    fs::write(&image, &whole[..whole.len() - 1]).unwrap();
    assert!(refused().await.contains("control.image is not as it was written"));
    fs::remove_file(&image).unwrap();
    assert!(refused().await.contains("control.image"));
    fs::write(&image, &whole).unwrap();
    let sums = fs::read(backup.join("SHA256SUMS")).unwrap();
    fs::write(backup.join("SHA256SUMS"), &sums[..sums.len() - 1]).unwrap();
    assert!(refused().await.contains("no whole backup"));
    fs::remove_file(backup.join("SHA256SUMS")).unwrap();
    assert!(refused().await.contains("no whole backup"));
    fs::write(backup.join("SHA256SUMS"), &sums).unwrap();
    let restored = command(new.path(), &["restore", backup.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{restored:?}");
    assert!(refused_because_it_is_full(new.path(), &backup).await);
}

async fn refused_because_it_is_full(new: &Path, backup: &Path) -> bool {
    let answer = command(new, &["restore", backup.to_str().unwrap()]).await;
    answer.status.code() == Some(1) && said(&answer).contains("not an empty folder")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_administrator_may_ask_for_a_backup_and_there_are_only_so_many() {
    let folder = TempDir::new().unwrap();
    let mut command = hearth(folder.path());
    let server = Server::of(command.env("HEARTH__BACKUP__KEPT_MAX", "1").spawn().unwrap());
    let setup = server.said[0].rsplit('=').next().unwrap();
    let who = json!({"username": "root", "password": "warm and dry feet", "setup": setup});
    rest(server.http, "POST", "/auth/register", None, Some(&who), &[]).await;
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    assert_eq!(bob.ask("POST", "/admin/backup", None).await.status, 403);
    let root = Person::login(server.http, server.mqtt, "root").await;
    let elsewhere = json!({"to": folder.path().join("elsewhere")});
    assert_eq!(root.ask("POST", "/admin/backup", Some(elsewhere)).await.status, 403);
    // What a crash left behind is taken away, and never counted.
    let crashed = folder.path().join("backups/backup-1.part");
    fs::create_dir_all(&crashed).unwrap();
    let made = root.ask("POST", "/admin/backup", None).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(Path::new(made.json()["path"].as_str().unwrap()).is_dir());
    assert!(!crashed.exists());
    let refused = root.ask("POST", "/admin/backup", None).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("too_many_backups")));
    let metrics = rest(server.http, "GET", "/metrics", None, None, &[]).await.text;
    assert!(metrics.contains("hearth_backups_refused_total 1\n"), "{metrics}");
    server.kill();
}

#[tokio::test]
async fn without_a_store_there_is_nothing_to_back_up() {
    let folder = TempDir::new().unwrap();
    let refused = command(folder.path(), &["backup"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("there is no store in data"), "{refused:?}");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_server_answers_as_the_one_that_was_exported_while_it_ran() {
    let (folder, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::start(folder.path());
    let town = Town::build(&server).await;
    let before = town.asked(&server).await;
    let exported = command(folder.path(), &["export", "--to", "out"]).await;
    assert!(exported.status.success(), "{exported:?}");
    let out = PathBuf::from(String::from_utf8(exported.stdout).unwrap().trim());
    server.kill();
    let imported = command(new.path(), &["import", out.to_str().unwrap()]).await;
    assert!(imported.status.success(), "{imported:?}");
    let server = Server::start(new.path());
    assert_eq!(town.asked(&server).await, before);
    let cellar = Thing { mqtt: server.mqtt, ..town.cellar.clone() };
    cellar.connect().await.report(json!({"battery_pct": 54})).await;
    assert_eq!(tokio::task::block_in_place(|| server.terminate()), Some(0));
    let again = command(new.path(), &["export", "--to", "again"]).await;
    assert!(again.status.success(), "a store that stands still: {again:?}");
    let csv = format!("history/{}.csv", town.cellar.id);
    let lines = |file: PathBuf| fs::read_to_string(file).unwrap().lines().count();
    assert_eq!(lines(out.join(&csv)), 1 + 100 + 1);
    assert_eq!(lines(new.path().join("again").join(&csv)), 1 + 100 + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_is_not_whole_is_refused_with_the_line_at_fault() {
    let (folder, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = Server::start(folder.path());
    let town = Town::build(&server).await;
    server.kill();
    let exported = command(folder.path(), &["export", "--to", "out"]).await;
    assert!(exported.status.success(), "{exported:?}");
    let house = folder.path().join("out/house.jsonl");
    let csv = folder.path().join(format!("out/history/{}.csv", town.cellar.id));
    let break_up = async |file: &Path, broken: &dyn Fn(&str) -> String, words: &str| {
        let whole = fs::read_to_string(file).unwrap();
        fs::write(file, broken(&whole)).unwrap();
        let out = folder.path().join("out");
        let refused = command(new.path(), &["import", out.to_str().unwrap()]).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(words), "{words}: {}", said(&refused));
        assert!(!new.path().join("data/control").exists(), "nothing was imported");
        fs::write(file, whole).unwrap();
    };
    let without_end = |text: &str| text[..=text.trim_end().rfind('\n').unwrap()].to_owned();
    break_up(&house, &without_end, "its end is missing").await;
    break_up(&house, &|text| text.replace("\"format\":1", "\"format\":9"), "with the form 1").await;
    break_up(&house, &|text| text.replacen("\"user\"", "\"robot\"", 1), "house.jsonl:2").await;
    break_up(&csv, &|text| text.replace(",0,", ",x,"), ".csv:2").await;
    break_up(&csv, &|text| text.replacen("step_s", "step", 1), ".csv:1").await;
}
