//! How long to wait after a failure.

use std::time::Duration;

use gatepost_fault::{After, Next};
use gatepost_host::Chance;

/// Whether the folder of a watch could ever be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Never,
    Worked,
}

/// The wait before try number `tries` (from 1) after a fault whose next step is `next`.
pub(super) fn wait(next: Next, (tries, before): (u32, Before), chance: &Chance) -> Duration {
    match (next, before) {
        // What worked with the same settings may work again in a moment: Exchange says
        // "not connected" of a mailbox that it moves, or that has too many connections.
        (Next::Retry(After::Backoff) | Next::Discard, _) | (Next::Reconfigure, Before::Worked) => {
            growing(tries, chance)
        }
        // What the server asked for is the least; the jitter spreads those it asked together.
        (Next::Retry(After::AtLeast(least)), _) => {
            let extra = chance.up_to((least / 10).max(FIRST).min(LONGEST));
            least.saturating_add(extra)
        }
        // Somebody must act first. Looking now and then finds out that they did.
        (Next::SignIn | Next::Reconfigure, _) => SLOW + chance.up_to(SLOW / 4),
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
                let waited = wait(
                    Next::Retry(After::AtLeast(least)),
                    (tries, Before::Worked),
                    &chance,
                );
                assert!(waited >= least && waited <= least + LONGEST + FIRST);
            }
        }
    }

    #[test]
    fn the_wait_grows_to_its_bound() {
        let chance = Chance::seeded(2);
        for tries in 1..100 {
            let waited = wait(Next::Retry(After::Backoff), (tries, Before::Never), &chance);
            let full = FIRST.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST);
            assert!(waited >= full / 2 && waited <= full, "{tries}: {waited:?}");
        }
    }

    #[test]
    fn a_person_is_given_time() {
        let chance = Chance::seeded(3);
        assert!(wait(Next::SignIn, (1, Before::Worked), &chance) >= SLOW);
        assert!(wait(Next::Reconfigure, (1, Before::Never), &chance) >= SLOW);
    }

    #[test]
    fn what_just_worked_is_tried_again_in_seconds_and_then_less_often() {
        let chance = Chance::seeded(4);
        let waited = |tries| wait(Next::Reconfigure, (tries, Before::Worked), &chance);
        assert!(waited(1) <= Duration::from_secs(1));
        assert!((1..=4).map(waited).sum::<Duration>() <= Duration::from_secs(15));
        assert!(waited(20) >= LONGEST / 2);
    }
}
