//! What devices were like: as JSON, as CSV, as a picture, and in step with what is heard live.

use hearth::host::now_ms;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Open, Person, Thing, raw, rest, soon, until};

/// A thermometer with readings of the last minutes, ten seconds apart.
async fn thermometer(open: &Open, bob: &Person, readings: u32) -> Thing {
    let thing = bob.add("thermometer", "Bob's <cellar>").await;
    let link = thing.connect().await;
    let start_ms = now_ms() - i64::from(readings) * 10_000;
    for i in 0..readings {
        let ts = start_ms + i64::from(i) * 10_000;
        let reading = json!({"temperature_c": 20.0 + f64::from(i) / 10.0, "ts": ts});
        link.publish("telemetry", reading.to_string().as_bytes()).await;
    }
    let kept = u64::from(readings);
    until(|| async { (open.house.stats.totals().readings >= kept).then_some(()) }).await;
    soon(open.house.stats.settle()).await;
    thing
}

/// As a program that reads to the end asks (HTTP 1.0: the body is all until the end).
async fn csv(bob: &Person, path: &str) -> String {
    let head = format!("authorization: Bearer {}\r\naccept: text/csv\r\n\r\n", bob.token);
    let answer = raw(bob.http, format!("GET {path} HTTP/1.0\r\n{head}").as_bytes()).await;
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("200 OK") && head.contains("text/csv"), "{head}");
    body.to_owned()
}

async fn picture(bob: &Person, path: &str, token: Option<&str>) -> Answer {
    rest(bob.http, "GET", path, token, None, &[]).await
}

#[tokio::test]
async fn csv_has_the_promised_columns_and_every_reading() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let cellar = thermometer(&open, &bob, 60).await;
    let path = format!("/devices/{}/history?property=temperature_c", cellar.id);
    let text = csv(&bob, &format!("{path}&step=0")).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (61, "t,value"));
    assert!(lines[1].ends_with(",20") && lines[60].ends_with(",25.9"), "{text}");
    let text = csv(&bob, &format!("{path}&step=60")).await;
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("t,min,mean,max,count"));
    let counts = lines.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(counts.sum::<u64>(), 60);
}

#[tokio::test]
async fn one_download_more_than_allowed_is_answered_with_503_and_counted() {
    let open = Open::with(&[("STATS__DOWNLOADS_MAX", "1")]).await;
    let bob = open.person("bob").await;
    let cellar = thermometer(&open, &bob, 1).await;
    let path = format!("/devices/{}/history?property=temperature_c", cellar.id);
    let before = open.metric("hearth_stats_downloads_refused_total").await;
    let ask = || rest(bob.http, "GET", &path, Some(&bob.token), None, &[("accept", "text/csv")]);
    // Which of many overlap is a matter of luck; that some do, with so many, is not.
    let answers = soon(futures_util::future::join_all((0..64).map(|_| ask()))).await;
    let refused: f64 = answers.iter().map(|answer| f64::from(u8::from(answer.status == 503))).sum();
    let counted = open.metric("hearth_stats_downloads_refused_total").await - before;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(refused > 0.0 && counted >= refused, "{refused} refused, {counted} counted");
    assert_eq!(ask().await.status, 200, "turns come back");
}

#[tokio::test]
async fn a_picture_says_what_it_shows_and_in_which_time() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let cellar = thermometer(&open, &bob, 60).await;
    let path = format!("/devices/{}/history.svg?property=temperature_c", cellar.id);
    let shown = picture(&bob, &format!("{path}&span=900&tz=Europe/Berlin"), Some(&bob.token)).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert_eq!(shown.header("content-type").as_deref(), Some("image/svg+xml; charset=utf-8"));
    for words in ["Bob's &lt;cellar&gt; · ", ">°C<", ">Europe/Berlin<", "prefers-color-scheme"] {
        assert!(shown.text.contains(words), "{words} is missing in {}", shown.text);
    }
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
}

#[tokio::test]
async fn a_picture_that_can_not_be_drawn_says_which_wish_is_at_fault() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let cellar = bob.add("thermometer", "cellar").await;
    let path = format!("/devices/{}/history.svg?property=temperature_c", cellar.id);
    for (wish, field) in [
        ("&width=10", "width"),
        ("&height=9999", "height"),
        ("&tz=Middle/Earth", "tz"),
        ("&from=5&to=4", "from"),
        ("&from=-8000000000000000", "from"),
        ("&colour=red", "colour"),
    ] {
        let refused = picture(&bob, &format!("{path}{wish}"), Some(&bob.token)).await;
        assert_eq!(refused.status, 422, "{wish}: {refused:?}");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{wish}");
    }
}

