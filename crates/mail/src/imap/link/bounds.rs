//! What the server may say in answer to one command.

use std::time::Duration;

use gatepost_wire::imap::client::{Event, Flag, Untagged};

/// What was said since a command was sent or the last one was complete.
#[derive(Debug, Default)]
pub(super) struct Spent {
    items: usize,
    folders: usize,
    /// Octets other than those of message bodies.
    octets: usize,
    /// How long the server was waited for, less what moving bodies earned.
    pub(super) waited: Duration,
}

impl Spent {
    /// Takes note of octets that came; whether they are too many.
    pub(super) fn came(&mut self, octets: usize) -> Result<(), &'static str> {
        self.octets += octets;
        bounded(
            self.octets,
            MOST_OCTETS,
            "it answered a command with more than a gigabyte",
        )
    }

    /// Takes note of what was said; whether it is too much.
    pub(super) fn said(&mut self, event: &Event) -> Result<(), &'static str> {
        match event {
            Event::Completed(..) => *self = Self::default(),
            Event::BodyChunk(octets) => {
                self.octets = self.octets.saturating_sub(octets.len());
                let earned =
                    SLOWEST_OCTET.saturating_mul(u32::try_from(octets.len()).unwrap_or(u32::MAX));
                self.waited = self.waited.saturating_sub(earned);
            }
            Event::Untagged(untagged) => {
                self.items += 1;
                self.told(untagged)?;
            }
            _ => self.items += 1,
        }
        bounded(
            self.items,
            MOST_ITEMS,
            "it answered a command with more than ten million items",
        )
    }

    fn told(&mut self, untagged: &Untagged) -> Result<(), &'static str> {
        match untagged {
            Untagged::Found(found) => self.items += found.len(),
            Untagged::Listed(_) => {
                self.folders += 1;
                bounded(
                    self.folders,
                    MOST_FOLDERS,
                    "it listed more than a hundred thousand folders",
                )?;
            }
            Untagged::Fetched(fetched) => {
                let flags = fetched.flags.as_deref().unwrap_or_default();
                bounded(
                    flags.len(),
                    MOST_FLAGS,
                    "it told of a message with more flags than any has",
                )?;
                let longest = flags.iter().map(length).max().unwrap_or(0);
                bounded(
                    longest,
                    LONGEST_FLAG,
                    "it told of a flag longer than any is",
                )?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn length(flag: &Flag) -> usize {
    match flag {
        Flag::Other(keyword) => keyword.len(),
        _ => 0,
    }
}

fn bounded(count: usize, most: usize, reason: &'static str) -> Result<(), &'static str> {
    if count > most { Err(reason) } else { Ok(()) }
}

/// Ten times what Exchange Online holds in a folder; as UIDs they take 40 MB.
const MOST_ITEMS: usize = 10_000_000;
/// Exchange Online allows 10,000 folders in a mailbox's visible tree.
const MOST_FOLDERS: usize = 100_000;
/// Five hundred headers of a megabyte, which is the most that is asked for and kept, and as much
/// again around them.
const MOST_OCTETS: usize = 1 << 30;
/// Exchange keeps a handful; other servers some dozens of keywords.
const MOST_FLAGS: usize = 256;
/// In octets. No server is known to keep a longer keyword.
const LONGEST_FLAG: usize = 1024;
/// Four kilobytes a second: a body that comes more slowly uses up the time of its command.
const SLOWEST_OCTET: Duration = Duration::from_micros(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_bounded_in_sum() {
        let mut spent = Spent::default();
        let million = Event::Untagged(Untagged::Found(vec![1; 1_000_000]));
        let said: Vec<bool> = (0..10).map(|_| spent.said(&million).is_ok()).collect();
        let within = [true, true, true, true, true, true, true, true, true, false];
        assert_eq!(said, within, "the lines count as well");
    }

    #[test]
    fn bodies_are_not_bounded_and_earn_time() {
        let mut spent = Spent {
            waited: Duration::from_secs(10),
            ..Spent::default()
        };
        let chunk = Event::BodyChunk(vec![0; 8000].into());
        for _ in 0..200_000 {
            spent.came(8000).expect("bodies do not count");
            spent.said(&chunk).expect("nor do their pieces");
        }
        assert_eq!(spent.waited, Duration::ZERO);
        spent.came(MOST_OCTETS).expect("this is the most");
        spent.came(1).expect_err("this is more");
    }
}
