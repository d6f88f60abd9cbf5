//! A client and a session over a line that is cut at any moment, with everything on it lost; now
//! and then the server starts again from its snapshot. Whatever happens: QoS 2 arrives exactly
//! once, QoS 1 at least once, both in order, in both directions.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::codec::{Encoder, Packet, decode};

/// What the client answers and remembers, as the standard wants it.
#[derive(Default)]
struct Client {
    held: BTreeSet<NonZeroU16>,
    got: Vec<u64>,
    /// Its own messages not yet acknowledged, in order, and whether PUBREC came.
    sending: VecDeque<(NonZeroU16, QoS, u64, bool)>,
    last_packet_id: u16,
}

/// A packet from the client.
#[derive(Debug, Clone, Copy)]
enum Up {
    Publish(NonZeroU16, QoS, u64),
    Puback(NonZeroU16),
    Pubrec(NonZeroU16),
    Pubrel(NonZeroU16),
    Pubcomp(NonZeroU16),
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Deliver(QoS),
    Send(QoS),
    Down,
    Up,
    Accept,
    Cut,
    Restart,
}

struct Line {
    session: SessionState,
    client: Client,
    limits: SessionLimits,
    down: VecDeque<Outgoing>,
    up: VecDeque<Up>,
    connected: bool,
    /// What the server took over from the client, and what of it waits to be made durable.
    passed_on: Vec<u64>,
    accepting: VecDeque<(NonZeroU16, u64)>,
    told_delivered: Vec<u64>,
    delivered: u64,
    sent: u64,
}

impl Line {
    fn new(in_flight_max: u16) -> Self {
        let limits =
            SessionLimits { in_flight_max, queue_messages_max: 10_000, ..SessionLimits::default() };
        Self {
            session: SessionState::new(limits.into()),
            client: Client::default(),
            limits,
            down: VecDeque::new(),
            up: VecDeque::new(),
            connected: false,
            passed_on: Vec::new(),
            accepting: VecDeque::new(),
            told_delivered: Vec::new(),
            delivered: 0,
            sent: 0,
        }
    }