#[tokio::test]
async fn a_picture_in_a_wiki_needs_a_token_that_only_reads() {
    let open = Open::new().await;
    let (bob, eve) = (open.person("bob").await, open.person("eve").await);
    let cellar = bob.add("thermometer", "cellar").await;
    let path = format!("/devices/{}/history.svg?property=temperature_c", cellar.id);
    let token = async |who: &Person, scope: &str| {
        let new = json!({"label": scope, "scope": scope});
        let made = who.ask("POST", "/tokens", Some(new)).await;
        made.json()["token"].as_str().unwrap().to_owned()
    };
    let with = |token: &str| format!("{path}&token={token}");
    let (reads, controls) = (token(&bob, "read").await, token(&bob, "control").await);
    assert_eq!(picture(&bob, &with(&reads), None).await.status, 200);
    assert_eq!(picture(&bob, &with(&controls), None).await.status, 403);
    assert_eq!(picture(&bob, &with(&bob.token), None).await.status, 401, "never a sign-in's");
    assert_eq!(picture(&bob, &path, None).await.status, 401);
    assert_eq!(picture(&eve, &with(&token(&eve, "read").await), None).await.status, 404);
}

#[tokio::test]
async fn a_question_that_makes_no_sense_says_why() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let path = format!("/devices/{}/history", lamp.id);
    for (query, field, code) in [
        ("property=colour", "property", "unknown_property"),
        ("property=on&from=2&to=1", "from", "out_of_range"),
        ("property=on&to=9223372036854775807", "to", "out_of_range"),
        ("property=on&from=-8640000000000001", "from", "out_of_range"),
        ("property=on&to=-9223372036854775808", "to", "out_of_range"),
        ("property=on&step=-1", "", "wrong_type"),
        ("from=1", "property", "missing_field"),
    ] {
        let refused = bob.ask("GET", &format!("{path}?{query}"), None).await;
        assert_eq!(refused.status, 422, "{query}: {refused:?}");
        let error = &refused.json()["errors"][0];
        assert_eq!(error["code"], code, "{query}: {error}");
        if !field.is_empty() {
            assert_eq!(error["field"], field, "{query}: {error}");
        }
    }
}

/// The counts of a meter, each once: from history what is not after `until_ms`, live what is.
fn told(history: &Json, deltas: &[Json], until_ms: i64) -> Vec<f64> {
    let before = history["points"].as_array().unwrap().iter();
    let before = before.filter(|point| point["t"].as_i64().unwrap() <= until_ms);
    let before = before.map(|point| point["value"].as_f64().unwrap());
    let after = deltas
        .iter()
        .filter(|delta| delta["changes"]["last_seen"].as_i64().is_some_and(|t_ms| t_ms > until_ms));
    let after = after.filter_map(|delta| delta["changes"]["reported"]["count"].as_f64());
    before.chain(after).collect()
}

#[tokio::test]
async fn a_chart_goes_on_from_history_without_a_gap_or_a_double_point() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let meter = bob.add("counter", "meter").await;
    let mut link = meter.connect().await;
    let reports = async {
        for count in 1..=120 {
            link.report(json!({ "count": count })).await;
            // No two in one millisecond: of these, history keeps one.
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    };
    let page = async {
        bob.sees(&meter, |seen| seen["reported"]["count"].as_u64() > Some(30)).await;
        let mut tab = bob.tab().await;
        let snapshot = tab.frame().await;
        let until_ms = snapshot["server_time"].as_i64().unwrap();
        let path = format!("/devices/{}/history?property=count&step=0", meter.id);
        let history = bob.ask("GET", &format!("{path}&to={}", until_ms + 1), None).await.json();
        let mut deltas = Vec::new();
        while deltas.last().is_none_or(|delta: &Json| delta["changes"]["reported"]["count"] != 120)
        {
            deltas.push(tab.wait_for(|frame| frame["type"] == "delta").await);
        }
        told(&history, &deltas, until_ms)
    };
    let (told, ()) = soon(futures_util::future::join(page, reports)).await;
    assert_eq!(told, (1..=120).map(f64::from).collect::<Vec<_>>());
}
