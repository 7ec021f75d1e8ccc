//! Deterministic simulation: listeners and couriers in one thread and in virtual time, against a
//! server that cuts, throttles and forgets, a storage that is sometimes busy, sinks that fail,
//! and a process that dies between any two durable steps.
//!
//! Every seed is one life. `GATEPOST_SIM_SEED=17 cargo nextest run -p gatepost-mailroom --test sim`
//! lives one of them again.

mod fuse;
mod life;
mod promises;
mod server;
mod sinks;
mod storage;

use gatepost_host::environment;
use life::live;

/// Lives the seeds of one part, or the one that the environment names.
fn live_all(part: u64) {
    let named = environment::text("GATEPOST_SIM_SEED").map(|seed| {
        let seed = seed.parse();
        seed.expect("GATEPOST_SIM_SEED is a number")
    });
    let seeds = match named {
        Some(seed) => vec![seed],
        None => (0..SEEDS).map(|seed| seed * PARTS + part).collect(),
    };
    for seed in seeds {
        let lived = std::panic::catch_unwind(|| live(seed));
        if let Err(panic) = lived {
            let seed = format!("GATEPOST_SIM_SEED={seed}");
            let text = panic.downcast_ref::<&str>().copied();
            let told = panic
                .downcast_ref::<String>()
                .map_or(text, |told| Some(told));
            let told = told.unwrap_or_default();
            panic!("the life of {seed} broke a promise: {told}");
        }
    }
}

#[test]
fn every_message_reaches_every_sink_first_part() {
    live_all(0);
}

#[test]
fn every_message_reaches_every_sink_second_part() {
    live_all(1);
}

const PARTS: u64 = 2;
const SEEDS: u64 = 100;
