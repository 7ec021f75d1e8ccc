//! 10,000 messages from Dovecot to a Maildir: `gatepost serve` against `mbsync`, and over POP3
//! against `fetchmail`; `gatepost export` against `mbsync`.
//!
//! All start with nothing and end when the last message is in its place. The comparisons are
//! `imap`, `export` and `pop3`.

use gatepost_benches::{Downloads, Sample, compare, is_chosen, judge};

fn main() -> anyhow::Result<()> {
    let mut downloads = Downloads::prepare()?;
    // Dovecot indexes the new mail once, for whoever comes first.
    downloads.mbsync()?;
    let mut samples: [Sample; 5] = std::array::from_fn(|_| Sample::default());
    let [by_imap, by_export, by_pop3] = ["imap", "export", "pop3"].map(is_chosen);
    for _ in 0..ROUNDS {
        let [served, exported, popped, mbsync, fetchmail] = &mut samples;
        if by_imap {
            served.push(downloads.serve("imap")?);
        }
        if by_imap || by_export {
            mbsync.push(downloads.mbsync()?);
        }
        if by_export {
            exported.push(downloads.export()?);
        }
        if by_pop3 {
            popped.push(downloads.serve("pop3")?);
            fetchmail.push(downloads.fetchmail()?);
        }
    }
    let [served, exported, popped, mbsync, fetchmail] = &samples;
    let what = format!("{} messages to a Maildir", Downloads::MESSAGES);
    if by_imap {
        let ratio = compare(&what, ("gatepost", served), ("mbsync", mbsync));
        judge("at least 3 times as fast", ratio >= 3.0);
    }
    if by_export {
        let what = format!("{what} with a manifest");
        let ratio = compare(&what, ("gatepost export", exported), ("mbsync", mbsync));
        judge("at least as fast", ratio >= 1.0);
    }
    if by_pop3 {
        let what = format!("{what} over POP3");
        let ratio = compare(&what, ("gatepost", popped), ("fetchmail", fetchmail));
        judge("at least 5 times as fast", ratio >= 5.0);
    }
    Ok(())
}

const ROUNDS: usize = 3;
