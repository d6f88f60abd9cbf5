//! Answering: which tier and step serve a question, and how parts become one answer. Pure.

use super::chunk::{self, Head};
use super::decimal::{unscale, unscale_sum};
use super::rollup::{self, Summary, bucket_start};
use super::segment::Tier;
use super::{Bucket, History, Point, Query, Resolution, Retention, StatsError};

/// The most points or buckets of one answer.
pub(super) const POINTS_MAX: usize = 100_000;
const DAY_MS: i64 = 86_400_000;
/// A tier may be asked for what it dropped so little ago: the files go by the day.
const GRACE_MS: i64 = 3_600_000;
/// Steps that people read with ease, in seconds; beyond them whole days.
const STEPS_S: [i64; 16] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200];

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) tier: Tier,
    /// Width of the answer's buckets, a multiple of the tier's.
    pub(super) step_ms: i64,
    /// Readings themselves are the answer, if they are no more than this.
    pub(super) points_max: usize,
    /// Where there are more of them they become buckets; otherwise the question is too wide.
    pub(super) folds: bool,
}

/// Chooses the coarsest tier that still has the wanted step, among those that reach back to the
/// question's beginning.
pub(super) fn plan(query: &Query, retention: Retention, now_ms: i64) -> Plan {
    let span_ms = query.to_ms.saturating_sub(query.from_ms).max(1);
    let reaches = |tier: Tier| reaches(tier, query.from_ms, retention, now_ms);
    match query.resolution {
        Resolution::Raw => {
            Plan { tier: Tier::Raw, step_ms: 1, points_max: POINTS_MAX, folds: false }
        }
        Resolution::Step { step_ms } => {
            let step_ms = step_ms.max(1);
            let tier = finest_within_reach(coarsest_that_divides(step_ms), reaches);
            let step_ms = round_up(step_ms.max(share(span_ms, POINTS_MAX)), tier.width_ms());
            Plan { tier, step_ms, points_max: 0, folds: true }
        }
        Resolution::Auto { points } => {
            let points_max = points.clamp(1, POINTS_MAX);
            let wanted_ms = share(span_ms, points_max);
            let wanted = Tier::ALL.into_iter().rev().find(|tier| tier.width_ms() <= wanted_ms);
            let tier = finest_within_reach(wanted.unwrap_or(Tier::Raw), reaches);
            let step_ms = pleasant_step(wanted_ms.max(tier.width_ms()));
            let points_max = if tier == Tier::Raw { points_max } else { 0 };
            Plan { tier, step_ms: round_up(step_ms, tier.width_ms()), points_max, folds: true }
        }
    }
}

/// The step with which a question that wants `step_ms` is answered from its beginning on, however
/// many buckets that are.
pub(super) fn step_ms(query: &Query, step_ms: i64, retention: Retention, now_ms: i64) -> i64 {
    let step_ms = step_ms.max(1);
    let reaches = |tier: Tier| reaches(tier, query.from_ms, retention, now_ms);
    let tier = finest_within_reach(coarsest_that_divides(step_ms), reaches);
    round_up(step_ms, tier.width_ms())
}

/// Whether a tier still has what was at `from_ms`.
fn reaches(tier: Tier, from_ms: i64, retention: Retention, now_ms: i64) -> bool {
    let days = match tier {
        Tier::Raw => retention.raw_days,
        Tier::Minute => retention.minute_days,
        Tier::Hour => return true,
    };
    from_ms >= now_ms - i64::from(days) * DAY_MS - GRACE_MS
}

fn coarsest_that_divides(step_ms: i64) -> Tier {
    let divides = |tier: &Tier| step_ms % tier.width_ms() == 0;
    Tier::ALL.into_iter().rev().find(divides).unwrap_or(Tier::Raw)
}

fn share(span_ms: i64, points: usize) -> i64 {
    span_ms / i64::try_from(points).unwrap_or(i64::MAX).max(1)
}

