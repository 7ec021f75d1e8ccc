//! Messages by SMTP: handed through, and taken into the outbox.

use std::fs::File;
use std::time::Duration;

use anyhow::bail;
use gatepost_benches::{
    Caller, Place, Sample, SignIn, Stopwatch, compare, durable_writes, judge, report, until,
};
use gatepost_peers::large_message;

use crate::logins::all;
use crate::stand::{ADA, BOB, LARGE, ROUNDS, SEVERAL, SMALL_OCTETS, Stand};

/// Messages by SMTP, handed through.
pub(crate) fn submissions(stand: &Stand) -> anyhow::Result<()> {
    for (count, octets, goal) in [(LARGE, LARGE_SENT, 0.95), (SENT, SMALL_OCTETS, 0.9)] {
        let (mut ours, mut haproxy) = (Sample::default(), Sample::default());
        let text = dotted(octets);
        for _ in 0..ROUNDS {
            ours.push(submit((&stand.doors.smtp, &stand.password), count, &text)?);
            haproxy.push(submit((&stand.haproxy.smtp, &stand.token), count, &text)?);
        }
        let what = format!("{count} messages of {octets} octets by SMTP");
        let ratio = compare(&what, ("gatepost", &ours), ("haproxy", &haproxy));
        judge(&format!("at least {goal} times as fast"), ratio >= goal);
    }
    Ok(())
}

/// Messages that are durable when they are accepted. They leave at the pace that Exchange allows.
pub(crate) fn spool(stand: &Stand) -> anyhow::Result<()> {
    report("The outbox sends 30 messages in a minute meanwhile.");
    taken(stand, |_| Ok(()))
}

/// The same where all of them leave as fast as they can, over three sessions to Postfix on the same
/// machine, while others are taken.
pub(crate) fn spool_sending(stand: &Stand) -> anyhow::Result<()> {
    report("The outbox sends as fast as it can meanwhile.");
    let mut left = Vec::new();
    taken(stand, |handed_in| {
        left.push(sent(stand)? + SENT - handed_in);
        until("the rest to leave", || Ok(sent(stand)? == handed_in))
    })?;
    left.sort_unstable();
    report(&format!(
        "  of {SENT} messages {} had left when the last was taken",
        left[left.len() / 2]
    ));
    Ok(())
}

/// `between` rounds it is told how many messages were handed in so far.
fn taken(stand: &Stand, mut between: impl FnMut(u32) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let text = dotted(SMALL_OCTETS);
    let mut sample = Sample::default();
    let mut limits = Vec::new();
    for round in 1..=ROUNDS {
        limits.push(durable_writes(
            &mut File::create(stand.program.folder().join("written"))?,
            &text,
        )?);
        let watch = Stopwatch::start();
        all(SEVERAL, || {
            let place = (&stand.doors.spool, &stand.password);
            submit(place, SENT / SEVERAL, &text).map(drop)
        })?;
        sample.push(watch.elapsed());
        between(round * SENT)?;
    }
    limits.sort_by(f64::total_cmp);
    let limit = limits[limits.len() / 2];
    let rate = f64::from(SENT) / sample.median().as_secs_f64();
    report(&format!(
        "{rate:.0} messages of {SMALL_OCTETS} octets are durable in a second (spread {:.0} %); the \
         disk takes {limit:.0} durable writes in a second, one after another",
        100.0 * sample.spread()
    ));
    judge("1,000, or what the disk takes", rate >= limit.min(1_000.0));
    Ok(())
}

/// How many messages have left.
fn sent(stand: &Stand) -> anyhow::Result<u32> {
    let listing = [
        "outbox", "list", "--state", "sent", "--top", "1000000", "--json",
    ];
    let listed = stand.program.run(&listing)?;
    if !listed.status.success() {
        bail!("{}", String::from_utf8_lossy(&listed.stderr));
    }
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout)?;
    Ok(u32::try_from(listed.len())?)
}

fn submit(
    (place, sign_in): (&Place, &SignIn),
    count: u32,
    text: &[u8],
) -> anyhow::Result<Duration> {
    let mut caller = Caller::smtp(place, ADA, sign_in)?;
    let watch = Stopwatch::start();
    for _ in 0..count {
        caller.submit((ADA, BOB), text)?;
    }
    Ok(watch.elapsed())
}

/// A message of hers, with its last line.
fn dotted(octets: u32) -> Vec<u8> {
    let mut text = format!("From: {ADA}").into_bytes();
    text.extend(
        large_message(octets as usize)
            .into_iter()
            .skip_while(|octet| *octet != b'\r'),
    );
    text.extend_from_slice(b"\r\n.\r\n");
    text
}

const LARGE_SENT: u32 = 25 * 1024 * 1024;
const SENT: u32 = 2_000;
