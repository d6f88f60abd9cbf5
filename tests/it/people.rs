//! Signing in and out.

use serde_json::json;

use crate::support::{Open, PASSWORD, Person, rest};

#[tokio::test]
async fn a_name_is_taken_once_whatever_its_case() {
    let open = Open::new().await;
    open.person("bob").await;
    let again = json!({"username": "BOB", "password": PASSWORD});
    let refused = rest(open.house.http, "POST", "/auth/register", None, Some(&again), &[]).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("username_taken")));
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_sign_in() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let refresh = async |token: &str| {
        let body = json!({ "refresh_token": token });
        rest(bob.http, "POST", "/auth/refresh", None, Some(&body), &[]).await
    };
    let renewed = refresh(&bob.refresh).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let newer = renewed.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&newer).await.status, 200);
    assert_eq!(refresh(&newer).await.status, 401, "a spent token is none");
    assert_eq!(bob.ask("GET", "/auth/me", None).await.status, 401, "the sign-in has ended");
}

#[tokio::test]
async fn signing_out_closes_the_sign_ins_tabs_and_no_others() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let phone = Person::login(bob.http, bob.mqtt, "bob").await;
    let (mut tab, mut phone_tab) = (bob.tab().await, phone.tab().await);
    tab.frame().await;
    phone_tab.frame().await;
    assert_eq!(bob.ask("POST", "/auth/logout", None).await.status, 204);
    assert_eq!(tab.closed().await, 4401);
    phone_tab.say(&json!({"type": "ping"})).await;
    phone_tab.wait_for(|frame| frame["type"] == "pong").await;
    assert_eq!(bob.ask("GET", "/devices", None).await.status, 401);
}

#[tokio::test]
async fn a_browser_gets_its_refresh_token_out_of_reach_of_scripts() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let who = json!({"username": "bob", "password": PASSWORD});
    let headers = [("sec-fetch-site", "same-origin")];
    let granted = rest(bob.http, "POST", "/auth/login", None, Some(&who), &headers).await;
    assert!(granted.json()["refresh_token"].is_null());
    let cookie = granted.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let renewed =
        rest(bob.http, "POST", "/auth/refresh", None, None, &[("cookie", cookie.as_str())]).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
}

#[tokio::test]
async fn who_guesses_passwords_has_to_wait() {
    let open = Open::with(&[("AUTH__ACCOUNT_FAILURES_MAX", "3")]).await;
    let bob = open.person("bob").await;
    let guess = json!({"username": "bob", "password": "not the password"});
    for _ in 0..3 {
        let refused = rest(bob.http, "POST", "/auth/login", None, Some(&guess), &[]).await;
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    let refused = rest(bob.http, "POST", "/auth/login", None, Some(&guess), &[]).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let ticket = bob.ask("POST", "/auth/ticket", None).await.json();
    let ticket = ticket["ticket"].as_str().unwrap();
    crate::support::Tab::open(bob.http, ticket).await.frame().await;
    let again = format!("ws://{}/ws?token={ticket}", bob.http);
    assert!(tokio_tungstenite::connect_async(again).await.is_err());
}
