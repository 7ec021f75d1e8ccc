//! How long to wait after a failure.

use std::time::Duration;

use gatepost_fault::{After, Next};
use gatepost_host::Chance;

/// The wait before try number `tries` (from 1) after a fault whose next step is `next`.
pub(super) fn wait(next: Next, tries: u32, chance: &Chance) -> Duration {
    match next {
        Next::Retry(After::Backoff) | Next::Discard => growing(tries, chance),
        // What the server asked for is the least; the jitter spreads those it asked together.
        Next::Retry(After::AtLeast(least)) => {
            let extra = chance.up_to((least / 10).max(FIRST).min(LONGEST));
            least.saturating_add(extra)
        }
        // Somebody must act first. Looking now and then finds out that they did.
        Next::SignIn | Next::Reconfigure => SLOW + chance.up_to(SLOW / 4),
    }
}

/// Doubles from one second to five minutes; half of it is chance.
fn growing(tries: u32, chance: &Chance) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let full = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    full / 2 + chance.up_to(full / 2)
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);
const SLOW: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_names_a_time_is_never_asked_before_it() {
        let chance = Chance::seeded(1);
        for seconds in [0, 1, 300, 86_400] {
            let least = Duration::from_secs(seconds);
            for tries in 1..20 {
                let waited = wait(Next::Retry(After::AtLeast(least)), tries, &chance);
                assert!(waited >= least && waited <= least + LONGEST + FIRST);
            }
        }
    }

    #[test]
    fn the_wait_grows_to_its_bound() {
        let chance = Chance::seeded(2);
        for tries in 1..100 {
            let waited = wait(Next::Retry(After::Backoff), tries, &chance);
            let full = FIRST.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST);
            assert!(waited >= full / 2 && waited <= full, "{tries}: {waited:?}");
        }
    }

    #[test]
    fn a_person_is_given_time() {
        assert!(wait(Next::SignIn, 1, &Chance::seeded(3)) >= SLOW);
    }
}
