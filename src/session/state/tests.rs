use super::*;
use crate::model::UserId;
use crate::supervision::outbox::{Inbox, outbox};

const NOW_MS: i64 = 1_795_400_000_000;
const IDLE_MS: i64 = 60_000;

fn open(state: &mut SessionState, id: u64) -> Inbox<ToTab> {
    let (outbox, inbox) = outbox(OUTBOX_FRAMES_MAX);
    let caller = Caller { user: UserId(1), name: "Bob".into(), via: Via::Login, from: None };
    state.open(Tab { id: TabId(id), login: None, caller, scope: Scope::ALL, outbox }, 9, NOW_MS);
    inbox
}

#[test]
fn a_session_whose_tabs_keep_up_has_nothing_to_wake_for() {
    let mut state = SessionState::new(NOW_MS);
    assert_eq!(state.next_tick_ms(IDLE_MS), Some(NOW_MS + IDLE_MS));
    let _inbox = open(&mut state, 1);
    assert_eq!(state.next_tick_ms(IDLE_MS), None);
    state.close(TabId(1), NOW_MS + 5);
    assert_eq!(state.next_tick_ms(IDLE_MS), Some(NOW_MS + 5 + IDLE_MS));
    assert!(state.tick(NOW_MS + 4 + IDLE_MS, IDLE_MS), "not yet");
    assert!(!state.tick(NOW_MS + 5 + IDLE_MS, IDLE_MS), "nobody is there any more");
}

#[test]
fn a_tab_that_stays_behind_is_closed_at_the_tick_that_was_asked_for() {
    let mut state = SessionState::new(NOW_MS);
    let _inbox = open(&mut state, 1);
    for number in 0..OUTBOX_FRAMES_MAX as u64 {
        state.tell_once(number, DeviceId(7), Bytes::from_static(b"{}"), NOW_MS);
    }
    let at_ms = state.next_tick_ms(IDLE_MS).unwrap();
    state.tick(at_ms - 1, IDLE_MS);
    assert_eq!(state.tabs(), 1);
    state.tick(at_ms, IDLE_MS);
    assert_eq!(state.tabs(), 0);
}
