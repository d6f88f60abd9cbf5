//! What a picture must say, whatever it is given.

use proptest::prelude::*;

use super::*;
use crate::stats::Point;

/// 2026-11-23, 00:00 UTC.
const MIDNIGHT_MS: i64 = 1_795_392_000_000;
const HOUR_MS: i64 = 3_600_000;

fn draw(history: &History, span_ms: i64) -> String {
    let (from_ms, to_ms) = (MIDNIGHT_MS, MIDNIGHT_MS + span_ms);
    let (title, unit) = ("Bob's <cooker> & co", "°C");
    let zone = &TimeZone::get("Europe/Berlin").unwrap();
    chart(&Chart { title, unit, from_ms, to_ms, zone, width: 640, height: 240, history })
}

fn points(values: &[(i64, f64)]) -> History {
    let point = |(t_ms, value): &(i64, f64)| Point { t_ms: MIDNIGHT_MS + t_ms, value: *value };
    History::Points(values.iter().map(point).collect())
}

#[test]
fn a_chart_has_its_title_axes_and_one_line() {
    let values: Vec<_> =
        (0..60).map(|i| (i * 60_000, 54.0 + f64::from(i32::try_from(i).unwrap()))).collect();
    let svg = draw(&points(&values), HOUR_MS);
    assert!(svg.contains("<title>Bob's &lt;cooker&gt; &amp; co</title>"), "{svg}");
    assert!(svg.contains("between 54 and 113 °C, last 113.00 °C"));
    assert!(svg.contains(">01:10<") && svg.contains(">60<") && svg.contains(">100<"), "{svg}");
    assert_eq!(svg.matches("class=\"line\"").count(), 1);
    assert_eq!(svg.matches("class=\"band\"").count(), 0);
}

#[test]
fn buckets_have_a_band_and_silence_breaks_the_line() {
    let bucket = |i: i64| {
        let t_ms = MIDNIGHT_MS + i * HOUR_MS;
        Bucket { t_ms, min: 1.0, mean: 2.0, max: 4.0, count: 6, last: 2.0 }
    };
    let buckets = (0..10).chain(20..24).map(bucket).collect();
    let svg = draw(&History::Buckets { step_ms: HOUR_MS, buckets }, 24 * HOUR_MS);
    assert_eq!(svg.matches("class=\"line\"").count(), 2);
    assert_eq!(svg.matches("class=\"band\"").count(), 2);
}

#[test]
fn a_bucket_that_has_only_begun_is_shown() {
    let bucket = |t_ms, value| Bucket {
        t_ms: MIDNIGHT_MS + t_ms,
        min: value,
        mean: value,
        max: value,
        count: 2,
        last: value,
    };
    let buckets = vec![bucket(-HOUR_MS + 60_000, 18.0), bucket(23 * HOUR_MS + 3_599_000, 20.0)];
    let svg = draw(&History::Buckets { step_ms: HOUR_MS, buckets }, 24 * HOUR_MS);
    assert!(svg.contains("between 18 and 20 °C, last 20.00 °C"), "{svg}");
}

#[test]
fn nothing_at_all_still_is_a_picture() {
    let svg = draw(&points(&[]), HOUR_MS);
    assert!(svg.contains("no readings") && svg.ends_with("</svg>\n"));
}

#[test]
fn the_picture_names_its_unit_its_time_and_its_zone() {
    let svg = draw(&points(&[(0, 21.5)]), HOUR_MS);
    assert!(svg.contains(">°C</text>") && svg.contains(">Europe/Berlin</text>"), "{svg}");
    assert!(svg.contains("from 2026-11-23 01:00 to 2026-11-23 02:00, Europe/Berlin"), "{svg}");
}

#[test]
fn a_title_that_has_no_room_is_cut_and_heard_whole() {
    let (title, history) = ("x".repeat(200), points(&[]));
    let svg = chart(&Chart {
        title: &title,
        unit: "",
        from_ms: 0,
        to_ms: HOUR_MS,
        zone: &TimeZone::UTC,
        width: 400,
        height: 200,
        history: &history,
    });
    assert!(svg.contains(&format!("<title>{title}</title>")) && svg.contains("x…</text>"));
}

proptest! {
    #[test]
    fn no_history_makes_a_broken_picture(
        values in prop::collection::vec((0_i64..1 << 40, -1e15..1e15_f64), 0..50),
        span_ms in 1_i64..1 << 40,
        title: String,
    ) {
        let history = points(&values);
        let (from_ms, to_ms) = (MIDNIGHT_MS, MIDNIGHT_MS + span_ms);
        let svg = chart(&Chart {
            title: &title, unit: "", from_ms, to_ms, zone: &TimeZone::UTC, width: 0, height: 9_999,
            history: &history,
        });
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
        prop_assert!(svg.len() < 20_000);
        prop_assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }
}
