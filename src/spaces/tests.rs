//! Nothing crosses from one user's space to another's, whatever their clients do, and everybody
//! gets what a naive model says: as many steps as [`STEPS`], over several users whose clients bear
//! the same names, in spaces that are reached, killed and begun again as in the house.

mod choices;
mod model;
mod seat;
mod town;

use std::sync::atomic::{AtomicU64, Ordering};

use town::Town;

const STEPS: u64 = 1_000_000;
/// Steps of one town. A failure shows its seed; `HEARTH_SEED` shows it again.
const STEPS_OF_A_TOWN: u64 = 1_000;
const THREADS: usize = 2;

/// # Panics
/// If the town is not what the model says.
fn live_through(seed: u64) -> u64 {
    let mut town = Town::found(seed);
    for step in 0..STEPS_OF_A_TOWN {
        if let Err(difference) = town.step() {
            let steps = town.last_steps();
            panic!("HEARTH_SEED={seed}, step {step}: {difference}\nthe last steps:\n{steps}");
        }
    }
    town.delivered()
}

#[test]
fn in_a_million_steps_nothing_crosses_and_everybody_gets_what_a_naive_model_says() {
    if let Some(seed) = std::env::var("HEARTH_SEED").ok().and_then(|seed| seed.parse().ok()) {
        live_through(seed);
        return;
    }
    let (seeds, delivered) = (AtomicU64::new(0), AtomicU64::new(0));
    let live = || {
        loop {
            let seed = seeds.fetch_add(1, Ordering::Relaxed);
            if seed >= STEPS / STEPS_OF_A_TOWN {
                return;
            }
            delivered.fetch_add(live_through(seed), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(live))));
    let delivered = delivered.into_inner();
    assert!(delivered > STEPS / 10, "{delivered}: a town in which nothing is said shows nothing");
}
