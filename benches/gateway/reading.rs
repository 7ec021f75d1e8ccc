//! Large messages, many small ones, and small commands.
//!
//! Dovecot and a client in TLS take most of two processors for themselves: the direct connection
//! is hardly faster than any relay, so nothing can be five times as fast as something that is a
//! third as fast as that. What the relays can do shows [`light`]: a server that sends octets that
//! lie ready, and a client that speaks in clear and throws away what comes.

use std::time::Duration;

use anyhow::bail;
use gatepost_benches::{Sample, Stopwatch, compare, judge, report};

use crate::stand::{ADA, BOB, LARGE, LARGE_OCTETS, LIGHT, ROUNDS, SMALL, SMALL_OCTETS, Stand, Way};

/// Large messages from Dovecot.
pub(crate) fn downloads(stand: &Stand) -> anyhow::Result<()> {
    let emailproxy = stand.emailproxy()?;
    let ways = [
        stand.direct(),
        stand.haproxy(),
        stand.gatepost(),
        stand.through_emailproxy(&emailproxy),
    ];
    let what = format!("{LARGE} messages of {LARGE_OCTETS} octets by IMAP");
    let [direct, haproxy, ours, emailproxy] = &fetched(&ways, ADA)?;
    compare(&what, ("gatepost", &ours.took), ("direct", &direct.took));
    let theirs = ("haproxy", &haproxy.took);
    let ratio = compare(&what, ("gatepost", &ours.took), theirs);
    judge("at least 0.95 times as fast", ratio >= 0.95);
    report_work([ours, haproxy, emailproxy]);
    let theirs = ("emailproxy", &emailproxy.took);
    compare(&what, ("gatepost", &ours.took), theirs);
    Ok(())
}

/// The same from the origin, to clients in clear.
pub(crate) fn light(stand: &Stand) -> anyhow::Result<()> {
    let emailproxy = stand.emailproxy_light()?;
    let ways = [
        stand.through_haproxy(&stand.haproxy_light.clear),
        stand.through_gatepost(&stand.doors.clear),
        stand.through_emailproxy(&emailproxy),
    ];
    let what = format!("{LARGE} messages of {LARGE_OCTETS} octets that lie ready, in clear");
    let [haproxy, ours, emailproxy] = &fetched(&ways, LIGHT)?;
    let theirs = ("haproxy", &haproxy.took);
    let ratio = compare(&what, ("gatepost", &ours.took), theirs);
    judge("at least 0.95 times as fast", ratio >= 0.95);
    report_work([ours, haproxy, emailproxy]);
    let theirs = ("emailproxy", &emailproxy.took);
    let ratio = compare(&what, ("gatepost", &ours.took), theirs);
    judge("at least 5 times as fast", ratio >= 5.0);
    Ok(())
}

/// What it took to fetch all large messages once.
#[derive(Debug, Default)]
struct Fetched {
    took: Sample,
    /// Processor time of the process in the middle.
    worked: Sample,
}

fn fetched<const WAYS: usize>(
    ways: &[Way<'_>; WAYS],
    user: &str,
) -> anyhow::Result<[Fetched; WAYS]> {
    let mut fetched: [Fetched; WAYS] = std::array::from_fn(|_| Fetched::default());
    for round in 0..=ROUNDS {
        for (number, way) in ways.iter().enumerate() {
            let before = way.worked()?;
            let took = fetch(way, (user, LARGE * LARGE_OCTETS))?;
            // Dovecot's first look is for whoever comes first.
            if round > 0 {
                fetched[number].took.push(took);
                let worked = way.worked()?.saturating_sub(before);
                fetched[number].worked.push(worked);
            }
        }
    }
    Ok(fetched)
}

fn report_work([ours, haproxy, emailproxy]: [&Fetched; 3]) {
    let gigabytes = f64::from(LARGE) * f64::from(LARGE_OCTETS) / 1e9;
    let work = |fetched: &Fetched| fetched.worked.median().as_secs_f64() / gigabytes;
    let (of_us, of_haproxy) = (work(ours), work(haproxy));
    report(&format!(
        "  processor time for a gigabyte: gatepost {of_us:.2} s, haproxy {of_haproxy:.2} s, \
         emailproxy {:.2} s",
        work(emailproxy)
    ));
    judge("no more than haproxy", of_us <= of_haproxy);
}

fn fetch(way: &Way<'_>, (user, least): (&str, u32)) -> anyhow::Result<Duration> {
    let mut caller = way.call(user)?;
    caller.command("EXAMINE INBOX")?;
    let watch = Stopwatch::start();
    let octets = caller.command("FETCH 1:* BODY.PEEK[]")?;
    let took = watch.elapsed();
    if octets < u64::from(least) {
        bail!("{}: only {octets} octets came", way.name);
    }
    Ok(took)
}

/// Many small messages in one answer, and small commands one after another.
pub(crate) fn commands(stand: &Stand) -> anyhow::Result<()> {
    let ways = [stand.direct(), stand.haproxy(), stand.gatepost()];
    let mut small: [Sample; 3] = std::array::from_fn(|_| Sample::default());
    let mut each: [Sample; 3] = std::array::from_fn(|_| Sample::default());
    for round in 0..=ROUNDS {
        for (number, way) in ways.iter().enumerate() {
            let took = fetch(way, (BOB, SMALL * SMALL_OCTETS))?;
            if round > 0 {
                small[number].push(took);
            }
        }
    }
    // What is added is a small part of it, and the machine varies by as much from one to the next.
    for round in 0..=COMMAND_ROUNDS {
        for (number, way) in ways.iter().enumerate() {
            let mut caller = way.call(BOB)?;
            let watch = Stopwatch::start();
            for _ in 0..COMMANDS {
                caller.command("NOOP")?;
            }
            if round > 0 {
                each[number].push(watch.elapsed());
            }
        }
    }
    let [direct, haproxy, ours] = &small;
    let what = format!("{SMALL} messages of {SMALL_OCTETS} octets by IMAP");
    compare(&what, ("gatepost", ours), ("direct", direct));
    let ratio = compare(&what, ("gatepost", ours), ("haproxy", haproxy));
    judge("at least 0.95 times as fast", ratio >= 0.95);
    let what = format!("{COMMANDS} commands by IMAP");
    let [direct, haproxy, ours] = &each;
    compare(&what, ("gatepost", ours), ("haproxy", haproxy));
    let added = |sample: &Sample| {
        let more = sample.median().as_secs_f64() - direct.median().as_secs_f64();
        1e6 * more / f64::from(COMMANDS)
    };
    let (of_us, of_haproxy) = (added(ours), added(haproxy));
    report(&format!(
        "  added to each command: gatepost {of_us:.0} µs, haproxy {of_haproxy:.0} µs"
    ));
    judge("under 1.3 times", of_us < 1.3 * of_haproxy);
    Ok(())
}

const COMMANDS: u32 = 2_000;
const COMMAND_ROUNDS: u32 = 25;
