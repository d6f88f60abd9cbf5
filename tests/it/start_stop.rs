//! Starting and stopping, as an operator sees it.

use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;

use crate::process::{Server, hearth};
use crate::support::{Person, Tab, rest};

#[tokio::test]
async fn a_server_on_an_empty_folder_is_ready_and_ends_well() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let ready = rest(server.http, "GET", "/health/ready", None, None, &[]).await;
    assert_eq!(ready.status, 200);
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    let mut tab: Tab = bob.tab().await;
    tab.frame().await;
    let ended = tokio::task::spawn_blocking(move || server.terminate());
    let bye = tab.wait_for(|frame| frame["type"] == "bye").await;
    assert!(bye["reconnect_in_ms"].is_u64());
    assert_eq!(ended.await.unwrap(), Some(0));
}

#[tokio::test]
async fn the_first_administrator_comes_by_a_link_that_works_once() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let setup = server.said[0].rsplit('=').next().unwrap().to_owned();
    let register = async |name: &str| {
        let who = json!({"username": name, "password": "warm and dry feet", "setup": setup});
        rest(server.http, "POST", "/auth/register", None, Some(&who), &[]).await
    };
    let made = register("root").await;
    assert_eq!((made.status, made.json()["admin"].clone()), (201, json!(true)));
    assert_eq!(register("thief").await.status, 403);
    let root = Person::login(server.http, server.mqtt, "root").await;
    assert_eq!(root.ask("GET", "/admin/tree", None).await.status, 200);
    let bob = Person::register(server.http, server.mqtt, "bob").await;
    assert_eq!(bob.ask("GET", "/admin/tree", None).await.status, 403);
    server.kill();
}

#[test]
fn a_second_server_on_the_same_store_is_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let second = hearth(folder.path()).arg("serve").stderr(Stdio::piped()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another") || said.contains("in use"), "{said}");
    server.kill();
}

#[test]
fn a_taken_port_is_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = hearth(folder.path())
        .arg("serve")
        .env("HEARTH__HTTP__LISTEN", &address)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(&address));
}

#[test]
fn everything_wrong_with_a_configuration_is_said_at_once() {
    let folder = TempDir::new().unwrap();
    let text = "[http]\nlisten = \"nowhere\"\n[mqtt]\ncolour = 1\n[auth]\nticket_s = -1\n";
    std::fs::write(folder.path().join("config.toml"), text).unwrap();
    for command in ["check-config", "serve"] {
        let refused = hearth(folder.path())
            .arg(command)
            .env_remove("HEARTH__HTTP__LISTEN")
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(2), "{command}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        for key in ["http.listen", "mqtt.colour", "auth.ticket_s"] {
            assert!(said.contains(key), "{command}: {key} in {said}");
        }
    }
}
