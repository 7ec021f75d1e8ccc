//! 10,000 messages from Dovecot to a Maildir: `gatepost serve` against `mbsync`, and over POP3
//! against `getmail`; `gatepost export` against `mbsync`.
//!
//! All start with nothing and end when the last message is in its place.

use gatepost_benches::{Downloads, Sample, compare, judge};

fn main() -> anyhow::Result<()> {
    let mut downloads = Downloads::prepare()?;
    // Dovecot indexes the new mail once, for whoever comes first.
    downloads.mbsync()?;
    let mut samples: [Sample; 5] = std::array::from_fn(|_| Sample::default());
    for _ in 0..ROUNDS {
        let [served, exported, popped, mbsync, getmail] = &mut samples;
        served.push(downloads.serve("imap")?);
        mbsync.push(downloads.mbsync()?);
        exported.push(downloads.export()?);
        popped.push(downloads.serve("pop3")?);
        getmail.push(downloads.getmail()?);
    }
    let [served, exported, popped, mbsync, getmail] = &samples;
    let what = format!("{} messages to a Maildir", Downloads::MESSAGES);
    let ratio = compare(&what, ("gatepost", served), ("mbsync", mbsync));
    judge("at least 3 times as fast", ratio >= 3.0);
    let ratio = compare(
        &format!("{what} with a manifest"),
        ("gatepost export", exported),
        ("mbsync", mbsync),
    );
    judge("at least as fast", ratio >= 1.0);
    let ratio = compare(
        &format!("{what} over POP3"),
        ("gatepost", popped),
        ("getmail", getmail),
    );
    judge("at least 5 times as fast", ratio >= 5.0);
    Ok(())
}

const ROUNDS: usize = 3;
