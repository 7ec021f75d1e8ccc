//! What sessions cost in which nothing happens: because nobody says anything, or because somebody
//! does not read on.

use std::time::Duration;

use gatepost_benches::{Caller, judge, pause, processor, report, resident, threads};

use crate::stand::{LIGHT, Stand, Way};

/// Sessions that idle, with TLS on both sides.
pub(crate) fn some(stand: &Stand) -> anyhow::Result<()> {
    protected(stand, SOME)
}

/// The same, and many more.
pub(crate) fn many(stand: &Stand) -> anyhow::Result<()> {
    protected(stand, MANY)
}

/// Sessions that idle, with TLS on the server's side only.
pub(crate) fn some_in_clear(stand: &Stand) -> anyhow::Result<()> {
    in_clear(stand, SOME)
}

/// The same, and many more.
pub(crate) fn many_in_clear(stand: &Stand) -> anyhow::Result<()> {
    in_clear(stand, MANY)
}

fn protected(stand: &Stand, sessions: u32) -> anyhow::Result<()> {
    let of_us = each(&stand.through_gatepost(&stand.doors.imap), sessions)?;
    let of_haproxy = each(&stand.through_haproxy(&stand.haproxy_light.imap), sessions)?;
    report(&format!("{sessions} idle sessions with TLS on both sides:"));
    weigh((&of_us, &of_haproxy), 24.0);
    Ok(())
}

fn in_clear(stand: &Stand, sessions: u32) -> anyhow::Result<()> {
    let of_us = each(&stand.through_gatepost(&stand.doors.clear), sessions)?;
    let of_haproxy = each(&stand.through_haproxy(&stand.haproxy_light.clear), sessions)?;
    report(&format!(
        "{sessions} idle sessions with TLS on the server's side:"
    ));
    weigh((&of_us, &of_haproxy), 16.0);
    Ok(())
}

/// `most` is in KiB.
fn weigh((of_us, of_haproxy): (&Cost, &Cost), most: f64) {
    for (name, cost) in [("gatepost", of_us), ("haproxy", of_haproxy)] {
        report(&format!(
            "  {name:<10} {:.1} KiB each, {:.2} % of a processor, {} threads",
            cost.memory,
            100.0 * cost.share,
            cost.threads
        ));
    }
    judge(&format!("at most {most} KiB each"), of_us.memory <= most);
    judge("under 1 % of a processor", of_us.share < 0.01);
    judge("no thread for a session", of_us.threads < FEW);
}

/// What a reader costs that asks for much, and reads nothing of it.
pub(crate) fn slow(stand: &Stand) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    for way in [
        stand.through_gatepost(&stand.doors.imap),
        stand.through_haproxy(&stand.haproxy_light.imap),
    ] {
        let process = way.process.unwrap_or_default();
        // What is there for the first is not counted.
        let _first = unread(&way)?;
        pause(SETTLING);
        let before = resident(process)?;
        let readers: Vec<Caller> = (0..READERS)
            .map(|_| unread(&way))
            .collect::<anyhow::Result<_>>()?;
        pause(SETTLING);
        let memory = per(resident(process)?.saturating_sub(before), READERS)?;
        let worked = processor(process)?;
        pause(SETTLING);
        let share = processor(process)?.saturating_sub(worked).as_secs_f64();
        drop(readers);
        report(&format!(
            "{}: {READERS} readers that do not read {memory:.1} KiB each, {:.2} % of a processor",
            way.name,
            100.0 * share / SETTLING.as_secs_f64()
        ));
        costs.push((memory, share));
    }
    if let [(memory, share), (of_haproxy, theirs)] = costs[..] {
        judge("no more memory than haproxy", memory <= of_haproxy);
        judge("no more processor time than haproxy", share <= theirs);
    }
    Ok(())
}

/// What one of many idle sessions costs.
struct Cost {
    /// In KiB.
    memory: f64,
    /// What all of them take of a processor.
    share: f64,
    threads: usize,
}

fn each(way: &Way<'_>, sessions: u32) -> anyhow::Result<Cost> {
    let process = way.process.unwrap_or_default();
    // What is there for the first is not counted.
    let first = idling(way)?;
    pause(SETTLING);
    let before = resident(process)?;
    let idle: Vec<Caller> = (0..sessions)
        .map(|_| idling(way))
        .collect::<anyhow::Result<_>>()?;
    pause(SETTLING);
    let memory = per(resident(process)?.saturating_sub(before), sessions)?;
    let threads = threads(process)?;
    let worked = processor(process)?;
    pause(SETTLING);
    let share = processor(process)?.saturating_sub(worked).as_secs_f64() / SETTLING.as_secs_f64();
    drop((first, idle));
    Ok(Cost {
        memory,
        share,
        threads,
    })
}

fn per(whole: usize, parts: u32) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(whole)?) / f64::from(parts))
}

fn idling(way: &Way<'_>) -> anyhow::Result<Caller> {
    let mut caller = way.call(LIGHT)?;
    caller.command("EXAMINE INBOX")?;
    caller.idle()?;
    Ok(caller)
}

/// Asks for large messages.
fn unread(way: &Way<'_>) -> anyhow::Result<Caller> {
    let mut caller = way.call(LIGHT)?;
    caller.command("EXAMINE INBOX")?;
    caller.ask("FETCH 1:* BODY.PEEK[]")?;
    Ok(caller)
}

const SOME: u32 = 1_000;
const MANY: u32 = 5_000;
const READERS: u32 = 100;
/// More than a program has that does not start one for each session.
const FEW: usize = 100;
const SETTLING: Duration = Duration::from_secs(5);