fn finest_within_reach(wanted: Tier, reaches: impl Fn(Tier) -> bool) -> Tier {
    let mut tiers = Tier::ALL.into_iter().filter(|tier| *tier >= wanted);
    tiers.find(|tier| reaches(*tier)).unwrap_or(Tier::Hour)
}

fn pleasant_step(wanted_ms: i64) -> i64 {
    let steps = STEPS_S.into_iter().map(|step_s| step_s * 1_000);
    steps.into_iter().find(|step| *step >= wanted_ms).unwrap_or_else(|| round_up(wanted_ms, DAY_MS))
}

const fn round_up(step_ms: i64, width_ms: i64) -> i64 {
    (step_ms + width_ms - 1) / width_ms * width_ms
}

/// An answer being put together from chunks, in any order.
pub(super) struct Answer {
    plan: Plan,
    from_ms: i64,
    to_ms: i64,
    points: Vec<Point>,
    /// They came in the order of their times, no two at one.
    in_order: bool,
    /// Readings have been folded into buckets, or always were.
    folding: bool,
    parts: Vec<Part>,
    too_many: bool,
}

/// A bucket, or part of one, on its way to the answer.
#[derive(Debug, Clone, Copy)]
struct Part {
    start_ms: i64,
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
    last: f64,
    last_ms: i64,
}

impl Answer {
    pub(super) const fn new(plan: Plan, from_ms: i64, to_ms: i64) -> Self {
        let folding = plan.points_max == 0;
        let points = Vec::new();
        let parts = Vec::new();
        Self { plan, from_ms, to_ms, points, in_order: true, folding, parts, too_many: false }
    }

    /// The times the answer needs: buckets at the edges are whole.
    pub(super) const fn span(&self) -> (i64, i64) {
        if self.plan.folds {
            let step_ms = self.plan.step_ms;
            let last = bucket_start(self.to_ms.saturating_sub(1), step_ms);
            (bucket_start(self.from_ms, step_ms), last.saturating_add(step_ms))
        } else {
            (self.from_ms, self.to_ms)
        }
    }

    /// Adds a chunk of readings.
    pub(super) fn readings(&mut self, bytes: &[u8]) {
        let (from_ms, to_ms) = self.span();
        let head = chunk::head(bytes).filter(|head| head.overlaps(from_ms, to_ms));
        let Some(Head { digits, count, .. }) = head.filter(|_| !self.too_many) else {
            return;
        };
        let start = self.points.len();
        let points = &mut self.points;
        points.reserve(count as usize);
        chunk::decode(bytes, |samples| {
            let wanted = samples.iter().filter(|sample| (from_ms..to_ms).contains(&sample.t_ms));
            points.extend(
                wanted.map(|sample| Point {
                    t_ms: sample.t_ms,
                    value: unscale(sample.scaled, digits),
                }),
            );
        });
        // Beginning with the last one that was there before.
        let joined = points.get(start.saturating_sub(1)..).unwrap_or_default();
        let in_order = joined.is_sorted_by(|a, b| a.t_ms < b.t_ms);
        if !in_order && let Some(unordered) = points.get_mut(start..) {
            unordered.sort_by_key(|point| point.t_ms);
            self.in_order = false;
        }
        if self.folding {
            self.fold();
        } else if self.points.len() > self.plan.points_max {
            if self.plan.folds {
                self.folding = true;
                self.fold();
            } else {
                self.too_many = true;
            }
        }
    }

    /// Adds a chunk of buckets of the plan's tier.
    pub(super) fn buckets(&mut self, bytes: &[u8]) {
        let (from_ms, to_ms) = self.span();
        let step_ms = self.plan.step_ms;
        let Some(head) = chunk::head(bytes).filter(|head| head.overlaps(from_ms, to_ms)) else {
            return;
        };
        rollup::decode(bytes, self.plan.tier.width_ms(), |bucket| {
            if (from_ms..to_ms).contains(&bucket.start_ms) {
                add(&mut self.parts, Part::of_summary(&bucket, head.digits, step_ms));
            }
        });
        self.folding = true;
    }