    fn carry_out(&mut self, effects: Vec<SessionEffect>) {
        for effect in effects {
            match effect {
                SessionEffect::Write(packet) => self.down.push_back(packet),
                SessionEffect::Delivered(token) => self.told_delivered.push(token),
                SessionEffect::Dropped { .. } => panic!("nothing is dropped here: {effect:?}"),
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Deliver(qos) => {
                let mut effects = Vec::new();
                self.session.deliver(numbered(self.delivered, qos), 0, &mut effects);
                self.delivered += 1;
                self.carry_out(effects);
            }
            Step::Send(qos) => self.client_sends(qos),
            Step::Down => self.client_reads(),
            Step::Up => self.session_reads(),
            Step::Accept => self.accept(),
            Step::Cut => self.cut(),
            Step::Restart => {
                self.cut();
                self.accepting.clear();
                let stored = postcard::to_allocvec(&self.session.snapshot()).unwrap();
                let snapshot = postcard::from_bytes(&stored).unwrap();
                let mut effects = Vec::new();
                self.session = SessionState::restore(self.limits.into(), snapshot, &mut effects);
                self.carry_out(effects);
            }
        }
        if !self.connected {
            self.connect();
        }
    }

    fn cut(&mut self) {
        self.session.detach();
        self.down.clear();
        self.up.clear();
        // QoS 1 not acknowledged yet comes again, and is another message to the server then.
        self.connected = false;
    }

    fn connect(&mut self) {
        let mut effects = Vec::new();
        self.session.attach(Link::new(Version::V5), 0, &mut effects);
        self.carry_out(effects);
        self.connected = true;
        for (packet_id, qos, number, received) in &self.client.sending {
            self.up.push_back(if *received {
                Up::Pubrel(*packet_id)
            } else {
                Up::Publish(*packet_id, *qos, *number)
            });
        }
    }

    fn client_sends(&mut self, qos: QoS) {
        if self.client.sending.len() >= 20 {
            return;
        }
        self.client.last_packet_id += 1;
        let packet_id = id(self.client.last_packet_id);
        self.client.sending.push_back((packet_id, qos, self.sent, false));
        self.up.push_back(Up::Publish(packet_id, qos, self.sent));
        self.sent += 1;
    }

    /// The client reads one packet from its bytes.
    fn client_reads(&mut self) {
        let Some(outgoing) = self.down.pop_front() else { return };
        let mut bytes = Vec::new();
        outgoing.encode(Encoder::new(Version::V5), &mut bytes).unwrap();
        let client = &mut self.client;
        match decode(Version::V5, &bytes).unwrap() {
            Packet::Publish(publish) => {
                let number = u64::from_be_bytes(publish.payload.try_into().unwrap());
                let packet_id = publish.packet_id.unwrap();
                if publish.qos == AT_LEAST_ONCE {
                    client.got.push(number);
                    self.up.push_back(Up::Puback(packet_id));
                } else {
                    if client.held.insert(packet_id) {
                        client.got.push(number);
                    }
                    self.up.push_back(Up::Pubrec(packet_id));
                }
            }
            Packet::Pubrel(ack) => {
                client.held.remove(&ack.packet_id);
                self.up.push_back(Up::Pubcomp(ack.packet_id));
            }
            Packet::Puback(ack) | Packet::Pubcomp(ack) => {
                client.sending.retain(|(packet_id, ..)| *packet_id != ack.packet_id);
            }
            Packet::Pubrec(ack) => {
                for (packet_id, _, _, received) in &mut client.sending {
                    *received |= *packet_id == ack.packet_id;
                }
                self.up.push_back(Up::Pubrel(ack.packet_id));
            }
            packet @ (Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Subscribe(_)
            | Packet::Suback(_)
            | Packet::Unsubscribe(_)
            | Packet::Unsuback(_)
            | Packet::Pingreq
            | Packet::Pingresp
            | Packet::Disconnect(_)
            | Packet::Auth(_)) => panic!("{packet:?}"),
        }
    }

    fn session_reads(&mut self) {
        let Some(packet) = self.up.pop_front() else { return };
        let mut effects = Vec::new();
        let Self { session, .. } = self;
        match packet {
            Up::Publish(packet_id, qos, number) => {
                let received = session.publish(qos, packet_id, &mut effects).unwrap();
                if received == Received::Fresh {
                    self.accepting.push_back((packet_id, number));
                }
            }
            Up::Puback(packet_id) => session.puback(packet_id, OK, 0, &mut effects).unwrap(),
            Up::Pubrec(packet_id) => session.pubrec(packet_id, OK, 0, &mut effects).unwrap(),
            Up::Pubrel(packet_id) => session.pubrel(packet_id, &mut effects).unwrap(),
            Up::Pubcomp(packet_id) => session.pubcomp(packet_id, 0, &mut effects).unwrap(),
        }
        self.carry_out(effects);
    }

    /// One message from the client becomes durable, together with the snapshot.
    fn accept(&mut self) {
        let Some((packet_id, number)) = self.accepting.pop_front() else { return };
        self.passed_on.push(number);
        let mut effects = Vec::new();
        self.session.accept(packet_id, OK, &mut effects);
        self.carry_out(effects);
    }

    /// Lets the line work undisturbed until nothing moves.
    fn settle(&mut self) {
        while !(self.down.is_empty() && self.up.is_empty() && self.accepting.is_empty()) {
            self.step(Step::Down);
            self.step(Step::Up);
            self.step(Step::Accept);
        }
    }
}

/// Each number when it came first.
fn first_times(numbers: &[u64]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}

fn steps(qos: QoS) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Deliver(qos)),
        8 => Just(Step::Send(qos)),
        20 => Just(Step::Down),
        20 => Just(Step::Up),
        10 => Just(Step::Accept),
        2 => Just(Step::Cut),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..300)
}

fn ran(in_flight_max: u16, steps: &[Step]) -> Line {
    let mut line = Line::new(in_flight_max);
    for step in steps {
        line.step(*step);
        assert!(line.session.in_flight() <= usize::from(in_flight_max));
    }
    line.settle();
    assert!(line.client.held.is_empty(), "every message is released");
    assert!(line.client.sending.is_empty(), "every message is acknowledged");
    line
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn exactly_once_and_in_order_through_any_cuts(
        in_flight_max in 1..8_u16,
        steps in steps(QoS::ExactlyOnce),
    ) {
        let line = ran(in_flight_max, &steps);
        prop_assert_eq!(&line.client.got, &(0..line.delivered).collect::<Vec<_>>());
        prop_assert_eq!(&line.told_delivered, &line.client.got);
        prop_assert_eq!(line.passed_on, (0..line.sent).collect::<Vec<_>>());
        prop_assert!(line.session.is_idle());
    }

    #[test]
    fn at_least_once_and_in_order_through_any_cuts(
        in_flight_max in 1..8_u16,
        steps in steps(QoS::AtLeastOnce),
    ) {
        let line = ran(in_flight_max, &steps);
        prop_assert_eq!(first_times(&line.client.got), (0..line.delivered).collect::<Vec<_>>());
        prop_assert_eq!(&line.told_delivered, &(0..line.delivered).collect::<Vec<_>>());
        prop_assert_eq!(first_times(&line.passed_on), (0..line.sent).collect::<Vec<_>>());
        prop_assert!(line.session.is_idle());
    }
}
