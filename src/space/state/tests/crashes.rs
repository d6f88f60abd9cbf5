//! A publisher, a space and a subscriber, with connections that are cut and a process that ends at
//! any moment, with any part of what it gave the store stored. Whatever happens: what was
//! acknowledged arrives, in order; and what is exactly once does not arrive twice.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;

use proptest::prelude::*;

use super::home::{Client, Connect, Home};
use crate::codec::{QoS, ReasonCode};
use crate::space::message::Message;
use crate::space::session_state::Outgoing;
use crate::space::{AckKind, Published, ToClient};

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish(bool),
    Store,
    Up,
    Down,
    CutUp,
    CutDown,
    Crash(prop::sample::Index),
    Pass,
}

/// The publisher's side: what it has not finished, with whether PUBREC came.
#[derive(Default)]
struct Publisher {
    client: Option<Client>,
    open: VecDeque<(NonZeroU16, QoS, u64, bool)>,
    packet_ids: u16,
    published: u64,
    acknowledged: Vec<(u64, QoS)>,
}

#[derive(Default)]
struct Subscriber {
    client: Option<Client>,
    held: BTreeSet<NonZeroU16>,
    got: Vec<(u64, QoS)>,
}

struct Scene {
    home: Home,
    publisher: Publisher,
    subscriber: Subscriber,
}

impl Scene {
    fn new() -> Self {
        let mut home = Home::new();
        let subscriber = home.listener(Connect::lasting("subscriber"), "t", QoS::ExactlyOnce);
        home.is_quick = false;
        let subscriber = Subscriber { client: Some(subscriber), ..Subscriber::default() };
        Self { home, publisher: Publisher::default(), subscriber }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(exactly_once) => self.publish(exactly_once),
            Step::Store => self.store_one(),
            Step::Up => self.up(),
            Step::Down => self.down(),
            Step::CutUp => {
                if let Some(client) = self.publisher.client.take() {
                    self.home.lose(&client);
                }
            }
            Step::CutDown => {
                if let Some(client) = self.subscriber.client.take() {
                    self.home.lose(&client);
                }
            }
            Step::Crash(stored) => {
                let stored = stored.index(self.home.asked.len() + 1);
                for (_, rows) in self.home.asked.drain(..stored) {
                    self.home.shelf.write(rows);
                }
                (self.publisher.client, self.subscriber.client) = (None, None);
                self.home.restart();
            }
            Step::Pass => self.home.pass(300),
        }
    }

    fn store_one(&mut self) {
        if self.home.asked.is_empty() {
            return;
        }
        let (number, rows) = self.home.asked.remove(0);
        self.home.shelf.write(rows);
        if let Some(number) = number {
            self.home.turn(|space, out, now| space.stored(number, true, out, now));
        }
    }

    /// The publisher's connection, begun if need be with what was not finished.
    fn at(&mut self) -> &Client {
        if self.publisher.client.is_none() {
            self.publisher.client = Some(self.home.connect(Connect::lasting("publisher")));
            for (packet_id, qos, number, received) in self.publisher.open.clone() {
                self.send(packet_id, qos, number, received);
            }
        }
        self.publisher.client.as_ref().unwrap()
    }

    fn send(&mut self, packet_id: NonZeroU16, qos: QoS, number: u64, received: bool) {
        let at = self.publisher.client.as_ref().unwrap().at;
        if received {
            let ack = (AckKind::Pubrel, packet_id, ReasonCode::SUCCESS);
            self.home.turn(|space, out, now| space.acknowledged(at, ack, out, now)).unwrap();
        } else {
            let message = Arc::new(Message::new("t", &number.to_be_bytes(), qos, false));
            let published = Published { message, packet_id: Some(packet_id) };
            self.home.turn(|space, out, now| space.publish(at, published, out, now)).unwrap();
        }
    }

    fn publish(&mut self, exactly_once: bool) {
        self.at();
        if self.publisher.open.len() >= 10 {
            return;
        }
        let qos = if exactly_once { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        self.publisher.packet_ids = self.publisher.packet_ids % 30 + 1;
        let packet_id = NonZeroU16::new(self.publisher.packet_ids).unwrap();
        if self.publisher.open.iter().any(|(open, ..)| *open == packet_id) {
            return;
        }
        let number = self.publisher.published;
        self.publisher.published += 1;
        self.publisher.open.push_back((packet_id, qos, number, false));
        self.send(packet_id, qos, number, false);
    }

    /// The publisher takes an answer.
    fn up(&mut self) {
        self.at();
        let Some(told) = self.publisher.client.as_mut().and_then(|client| client.inbox.try_recv())
        else {
            return;
        };
        let ToClient::Packet(packet) = told else { return };
        let find = |open: &VecDeque<(NonZeroU16, QoS, u64, bool)>, id| {
            open.iter().position(|(known, ..)| *known == id)
        };
        let publisher = &mut self.publisher;
        match packet {
            Outgoing::Puback(id, _) | Outgoing::Pubcomp(id, _) => {
                if let Some(at) = find(&publisher.open, id) {
                    let (_, qos, number, _) = publisher.open.remove(at).unwrap();
                    publisher.acknowledged.push((number, qos));
                }
            }
            Outgoing::Pubrec(id, _) => {
                if let Some(at) = find(&publisher.open, id) {
                    publisher.open[at].3 = true;
                    let (packet_id, qos, number, received) = publisher.open[at];
                    self.send(packet_id, qos, number, received);
                }
            }
            Outgoing::Publish(_)
            | Outgoing::Pubrel(..)
            | Outgoing::Suback(..)
            | Outgoing::Unsuback(..) => {}
        }
    }

    /// The subscriber takes a packet and acknowledges it.
    fn down(&mut self) {
        if self.subscriber.client.is_none() {
            let client = self.home.connect(Connect::lasting("subscriber"));
            assert!(client.session_present);
            self.subscriber.client = Some(client);
        }
        let subscriber = &mut self.subscriber;
        let Some(client) = &mut subscriber.client else { return };
        let Some(ToClient::Packet(packet)) = client.inbox.try_recv() else { return };
        let ack = match packet {
            Outgoing::Publish(publish) => {
                let packet_id = publish.packet_id.unwrap();
                let payload = publish.delivery.message.payload();
                let number = u64::from_be_bytes(payload.try_into().unwrap());
                let exactly_once = publish.delivery.qos == QoS::ExactlyOnce;
                if !exactly_once || subscriber.held.insert(packet_id) {
                    subscriber.got.push((number, publish.delivery.qos));
                }
                (if exactly_once { AckKind::Pubrec } else { AckKind::Puback }, packet_id)
            }
            Outgoing::Pubrel(packet_id, _) => {
                subscriber.held.remove(&packet_id);
                (AckKind::Pubcomp, packet_id)
            }
            Outgoing::Puback(..)
            | Outgoing::Pubrec(..)
            | Outgoing::Pubcomp(..)
            | Outgoing::Suback(..)
            | Outgoing::Unsuback(..) => return,
        };
        self.home.ack(client, ack.0, ack.1.get());
    }

    /// Everything that is under way arrives.
    fn settle(&mut self) {
        for _ in 0..600 {
            self.store_one();
            self.up();
            self.down();
        }
        self.home.pass(1_000);
        self.home.store();
    }
}

