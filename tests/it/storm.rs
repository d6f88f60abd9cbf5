//! Thousands of commands while actors are killed, links are cut and devices misbehave: each is
//! answered exactly once, and ends exactly once.
//!
//! `HEARTH_COMMANDS` says how many (`just storm` takes 100,000), `HEARTH_SEED` repeats a run.

mod faults;
mod lamp;
mod ledger;
mod teller;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearth::model::DeviceId;
use hearth::store;

use crate::support::{Open, Person, SOON, Thing, soon};
use lamp::Lamp;
use ledger::{Books, Ledger};

const PEOPLE: u64 = 8;
const LAMPS: u64 = 8;
/// Commands to each lamp between two looks at the books: of each device 100 are kept.
const ROUND: u64 = 80;
/// How long the storm goes on when everything has been said, so that what has a time to live of a
/// second may expire.
const LATE: Duration = Duration::from_millis(1_300);

/// Numbers that follow from a seed (xorshift64*; Vigna, 2016).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// How far a round has come; everybody looks at it.
#[derive(Default)]
pub struct Weather(AtomicU64);

impl Weather {
    /// Anything may fail.
    const STORM: u64 = 0;
    /// Nothing fails any more, and lamps come back for what they missed.
    const CALM: u64 = 1;
    /// Every command has ended.
    const SETTLED: u64 = 2;
    /// The test is over.
    const OVER: u64 = 3;

    fn is(&self, stage: u64) -> bool {
        self.0.load(Ordering::Acquire) == stage
    }

    fn becomes(&self, stage: u64) {
        self.0.store(stage, Ordering::Release);
    }
}

/// A house that bears being broken all the time.
async fn house() -> Open {
    Open::with(&[
        ("HTTP__USER_RATE_MAX", "1000000"),
        ("HTTP__USER_BURST_MAX", "1000000"),
        ("HTTP__ADDRESS_RATE_MAX", "1000000"),
        // A storm on a busy machine outlasts a quarter of an hour.
        ("AUTH__ACCESS_TOKEN_S", "86400"),
        ("SUPERVISION__RESTARTS_MAX", "1000"),
        ("SUPERVISION__FAULTS_MAX", "1000"),
        ("SUPERVISION__BACKOFF_MS", "1"),
        ("SUPERVISION__BACKOFF_MS_MAX", "20"),
    ])
    .await
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_is_answered_and_ends_exactly_once_whatever_is_killed_or_cut() {
    let per_round = PEOPLE * LAMPS * ROUND;
    let (commands, seed) = (number("HEARTH_COMMANDS", per_round), number("HEARTH_SEED", 7));
    let (open, weather) = (house().await, Arc::new(Weather::default()));
    let (mut people, mut lamps) = (Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        let person = open.person(&format!("person-{number}")).await;
        let mut own = Vec::new();
        for lamp in 0..LAMPS {
            let thing = person.add("light", "lamp").await;
            let chance = Chance::new(seed + number * LAMPS + lamp);
            lamps.push(Lamp::switch_on(thing.clone(), chance, weather.clone()));
            own.push(thing);
        }
        people.push((person, own));
    }
    let mut ledger = Ledger::default();
    let rounds = commands.div_ceil(per_round);
    for round in 0..rounds {
        go_through(round, &open, &people, &weather, seed, &mut ledger).await;
        println!("round {} of {rounds}, HEARTH_SEED={seed}: {ledger}", round + 1);
    }
    weather.becomes(Weather::OVER);
    for lamp in lamps {
        lamp.switched_off().await;
    }
    assert_eq!(ledger.asked, rounds * per_round);
    assert!(ledger.faults > 0 && ledger.applied > 0 && ledger.refused > 0, "{ledger}");
    assert!(ledger.superseded > 0 && ledger.expired > 0, "{ledger}");
}

/// A storm, the calm after it, and a look at the books.
async fn go_through(
    round: u64,
    open: &Open,
    people: &[(Person, Vec<Thing>)],
    weather: &Arc<Weather>,
    seed: u64,
    ledger: &mut Ledger,
) {
    weather.becomes(Weather::STORM);
    let spoken = Arc::new(AtomicU64::new(0));
    let speak = |((person, own), number): (&(Person, Vec<Thing>), u64)| {
        let chance = Chance::new(seed ^ (round << 16 | number << 8));
        let name = format!("{round}-{number}");
        let teller = teller::Teller::new(person.clone(), own.clone(), name, chance);
        tokio::spawn(teller.speak(weather.clone(), spoken.clone()))
    };
    let tellers: Vec<_> = people.iter().zip(0..).map(speak).collect();
    let calm_down = async {
        while spoken.load(Ordering::Acquire) < PEOPLE {
            assert!(!tellers.iter().any(tokio::task::JoinHandle::is_finished), "see above");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(LATE).await;
        weather.becomes(Weather::CALM);
    };
    let break_things = faults::break_things(open, people, Chance::new(!seed ^ round), weather);
    let ((), faults) = tokio::join!(calm_down, break_things);
    ledger.faults += faults;
    let books = read_books(open, people).await;
    weather.becomes(Weather::SETTLED);
    for teller in tellers {
        ledger.check(soon(teller).await.unwrap(), &books);
    }
}

/// Waits until no command is open any more, and reads how they ended.
async fn read_books(open: &Open, people: &[(Person, Vec<Thing>)]) -> Books {
    let mut books = Books::new();
    for (person, thing) in people.iter().flat_map(|(who, own)| own.iter().map(move |t| (who, t))) {
        let (store, id) = (&open.house.store, DeviceId(thing.id));
        let settled = async {
            while !store::devices::open_commands(store, id).is_ok_and(|open| open.is_empty()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(SOON, settled).await.is_err() {
            let left = store::devices::open_commands(store, id);
            panic!("never ended: {left:#?}\n{:#}", person.see(thing).await);
        }
        for command in store::devices::commands(store, id).unwrap() {
            let reference = command.reference.to_string();
            books.entry(reference).or_default().push((command.phase, command.reason));
        }
    }
    books
}
