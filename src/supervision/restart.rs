//! When a child that ended is started again (pure: `now` comes in, a decision goes out).
//!
//! A child's first faults are answered by a doubling backoff. One that keeps failing inside its
//! window is quarantined: still tried, ever more rarely, and shown to people meanwhile. The count
//! is per child, so that one poisoned child never uses up the patience meant for the others.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Which endings of a child call for a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Every ending: the child is there for ever.
    Permanent,
    /// Faults only: a child that ended normally had finished its work.
    Transient,
    /// None.
    Temporary,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, without an error.
    Normal,
    /// By a panic, an error or a kill, or it could not be started.
    Fault,
}

/// How a supervisor treats each of its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Which endings call for a restart.
    pub restart: Restart,
    /// Pause after a first fault; doubled by every further one.
    pub backoff_base: Duration,
    /// The longest pause before quarantine.
    pub backoff_max: Duration,
    /// The span in which faults are counted.
    pub window: Duration,
    /// This many faults inside the window mean quarantine.
    pub faults_max: usize,
    /// First pause in quarantine; doubled by every further fault.
    pub quarantine_base: Duration,
    /// The longest pause in quarantine.
    pub quarantine_max: Duration,
    /// A child that ran this long has recovered: its record is cleared.
    pub well_after: Duration,
}

impl Default for Patience {
    /// 100 ms to 10 s of backoff, 5 faults a minute, quarantine 30 s to 10 min, well after 60 s.
    fn default() -> Self {
        Self {
            restart: Restart::Transient,
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            window: Duration::from_secs(60),
            faults_max: 5,
            quarantine_base: Duration::from_secs(30),
            quarantine_max: Duration::from_secs(600),
            well_after: Duration::from_secs(60),
        }
    }
}

/// What to do about a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it is gone.
    Forget,
    /// Start it again after this pause.
    BackOff(Duration),
    /// It fails too often: start it again after this long pause, and show it meanwhile.
    Quarantine(Duration),
}

/// A child's faults so far. A child without faults has none (and costs nothing).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    window: Window,
    streak: u32,
    quarantines: u32,
}

impl Record {
    /// Decides about a child that ended at `now` after having run for `ran` (`None`: it could not
    /// be started at all).
    #[must_use]
    pub fn ended(
        &mut self,
        patience: &Patience,
        ending: Ending,
        ran: Option<Duration>,
        now: Instant,
    ) -> Decision {
        let again = match patience.restart {
            Restart::Permanent => true,
            Restart::Transient => ending == Ending::Fault,
            Restart::Temporary => false,
        };
        if !again {
            return Decision::Forget;
        }
        if ran.is_some_and(|ran| ran >= patience.well_after) {
            *self = Self::default();
        }
        self.streak = self.streak.saturating_add(1);
        let recent = self.window.note(now, patience.window, patience.faults_max);
        if self.quarantines > 0 || recent >= patience.faults_max {
            self.quarantines = self.quarantines.saturating_add(1);
            let pause = (patience.quarantine_base, patience.quarantine_max);
            return Decision::Quarantine(doubled(pause.0, pause.1, self.quarantines));
        }
        Decision::BackOff(doubled(patience.backoff_base, patience.backoff_max, self.streak))
    }
}

/// How many restarts a supervisor of fixed children takes before it gives up itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts inside the span that are still borne; one more and it gives up.
    pub restarts_max: usize,
    /// The span.
    pub within: Duration,
    /// Pause before the second restart in the span (the first has none); doubled from there.
    pub pause_base: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for Intensity {
    /// 5 restarts in 60 s, pauses 0, 50, 100, 200, 400 ms.
    fn default() -> Self {
        Self {
            restarts_max: 5,
            within: Duration::from_secs(60),
            pause_base: Duration::from_millis(50),
            pause_max: Duration::from_secs(2),
        }
    }
}

impl Intensity {
    /// The pause before the restart that is due at `now`; `None` means: give up.
    #[must_use]
    pub fn restart(&self, window: &mut Window, now: Instant) -> Option<Duration> {
        let recent = window.note(now, self.within, self.restarts_max.saturating_add(1));
        if recent > self.restarts_max {
            return None;
        }
        let doublings = u32::try_from(recent.saturating_sub(1)).unwrap_or(u32::MAX);
        let pause = || doubled(self.pause_base, self.pause_max, doublings);
        Some(if doublings == 0 { Duration::ZERO } else { pause() })
    }
}

/// The latest of some events, to count them in a sliding span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    log: VecDeque<Instant>,
}

impl Window {
    /// Notes an event at `now` and returns how many fall into the `span` up to now, counting no
    /// further than `count_max` (which also bounds the memory).
    pub fn note(&mut self, now: Instant, span: Duration, count_max: usize) -> usize {
        self.log.push_back(now);
        let old = |at: &Instant| now.saturating_duration_since(*at) > span;
        while self.log.len() > count_max.max(1) || self.log.front().is_some_and(old) {
            self.log.pop_front();
        }
        self.log.len()
    }
}