fn of(all: &[(u64, QoS)], wanted: QoS) -> Vec<u64> {
    all.iter().filter(|(_, qos)| *qos == wanted).map(|(number, _)| *number).collect()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Publish),
        4 => Just(Step::Store),
        4 => Just(Step::Up),
        4 => Just(Step::Down),
        1 => Just(Step::CutUp),
        1 => Just(Step::CutDown),
        1 => any::<prop::sample::Index>().prop_map(Step::Crash),
        1 => Just(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_acknowledged_is_lost_and_nothing_exactly_once_comes_twice(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut scene = Scene::new();
        for step in steps {
            scene.step(step);
        }
        scene.settle();
        let (acknowledged, got) = (&scene.publisher.acknowledged, &scene.subscriber.got);
        prop_assert_eq!(acknowledged.len() as u64, scene.publisher.published);
        let exactly = of(got, QoS::ExactlyOnce);
        let mut wanted = of(acknowledged, QoS::ExactlyOnce);
        wanted.sort_unstable();
        prop_assert_eq!(exactly, wanted, "each once, in order");
        let mut at_least = Vec::new();
        for number in of(got, QoS::AtLeastOnce) {
            if !at_least.contains(&number) {
                at_least.push(number);
            }
        }
        let mut wanted = of(acknowledged, QoS::AtLeastOnce);
        wanted.sort_unstable();
        prop_assert_eq!(at_least, wanted, "each once at least, the first time in order");
        prop_assert_eq!(scene.home.shelf.orphans(), 0);
        let stored = scene.home.shelf.load();
        prop_assert!(stored.sessions.iter().all(|(_, queue)| queue.is_empty()));
    }
}
