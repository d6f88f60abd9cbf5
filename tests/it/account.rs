//! A person's own account: where it is signed in, and its password.

use serde_json::json;

use crate::support::{Open, Person, rest};

const PASSWORD: &str = "warm and dry feet";

#[tokio::test]
async fn a_sign_in_that_is_ended_elsewhere_is_over_and_the_others_go_on() {
    let open = Open::new().await;
    let mine = open.person("bob").await;
    let lost = Person::login(mine.http, mine.mqtt, "bob").await;
    let mut tab = lost.tab().await;
    tab.frame().await;
    let logins = mine.ask("GET", "/auth/sessions", None).await.json();
    let logins = logins.as_array().unwrap();
    assert_eq!(logins.len(), 2);
    let other = logins.iter().find(|login| login["current"] == false).unwrap();
    let path = format!("/auth/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(mine.ask("DELETE", &path, None).await.status, 204);
    assert_eq!(tab.closed().await, 4401);
    assert_eq!(lost.ask("GET", "/auth/me", None).await.status, 401);
    assert_eq!(mine.ask("GET", "/auth/me", None).await.status, 200);
    assert_eq!(mine.ask("DELETE", &path, None).await.status, 404);
}

#[tokio::test]
async fn nobody_ends_a_strangers_sign_in() {
    let open = Open::new().await;
    let (ann, bob) = (open.person("ann").await, open.person("bob").await);
    let logins = ann.ask("GET", "/auth/sessions", None).await.json();
    let path = format!("/auth/sessions/{}", logins[0]["id"].as_str().unwrap());
    assert_eq!(bob.ask("DELETE", &path, None).await.status, 404);
    assert_eq!(ann.ask("GET", "/auth/me", None).await.status, 200);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_every_other_sign_in() {
    let open = Open::new().await;
    let mine = open.person("bob").await;
    let other = Person::login(mine.http, mine.mqtt, "bob").await;
    let change = async |current: &str, new: &str| {
        let asked = json!({"current": current, "new": new});
        mine.ask("POST", "/auth/password", Some(asked)).await.status
    };
    assert_eq!(change("not this one", "cold and wet feet").await, 403);
    assert_eq!(change(PASSWORD, "short").await, 422);
    assert_eq!(other.ask("GET", "/auth/me", None).await.status, 200, "nothing has happened yet");
    assert_eq!(change(PASSWORD, "cold and wet feet").await, 204);
    assert_eq!(other.ask("GET", "/auth/me", None).await.status, 401);
    assert_eq!(mine.ask("GET", "/auth/me", None).await.status, 200);
    let old = json!({"username": "bob", "password": PASSWORD});
    let answer = rest(mine.http, "POST", "/auth/login", None, Some(&old), &[]).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn guesses_at_the_old_password_are_slowed_like_any_others() {
    let open = Open::with(&[("AUTH__ACCOUNT_FAILURES_MAX", "2")]).await;
    let mine = open.person("bob").await;
    let asked = json!({"current": "not this one", "new": "cold and wet feet"});
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(mine.ask("POST", "/auth/password", Some(asked.clone())).await.status);
    }
    assert_eq!(answers, [403, 403, 429]);
}
