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

#[tokio::test]
async fn a_reading_has_its_own_time_within_a_day_and_the_servers_beyond() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let cellar = bob.add("thermometer", "cellar").await;
    let link = cellar.connect().await;
    let (began_ms, hour_ms) = (now_ms(), 3_600_000);
    for (value, hours) in [(1, -23), (2, -25), (3, 23), (4, 25), (5, -400_000)] {
        let reading = json!({"temperature_c": value, "ts": began_ms + hours * hour_ms});
        link.publish("telemetry", reading.to_string().as_bytes()).await;
        let kept = u64::try_from(value).unwrap();
        until(|| async { (open.house.stats.totals().readings >= kept).then_some(()) }).await;
    }
    let (from, to) = (began_ms - 30 * hour_ms, began_ms + 30 * hour_ms);
    let path = format!("/devices/{}/history?property=temperature_c&step=0", cellar.id);
    let answer = bob.ask("GET", &format!("{path}&from={from}&to={to}"), None).await.json();
    let points = answer["points"].as_array().unwrap();
    let values: Vec<f64> = points.iter().map(|point| point["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0, 4.0, 5.0, 3.0], "{answer}");
    assert_eq!(points[0]["t"], began_ms - 23 * hour_ms);
    assert!(points[1]["t"].as_i64() >= Some(began_ms));
}

#[tokio::test]
async fn a_history_whose_disk_refuses_costs_readings_that_are_counted_and_nothing_else() {
    let folder = tempfile::TempDir::new().unwrap();
    // Where history wants a folder there is a file: no write will ever succeed.
    std::fs::write(folder.path().join("history"), b"").unwrap();
    let open = Open::within(folder, &[("STATS__QUEUE_READINGS_MAX", "1024")]).await;
    let bob = open.person("bob").await;
    let meter = bob.add("counter", "meter").await;
    let mut link = meter.connect().await;
    for count in 1..=1_100 {
        let said = json!({ "count": count }).to_string();
        link.publish("telemetry", said.as_bytes()).await;
    }
    link.report(json!({"count": 7})).await;
    assert_eq!(bob.want(&meter, json!({"preset": 5})).await.status, 200);
    assert_eq!(link.set().await, json!({"preset": 5}));
    assert_eq!(bob.see(&meter).await["reported"]["count"], 7);
    let totals = open.house.stats.totals();
    assert!(totals.dropped_queue + totals.dropped_disk > 0 && totals.readings == 0, "{totals:?}");
    assert!(open.metric("hearth_stats_dropped_total{reason=\"queue\"}").await > 0.0);
    let path = format!("/devices/{}/history?property=count", meter.id);
    assert_eq!(bob.ask("GET", &path, None).await.status, 503);
}

#[tokio::test]
async fn a_kind_is_kept_for_the_times_that_the_configuration_gives_it() {
    let days = ("STATS__KIND_DAYS", "thermometer=1/2/3");
    let open = Open::with(&[days]).await;
    let bob = open.person("bob").await;
    let cellar = thermometer(&open, &bob, 1).await;
    assert_eq!(open.house.stats.retention_of("thermometer"), 1);
    assert_eq!(open.house.stats.retention_of("light"), 0);
    // Three days ago there are no minutes any more, so the answer is in hours.
    let (from, to) = (now_ms() - 72 * 3_600_000, now_ms());
    let path = format!("/devices/{}/history?property=temperature_c&step=60", cellar.id);
    let answer = bob.ask("GET", &format!("{path}&from={from}&to={to}"), None).await.json();
    assert_eq!((&answer["step"], answer["points"].as_array().unwrap().len()), (&json!(3_600), 1));
}

#[test]
fn a_kind_that_nobody_knows_has_no_times() {
    let folder = tempfile::TempDir::new().unwrap();
    let checked = crate::process::hearth(folder.path())
        .arg("check-config")
        .env("HEARTH__STATS__KIND_DAYS", "toaster=1/2/3")
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("stats.kind_days: there is no kind toaster"), "{said}");
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