    fn fold(&mut self) {
        dedup(&mut self.points);
        for point in self.points.drain(..) {
            add(&mut self.parts, Part::of_point(point, self.plan.step_ms));
        }
    }

    /// The answer.
    ///
    /// # Errors
    /// [`StatsError::TooMany`] where readings were asked for and there are more than fit.
    pub(super) fn finish(mut self) -> Result<History, StatsError> {
        if self.too_many {
            return Err(StatsError::TooMany { points_max: POINTS_MAX });
        }
        if !self.folding {
            if self.span() != (self.from_ms, self.to_ms) {
                self.points.retain(|point| (self.from_ms..self.to_ms).contains(&point.t_ms));
            }
            if !self.in_order {
                self.points.sort_by_key(|point| point.t_ms);
                dedup(&mut self.points);
            }
            return Ok(History::Points(self.points));
        }
        self.fold();
        self.parts.sort_by_key(|part| part.start_ms);
        let mut whole = Vec::with_capacity(self.parts.len());
        self.parts.into_iter().for_each(|part| add(&mut whole, part));
        let buckets = whole.iter().map(Part::bucket).collect();
        Ok(History::Buckets { step_ms: self.plan.step_ms, buckets })
    }
}

/// Of several readings at one millisecond the one that came last counts.
fn dedup(points: &mut Vec<Point>) {
    points.dedup_by(|later, kept| {
        let same = later.t_ms == kept.t_ms;
        if same {
            *kept = *later;
        }
        same
    });
}

fn add(parts: &mut Vec<Part>, part: Part) {
    match parts.last_mut() {
        Some(open) if open.start_ms == part.start_ms => open.merge(part),
        _ => parts.push(part),
    }
}

impl Part {
    const fn of_point(point: Point, step_ms: i64) -> Self {
        Self {
            start_ms: bucket_start(point.t_ms, step_ms),
            count: 1,
            min: point.value,
            max: point.value,
            sum: point.value,
            last: point.value,
            last_ms: point.t_ms,
        }
    }

    fn of_summary(bucket: &Summary, digits: u8, step_ms: i64) -> Self {
        Self {
            start_ms: bucket_start(bucket.start_ms, step_ms),
            count: u64::from(bucket.count),
            min: unscale(bucket.min, digits),
            max: unscale(bucket.max, digits),
            sum: unscale_sum(bucket.sum, digits),
            last: unscale(bucket.last, digits),
            last_ms: bucket.last_ms,
        }
    }

