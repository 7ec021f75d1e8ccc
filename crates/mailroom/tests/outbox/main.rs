//! The outbox against servers that refuse, lose answers and connections, and processes that are
//! killed, in virtual time and by seed.

mod drafts;
mod looks;
mod promises;
mod server;
mod stand;
mod turns;

use gatepost_host::environment;

/// The first seed; `GATEPOST_SIM_SEED` names another.
fn seed() -> u64 {
    let named = environment::text("GATEPOST_SIM_SEED");
    named.map_or(0, |seed| {
        seed.parse().expect("GATEPOST_SIM_SEED is a number")
    })
}
