//! History as CSV, in pieces: a year of readings passes through the memory of a day.

use std::fmt::Write;

use super::{History, Query, Resolution, StatsError, StatsHandle};

/// How much time the first piece covers; later ones grow over gaps and shrink where much happens.
const WINDOW_MS: i64 = 86_400_000;
/// Where even so little time has too many readings, the question fails.
const WINDOW_MS_MIN: i64 = 1_000;
/// Buckets of one piece.
const BUCKETS: i64 = 20_000;

/// One answer as lines of CSV, with a header line above them if asked for.
///
/// Columns are `t,value` for readings and `t,min,mean,max,count` for buckets; `t` is in Unix
/// milliseconds.
#[must_use]
pub fn lines(history: &History, header: bool) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    match history {
        History::Points(points) => {
            text.push_str(if header { "t,value\n" } else { "" });
            for point in points {
                writeln!(text, "{},{}", point.t_ms, point.value).ok();
            }
        }
        History::Buckets { buckets, .. } => {
            text.push_str(if header { "t,min,mean,max,count\n" } else { "" });
            for bucket in buckets {
                let super::Bucket { t_ms, min, mean, max, count, .. } = bucket;
                writeln!(text, "{t_ms},{min},{mean},{max},{count}").ok();
            }
        }
    }
    text
}

/// The pieces of one question's CSV, in order of time. What [`Resolution::Auto`] asks for is
/// bounded and comes in one piece.
#[derive(Clone)]
pub struct CsvPieces {
    stats: StatsHandle,
    query: Query,
    next_ms: i64,
    window_ms: i64,
    begun: bool,
}

impl CsvPieces {
    /// Begins a question.
    #[must_use]
    pub fn new(stats: StatsHandle, mut query: Query) -> Self {
        let (next_ms, window_ms) = match query.resolution {
            Resolution::Raw => (query.from_ms, WINDOW_MS),
            Resolution::Auto { .. } => (query.from_ms, i64::MAX),
            Resolution::Step { step_ms } => {
                // One width for all pieces, so that no bucket is cut, and none is there twice.
                let step_ms = stats.step_ms(&query, step_ms);
                query.resolution = Resolution::Step { step_ms };
                let start_ms = super::rollup::bucket_start(query.from_ms, step_ms);
                (start_ms, step_ms.saturating_mul(BUCKETS))
            }
        };
        Self { stats, query, next_ms, window_ms, begun: false }
    }

    /// The next piece, the first one with a header; `None` after the last. An empty piece says
    /// nothing.
    ///
    /// # Errors
    /// As [`StatsHandle::query`]; the CSV is incomplete then.
    pub async fn next(&mut self) -> Result<Option<String>, StatsError> {
        loop {
            if self.begun && self.next_ms >= self.query.to_ms {
                return Ok(None);
            }
            let to_ms = self.next_ms.saturating_add(self.window_ms).min(self.query.to_ms);
            let piece = Query { from_ms: self.next_ms, to_ms, ..self.query.clone() };
            match self.stats.query(piece).await {
                Err(StatsError::TooMany { .. }) if self.window_ms > WINDOW_MS_MIN => {
                    self.window_ms /= 4;
                }
                Err(error) => return Err(error),
                Ok(history) => {
                    let text = lines(&history, !self.begun);
                    self.begun = true;
                    self.next_ms = to_ms;
                    if self.query.resolution == Resolution::Raw && text.is_empty() {
                        self.window_ms = self.window_ms.saturating_mul(2);
                    }
                    return Ok(Some(text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Bucket, Point};

    #[test]
    fn answers_become_lines() {
        let points = [(1_000, 21.5), (2_000, -0.01)];
        let points = points.map(|(t_ms, value)| Point { t_ms, value }).into();
        assert_eq!(lines(&History::Points(points), true), "t,value\n1000,21.5\n2000,-0.01\n");
        let bucket = Bucket { t_ms: 60_000, min: 1.0, mean: 1.5, max: 2.0, count: 6, last: 2.0 };
        let history = History::Buckets { step_ms: 60_000, buckets: vec![bucket] };
        assert_eq!(lines(&history, true), "t,min,mean,max,count\n60000,1,1.5,2,6\n");
        assert_eq!(lines(&history, false), "60000,1,1.5,2,6\n");
    }
}
