//! Renewals that are killed: whatever the moment, the person need not sign in again.

use std::process::Stdio;
use std::time::Duration;

use gatepost_host::{Chance, Clock, environment};

use crate::browser::Browser;
use crate::signing_in::login;
use crate::stand::{ADA, Running, Stand};

/// Where a renewal came to its end, what it used is revoked, unlike at Entra: if ever the newest
/// refresh token were lost, or an older one shown, the sign-in would be over.
#[test]
fn killed_at_any_moment_of_a_renewal_it_stays_signed_in() {
    let chance = Chance::seeded(seed());
    let stand = Stand::with_mail();
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n\n[[watch]]\nmailbox = \"{ADA}\"\nsinks = [\"out\"]\n"
    ));
    let browser = Browser::new(&stand);
    let (mut signing_in, url) = login(&stand);
    browser.get(browser.sign_in(&url).as_str());
    assert!(signing_in.line().expect("who signed in").contains(ADA));
    let mut longest = longest_life(&stand);

    let mut renewed = 0;
    for round in 0..KILLS {
        let before = stand.printed(&["token", ADA]);
        stand.fault("expire-tokens");
        let verb: &[&str] = match round % 2 {
            0 => &["messages", ADA],
            _ => &["serve"],
        };
        let mut command = stand.command();
        command.args(verb).stderr(Stdio::null());
        let running = Running::start(command);
        pause(chance.up_to(longest));
        drop(running);

        // This shows what is stored, and asks nobody.
        let after = stand.printed(&["token", ADA]);
        let has_renewed = after != before;
        renewed += usize::from(has_renewed);
        // The machine may be busier than when it was measured, or less so.
        longest = if has_renewed {
            longest * 4 / 5
        } else {
            longest * 5 / 4
        };
        let ran = stand.run(&["messages", ADA]);
        assert_eq!(ran.exit, 0, "after {round} kills: {}", ran.stderr);
        stand.fault("revoke-used");
    }
    assert!(
        (1..KILLS).contains(&renewed),
        "{renewed} of {KILLS} were killed after the renewal, so not all moments were met"
    );
}

/// The longest that a program lives before it is killed: longer than a renewal takes here. Nothing
/// is taken to have happened by then.
fn longest_life(stand: &Stand) -> Duration {
    let clock = Clock::system();
    stand.fault("expire-tokens");
    let begin = clock.now();
    stand.printed(&["messages", ADA]);
    let taken = Duration::try_from(clock.now().duration_since(begin));
    taken.unwrap_or_default() * 3 / 2
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kill comes at a random time; nothing is taken to have happened by then"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The seed that is asked for, or a new one, which is said for the next time.
#[expect(clippy::print_stderr, reason = "a failure is repeated with this seed")]
fn seed() -> u64 {
    let wanted = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    let seed = wanted.unwrap_or_else(|| Chance::system().number());
    eprintln!("GATEPOST_SEED={seed}");
    seed
}

const KILLS: usize = 50;
