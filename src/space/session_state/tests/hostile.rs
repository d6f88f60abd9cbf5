//! A client that says anything at any time: nothing panics, no limit is passed, no packet is larger
//! than the client takes, and every message comes to exactly one end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::codec::Encoder;

#[derive(Debug, Clone, Copy)]
enum Step {
    Attach(Link),
    Detach,
    Deliver(QoS, u64),
    Publish(QoS, u16),
    Accept(u16, bool),
    Puback(u16, bool),
    Pubrec(u16, bool),
    Pubrel(u16),
    Pubcomp(u16),
    Wait(u64),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    let qos = || prop_oneof![Just(AT_MOST_ONCE), Just(AT_LEAST_ONCE), Just(EXACTLY_ONCE)];
    // Few identifiers, so that they meet.
    let packet_id = || 1..12_u16;
    let link = (any::<bool>(), 1..6_u16, prop_oneof![Just(15_u32), Just(PACKET_BYTES_MAX)])
        .prop_map(|(v5, receive_maximum, packet_bytes_max)| Link {
            version: if v5 { Version::V5 } else { Version::V311 },
            receive_maximum: id(receive_maximum),
            packet_bytes_max,
        });
    prop_oneof![
        4 => link.prop_map(Step::Attach),
        2 => Just(Step::Detach),
        12 => (qos(), 0..100_u64).prop_map(|(qos, lives_ms)| Step::Deliver(qos, lives_ms)),
        4 => (qos(), packet_id()).prop_map(|(qos, packet_id)| Step::Publish(qos, packet_id)),
        4 => (packet_id(), any::<bool>()).prop_map(|(packet_id, ok)| Step::Accept(packet_id, ok)),
        6 => (packet_id(), any::<bool>()).prop_map(|(packet_id, ok)| Step::Puback(packet_id, ok)),
        6 => (packet_id(), any::<bool>()).prop_map(|(packet_id, ok)| Step::Pubrec(packet_id, ok)),
        4 => packet_id().prop_map(Step::Pubrel),
        6 => packet_id().prop_map(Step::Pubcomp),
        3 => (0..40_u64).prop_map(Step::Wait),
        2 => Just(Step::Expire),
    ]
}

const LIMITS: SessionLimits = SessionLimits {
    in_flight_max: 4,
    receive_maximum: 3,
    receive_maximum_mqtt3: 5,
    queue_messages_max: 5,
    queue_bytes_max: 40,
    queue_age_ms_max: 60,
};

#[derive(Default)]
struct World {
    now_ms: u64,
    link: Option<Link>,
    deliveries: u64,
    ends: BTreeMap<u64, u32>,
}

impl World {
    fn take(&mut self, session: &mut SessionState, step: Step, effects: &mut Effects) {
        let reason = |ok| if ok { OK } else { ReasonCode::UNSPECIFIED_ERROR };
        let now_ms = self.now_ms;
        // A connection ends with the first fault of its client.
        let fault = match step {
            Step::Attach(link) => {
                self.link = Some(link);
                session.attach(link, now_ms, effects);
                None
            }
            Step::Deliver(qos, lives_ms) => {
                let number = self.deliveries;
                self.deliveries += 1;
                let mut message = Message::new("t", &number.to_be_bytes(), qos, false);
                message.expires_at_ms = Some(now_ms + lives_ms);
                let delivery = Delivery::new(Arc::new(message), qos);
                let delivery = Delivery { token: Some(number), ..delivery };
                session.deliver(delivery, now_ms, effects);
                None
            }
            Step::Publish(qos, at) => session.publish(qos, id(at), effects).err(),
            Step::Accept(at, ok) => {
                session.accept(id(at), reason(ok), effects);
                None
            }
            Step::Puback(at, ok) => session.puback(id(at), reason(ok), now_ms, effects).err(),
            Step::Pubrec(at, ok) => session.pubrec(id(at), reason(ok), now_ms, effects).err(),
            Step::Pubrel(at) => session.pubrel(id(at), effects).err(),
            Step::Pubcomp(at) => session.pubcomp(id(at), now_ms, effects).err(),
            Step::Wait(ms) => {
                self.now_ms += ms;
                None
            }
            Step::Expire => {
                session.expire(now_ms, effects);
                None
            }
            Step::Detach => Some(SessionError::OutOfTurn),
        };
        if fault.is_some() {
            self.link = None;
            session.detach();
        }
    }

    fn look_at(&mut self, effects: &[SessionEffect]) {
        for effect in effects {
            match effect {
                SessionEffect::Delivered(token)
                | SessionEffect::Dropped { token: Some(token), .. } => {
                    *self.ends.entry(*token).or_default() += 1;
                }
                SessionEffect::Dropped { token: None, .. } => {}
                SessionEffect::Write(packet) => {
                    let link = self.link.expect("nothing is written to nobody");
                    let encoder = Encoder::new(link.version);
                    let encoder = encoder.with_packet_bytes_max(link.packet_bytes_max);
                    packet.encode(encoder, &mut Vec::new()).unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_message_comes_to_one_end_whatever_the_client_says(
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut session = SessionState::new(LIMITS.into());
        let mut world = World::default();
        for step in steps {
            let mut effects = Vec::new();
            world.take(&mut session, step, &mut effects);
            world.look_at(&effects);
            prop_assert!(session.in_flight() <= 4 && session.queued() <= 5);
            let snapshot = session.snapshot();
            let mut identifiers: Vec<_> = snapshot.sent.iter().map(|(at, _)| *at).collect();
            identifiers.extend(&snapshot.released);
            identifiers.sort_unstable();
            identifiers.dedup();
            prop_assert_eq!(identifiers.len(), session.in_flight(), "no identifier twice");
            prop_assert!(snapshot.held.len() <= 5);
        }
        let mut effects = Vec::new();
        session.clear(&mut effects);
        world.look_at(&effects);
        let once = (0..world.deliveries).map(|number| (number, 1)).collect();
        prop_assert_eq!(world.ends, once, "each message has one end");
        prop_assert!(session.is_idle());
    }
}
