//! The house from behind: what its administrator sees, and what a kill costs.

use hearth::model::User;
use hearth::store::{Batch, accounts};
use serde_json::{Value as Json, json};

use crate::support::{Open, Person, Tab, until};

async fn administrator(open: &Open) -> Person {
    let root = open.person("root").await;
    let user = accounts::user_named(&open.house.store, "root").unwrap().unwrap();
    let mut batch = Batch::new();
    accounts::put_user(&mut batch, &User { admin: true, ..user });
    open.house.store.commit(batch).await.unwrap();
    Person::login(root.http, root.mqtt, "root").await
}

fn child<'a>(tree: &'a Json, parent: &str, name: &str) -> Option<&'a Json> {
    let children = tree["children"].as_array().unwrap();
    children.iter().find(|child| child["parent"] == parent && child["name"] == name)
}

async fn kill(who: &Person, parent: &str, name: &str) -> (u16, Json) {
    let answer = who.ask("POST", &format!("/admin/tree/{parent}/{name}/kill"), None).await;
    let json = if answer.status == 204 { Json::Null } else { answer.json() };
    (answer.status, json["code"].clone())
}

#[tokio::test]
async fn the_tree_says_whose_each_actor_is_and_how_much_it_has_to_do() {
    let open = Open::new().await;
    let (root, bob) = (administrator(&open).await, open.person("bob").await);
    let lamp = bob.add("light", "Bob's \"lamp\"").await;
    let mut link = lamp.connect().await;
    link.report(json!({"on": true})).await;
    let tree = root.ask("GET", "/admin/tree", None).await.json();
    let actor = child(&tree, "devices", &lamp.id.to_string()).unwrap();
    assert_eq!((&actor["owner"], &actor["status"]), (&json!("bob"), &json!("running")));
    assert_eq!((&actor["description"], &actor["mortal"]), (&json!("Bob's \"lamp\""), &json!(true)));
    assert!(actor["mailbox"].is_u64(), "{actor}");
    let doors: Vec<_> = tree["connections"].as_array().unwrap().iter().collect();
    assert_eq!((&doors[0]["door"], &doors[0]["open"]), (&json!("mqtt"), &json!(1)));
}

#[tokio::test]
async fn the_tree_comes_live_until_the_sign_in_ends() {
    let open = Open::new().await;
    let (root, bob) = (administrator(&open).await, open.person("bob").await);
    let lamp = bob.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    let mut socket = Tab::open_at(root.http, "/admin/tree", &root.token).await;
    socket.wait_for(|tree| child(tree, "devices", &lamp.id.to_string()).is_some()).await;
    link.report(json!({"brightness": 7})).await;
    let paced = |tree: &Json| {
        let actor = child(tree, "devices", &lamp.id.to_string()).unwrap();
        actor["messages_per_s"].as_f64().is_some_and(|pace| pace > 0.0)
    };
    socket.wait_for(paced).await;
    assert_eq!(root.ask("POST", "/auth/logout", None).await.status, 204);
    assert_eq!(socket.closed().await, 4401);
}

#[tokio::test]
async fn nobody_else_sees_the_tree_or_kills() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    assert_eq!(bob.ask("GET", "/admin/tree", None).await.status, 403);
    assert_eq!(kill(&bob, "devices", &lamp.id.to_string()).await.0, 403);
    assert!(Tab::refused_at(bob.http, "/admin/tree", &bob.token).await.contains("403"));
    assert!(Tab::refused_at(bob.http, "/admin/tree", "stranger").await.contains("401"));
}

#[tokio::test]
async fn a_killed_device_is_started_again_and_its_neighbour_keeps_its_link() {
    let open = Open::new().await;
    let (root, bob) = (administrator(&open).await, open.person("bob").await);
    let (victim, other) = (bob.add("light", "victim").await, bob.add("light", "other").await);
    let (link, mut neighbour) = (victim.connect().await, other.connect().await);
    let id = victim.id.to_string();
    assert_eq!(kill(&root, "devices", &id).await.0, 204);
    link.closed().await;
    let back = until(|| async {
        let tree = root.ask("GET", "/admin/tree", None).await.json();
        child(&tree, "devices", &id).filter(|actor| actor["status"] == "running").cloned()
    });
    let actor = back.await;
    assert_eq!((&actor["restarts"], &actor["last_fault"]), (&json!(1), &json!("killed")));
    neighbour.report(json!({"on": true})).await;
    bob.sees(&other, |device| device["reported"]["on"] == true).await;
    assert!(neighbour.is_open());
    assert!(open.metric("hearth_kills_total").await >= 1.0);
}

#[tokio::test]
async fn what_can_not_be_killed_is_said_in_words() {
    let open = Open::new().await;
    let root = administrator(&open).await;
    for (parent, name, expected) in [
        ("hearth", "devices", (409, json!("holds_the_house"))),
        ("devices", "7", (409, json!("not_running"))),
        ("devices", "lamp", (404, json!("not_found"))),
        ("memory", "nobody", (404, json!("not_found"))),
        ("cellar", "store", (404, json!("not_found"))),
    ] {
        assert_eq!(kill(&root, parent, name).await, expected, "{parent}/{name}");
    }
}

#[tokio::test]
async fn rooms_are_killed_one_at_a_time_so_that_the_house_does_not_give_up() {
    let open = Open::new().await;
    let root = administrator(&open).await;
    assert_eq!(kill(&root, "doors", "sweep").await.0, 204);
    assert_eq!(kill(&root, "memory", "stats").await.0, 429);
    until(|| async {
        let tree = root.ask("GET", "/admin/tree", None).await.json();
        child(&tree, "doors", "sweep").filter(|room| room["status"] == "running").cloned()
    })
    .await;
}