    const fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        if other.last_ms >= self.last_ms {
            self.last = other.last;
            self.last_ms = other.last_ms;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no bucket has 2^53 readings")]
    fn bucket(&self) -> Bucket {
        let mean = (self.sum / self.count as f64).clamp(self.min, self.max);
        let Self { start_ms: t_ms, count, min, max, last, .. } = *self;
        Bucket { t_ms, min, mean, max, count, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::chunk::{OpenChunk, Sample};

    const MINUTE_MS: i64 = 60_000;
    const HOUR_MS: i64 = 3_600_000;
    const NOW_MS: i64 = 1_795_400_000_000;

    fn ask(from_ms: i64, to_ms: i64, resolution: Resolution) -> Query {
        Query { device: 1, property: "a".into(), retention: 0, from_ms, to_ms, resolution }
    }

    fn check(span_ms: i64, age_ms: i64, resolution: Resolution) -> (Tier, i64) {
        let to_ms = NOW_MS - age_ms;
        let query = ask(to_ms - span_ms, to_ms, resolution);
        let plan = plan(&query, Retention::default(), NOW_MS);
        (plan.tier, plan.step_ms)
    }

    #[test]
    fn the_resolution_follows_the_span() {
        let auto = Resolution::Auto { points: 500 };
        assert_eq!(check(HOUR_MS, 0, auto), (Tier::Raw, 10_000));
        assert_eq!(check(DAY_MS, 0, auto), (Tier::Minute, 5 * MINUTE_MS));
        assert_eq!(check(30 * DAY_MS, 0, auto), (Tier::Hour, 2 * HOUR_MS));
        assert_eq!(check(365 * DAY_MS, 0, auto), (Tier::Hour, 6 * 3 * HOUR_MS + 6 * HOUR_MS));
        assert_eq!(check(20 * 365 * DAY_MS, 0, auto), (Tier::Hour, 15 * DAY_MS));
    }

    #[test]
    fn what_is_no_longer_kept_is_answered_from_what_is() {
        let auto = Resolution::Auto { points: 500 };
        assert_eq!(check(HOUR_MS, 30 * DAY_MS, auto), (Tier::Minute, MINUTE_MS));
        assert_eq!(check(HOUR_MS, 200 * DAY_MS, auto), (Tier::Hour, HOUR_MS));
        let step = Resolution::Step { step_ms: 90_000 };
        assert_eq!(check(DAY_MS, 0, step), (Tier::Raw, 90_000));
        assert_eq!(check(DAY_MS, 30 * DAY_MS, step), (Tier::Minute, 2 * MINUTE_MS));
        assert_eq!(check(HOUR_MS, 200 * DAY_MS, Resolution::Raw), (Tier::Raw, 1));
    }

    #[test]
    fn a_step_takes_the_coarsest_tier_that_divides_it() {
        for (step_ms, tier) in [
            (1_000, Tier::Raw),
            (MINUTE_MS, Tier::Minute),
            (90 * MINUTE_MS, Tier::Minute),
            (6 * HOUR_MS, Tier::Hour),
        ] {
            assert_eq!(check(DAY_MS, 0, Resolution::Step { step_ms }), (tier, step_ms));
        }
        let (_, step_ms) = check(DAY_MS * 7, 0, Resolution::Step { step_ms: 1 });
        assert!(DAY_MS * 7 / step_ms <= 100_000, "an answer is bounded");
    }

    fn chunk_of(times: &[i64]) -> Vec<u8> {
        let sample = |t_ms: &i64| Sample { t_ms: *t_ms, scaled: *t_ms / 100 };
        let mut chunk = OpenChunk::new(1, sample(&times[0]));
        times[1..].iter().for_each(|t_ms| chunk.push(sample(t_ms)));
        chunk.encoded()
    }

    fn answer(resolution: Resolution, chunks: &[&[i64]]) -> History {
        let query = ask(5_000, 65_000, resolution);
        let mut answer = Answer::new(plan(&query, Retention::default(), 0), 5_000, 65_000);
        for times in chunks {
            answer.readings(&chunk_of(times));
        }
        answer.finish().unwrap()
    }

    #[test]
    fn few_readings_are_the_answer_themselves_in_order_and_once() {
        let auto = Resolution::Auto { points: 10 };
        let History::Points(points) =
            answer(auto, &[&[4_999, 9_000, 7_000], &[65_000, 5_000, 7_000, 64_999]])
        else {
            panic!()
        };
        let times: Vec<_> = points.iter().map(|point| point.t_ms).collect();
        assert_eq!(times, [5_000, 7_000, 9_000, 64_999]);
    }

    #[test]
    fn many_readings_become_whole_buckets() {
        let auto = Resolution::Auto { points: 2 };
        let times: Vec<_> = (0..100).map(|i| i * 1_000).collect();
        let History::Buckets { step_ms, buckets } = answer(auto, &[&times[50..], &times[..50]])
        else {
            panic!()
        };
        assert_eq!(step_ms, 30_000);
        let counts: Vec<_> = buckets.iter().map(|bucket| (bucket.t_ms, bucket.count)).collect();
        assert_eq!(counts, [(0, 30), (30_000, 30), (60_000, 30)]);
        let first = buckets[0];
        assert!((first.min, first.max, first.last) == (0.0, 29.0, 29.0));
        assert!((first.mean - 14.5).abs() < 1e-9);
    }
}
