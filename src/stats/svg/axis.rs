//! The marks of a time axis: where the reader's clock and calendar have round numbers. Pure.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// Distances between marks.
const STEPS: [Step; 15] = [
    Step::Minutes(1),
    Step::Minutes(5),
    Step::Minutes(10),
    Step::Minutes(30),
    Step::Minutes(60),
    Step::Minutes(180),
    Step::Minutes(360),
    Step::Minutes(720),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Months(1),
    Step::Months(3),
    Step::Months(12),
    Step::Months(120),
];
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1_440 * MINUTE_MS;
/// Marks of one axis.
const MARKS_MAX: usize = 100;

#[derive(Debug, Clone, Copy)]
enum Step {
    Minutes(i32),
    Days(i32),
    Months(i32),
}

impl Step {
    /// How long it is, at least.
    fn least_ms(self) -> i64 {
        match self {
            Self::Minutes(minutes) => i64::from(minutes) * MINUTE_MS,
            Self::Days(days) => i64::from(days) * DAY_MS,
            Self::Months(months) => i64::from(months) * 28 * DAY_MS,
        }
    }

    /// The last round time that isn't after `time`, by the calendar.
    fn before(self, time: DateTime) -> Option<DateTime> {
        let midnight = time.date().to_datetime(jiff::civil::Time::midnight());
        match self {
            Self::Minutes(minutes) => {
                let so_far = i32::from(time.hour()) * 60 + i32::from(time.minute());
                midnight.checked_add((so_far - so_far % minutes).minutes()).ok()
            }
            Self::Days(days) => {
                let so_far = i32::from(time.date().day()) - 1;
                midnight.checked_sub((so_far % days).days()).ok()
            }
            Self::Months(months) => {
                let so_far = i32::from(time.year()) * 12 + i32::from(time.month()) - 1;
                let first = time.date().first_of_month();
                let first = first.to_datetime(jiff::civil::Time::midnight());
                first.checked_sub(so_far.rem_euclid(months).months()).ok()
            }
        }
    }

    fn span(self) -> Span {
        match self {
            Self::Minutes(minutes) => minutes.minutes(),
            Self::Days(days) => days.days(),
            Self::Months(months) => months.months(),
        }
    }

    fn label(self, time: DateTime) -> String {
        let midnight = (time.hour(), time.minute()) == (0, 0);
        let form = match self {
            Self::Minutes(_) if !midnight => "%H:%M",
            Self::Minutes(_) | Self::Days(_) => "%m-%d",
            Self::Months(_) => "%Y-%m",
        };
        time.strftime(form).to_string()
    }
}

/// Round times from `from_ms` to `to_ms` with their labels, at least `least_ms` apart. They follow
/// the clock on the wall: on the day it is set forward an hour is missing, and stays so.
pub(super) fn marks(
    from_ms: i64,
    to_ms: i64,
    least_ms: i64,
    zone: &TimeZone,
) -> Vec<(i64, String)> {
    let step = STEPS.into_iter().find(|step| step.least_ms() >= least_ms);
    let step = step.unwrap_or(Step::Months(120));
    let mut marks: Vec<(i64, String)> = Vec::new();
    let Ok(from) = Timestamp::from_millisecond(from_ms) else { return marks };
    let mut next = step.before(zone.to_datetime(from));
    while let Some(time) = next {
        let Ok(moment) = zone.to_timestamp(time) else { break };
        let mark_ms = moment.as_millisecond();
        if mark_ms > to_ms || marks.len() >= MARKS_MAX {
            break;
        }
        if mark_ms >= from_ms && marks.last().is_none_or(|(before_ms, _)| *before_ms < mark_ms) {
            marks.push((mark_ms, step.label(zone.to_datetime(moment))));
        }
        let restart = time.checked_add(step.span()).ok();
        // Weeks and pairs of days begin anew with each month, where the calendar does.
        next = match (step, restart) {
            (Step::Days(2..), Some(later)) if later.month() != time.month() => {
                Some(later.date().first_of_month().to_datetime(jiff::civil::Time::midnight()))
            }
            (_, later) => later,
        };
    }
    marks
}

/// A moment in words, in the reader's zone.
pub(super) fn moment(t_ms: i64, zone: &TimeZone) -> String {
    let moment = Timestamp::from_millisecond(t_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(moment).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29, 00:00 in Berlin: the day on which clocks are set forward at two.
    const SPRING_MS: i64 = 1_774_738_800_000;
    const HOUR_MS: i64 = 60 * MINUTE_MS;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn marks_follow_the_clock_on_the_wall_when_it_is_set_forward() {
        let marks = marks(SPRING_MS, SPRING_MS + 23 * HOUR_MS, 150 * MINUTE_MS, &berlin());
        let labels: Vec<&str> = marks.iter().map(|(_, label)| label.as_str()).collect();
        let wanted =
            ["03-29", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "03-30"];
        assert_eq!(labels, wanted);
        assert_eq!(marks[1].0 - marks[0].0, 2 * HOUR_MS, "an hour is missing that night");
        assert_eq!(marks[2].0 - marks[1].0, 3 * HOUR_MS);
    }

    #[test]
    fn months_begin_on_their_first() {
        let year = marks(SPRING_MS, SPRING_MS + 365 * DAY_MS, 20 * DAY_MS, &berlin());
        assert_eq!(
            (year.len(), year[0].1.as_str(), year[11].1.as_str()),
            (12, "2026-04", "2027-03")
        );
        let month = marks(SPRING_MS, SPRING_MS + 30 * DAY_MS, 5 * DAY_MS, &berlin());
        let labels: Vec<&str> = month.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["03-29", "04-01", "04-08", "04-15", "04-22"]);
    }

    #[test]
    fn times_beyond_every_calendar_have_no_marks() {
        assert!(marks(i64::MIN, i64::MAX, 1, &TimeZone::UTC).len() <= MARKS_MAX);
        assert!(marks(0, i64::MAX, i64::MAX, &TimeZone::UTC).len() <= MARKS_MAX);
    }
}