/// `base` for the first time, doubled for each further one, never more than `max`.
fn doubled(base: Duration, max: Duration, times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(max)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    const FAULT: Ending = Ending::Fault;

    fn patience(restart: Restart) -> Patience {
        Patience { restart, ..Patience::default() }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_restart_kind_says_which_endings_count() {
        let now = Instant::now();
        let decide = |restart, ending| {
            Record::default().ended(&patience(restart), ending, Some(ms(1)), now)
                != Decision::Forget
        };
        assert!(decide(Restart::Permanent, Ending::Normal));
        assert!(decide(Restart::Permanent, FAULT));
        assert!(!decide(Restart::Transient, Ending::Normal));
        assert!(decide(Restart::Transient, FAULT));
        assert!(!decide(Restart::Temporary, FAULT));
    }

    #[test]
    fn pauses_double_until_the_fifth_fault_in_a_minute_quarantines() {
        let (patience, now) = (patience(Restart::Transient), Instant::now());
        let mut record = Record::default();
        let decisions: Vec<_> =
            (0..7).map(|i| record.ended(&patience, FAULT, Some(ms(5)), now + ms(i))).collect();
        let expected = [
            Decision::BackOff(ms(100)),
            Decision::BackOff(ms(200)),
            Decision::BackOff(ms(400)),
            Decision::BackOff(ms(800)),
            Decision::Quarantine(ms(30_000)),
            Decision::Quarantine(ms(60_000)),
            Decision::Quarantine(ms(120_000)),
        ];
        assert_eq!(decisions, expected);
    }

    #[test]
    fn a_child_that_ran_well_starts_with_a_clean_record() {
        let (patience, now) = (patience(Restart::Transient), Instant::now());
        let mut record = Record::default();
        for i in 0..9 {
            let _decision = record.ended(&patience, FAULT, None, now + ms(i));
        }
        let later = now + ms(700_000);
        let decision = record.ended(&patience, FAULT, Some(patience.well_after), later);
        assert_eq!(decision, Decision::BackOff(ms(100)));
    }

    #[test]
    fn the_sixth_restart_in_a_minute_gives_up() {
        let (intensity, now) = (Intensity::default(), Instant::now());
        let mut window = Window::default();
        let pauses: Vec<_> =
            (0..6).map(|i| intensity.restart(&mut window, now + ms(i * 1000))).collect();
        let expected =
            [Some(ms(0)), Some(ms(50)), Some(ms(100)), Some(ms(200)), Some(ms(400)), None];
        assert_eq!(pauses, expected);
        assert_eq!(intensity.restart(&mut window, now + ms(70_000)), Some(ms(0)));
    }

    proptest! {
        #[test]
        fn pauses_stay_within_their_bounds_and_memory_too(
            steps in vec((0_u64..200_000, option::of(0_u64..90_000)), 1..80)
        ) {
            let patience = patience(Restart::Permanent);
            let (mut record, mut now) = (Record::default(), Instant::now());
            let (mut quarantined, mut last) = (false, Duration::ZERO);
            for (gap, ran) in steps {
                now += ms(gap);
                let ran = ran.map(ms);
                let well = ran.is_some_and(|ran| ran >= patience.well_after);
                match record.ended(&patience, FAULT, ran, now) {
                    Decision::Forget => prop_assert!(false, "a permanent child was forgotten"),
                    Decision::BackOff(pause) => {
                        prop_assert!(!quarantined || well, "left quarantine unwell");
                        prop_assert!(pause >= patience.backoff_base);
                        prop_assert!(pause <= patience.backoff_max);
                        quarantined = false;
                    }
                    Decision::Quarantine(pause) => {
                        prop_assert!(pause >= patience.quarantine_base);
                        prop_assert!(pause <= patience.quarantine_max);
                        prop_assert!(well || !quarantined || pause >= last, "a pause shrank");
                        (quarantined, last) = (true, pause);
                    }
                }
                prop_assert!(record.window.log.len() <= patience.faults_max);
            }
        }

        #[test]
        fn it_gives_up_exactly_when_one_span_holds_too_many(
            gaps in vec(0_u64..40_000, 1..60)
        ) {
            let intensity = Intensity::default();
            let (mut window, mut now, mut all) = (Window::default(), Instant::now(), vec![]);
            for gap in gaps {
                now += ms(gap);
                all.push(now);
                let inside = all.iter().filter(|at| now - **at <= intensity.within).count();
                let gave_up = intensity.restart(&mut window, now).is_none();
                prop_assert_eq!(gave_up, inside > intensity.restarts_max);
            }
        }
    }
}
