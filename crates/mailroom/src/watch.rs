//! What is watched, from when on, and what becomes of it.

use std::time::Duration;

use gatepost_mail::FolderName;
use jiff::Timestamp;

use crate::{ReportTo, SinkName, WatchKey};

/// A folder under observation, as the configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The mailbox and the folder.
    pub key: WatchKey,
    /// Which messages the first start hands out.
    pub from: StartFrom,
    /// Where every message goes.
    pub sinks: Vec<SinkName>,
    /// Where it is reported that this watch is in trouble, or works again.
    pub report_to: ReportTo,
    /// What is done to a message once every sink has it.
    pub post_action: Option<PostAction>,
    /// How often it is looked.
    pub pace: Pace,
    /// When fetching pauses.
    pub watermarks: Watermarks,
}

impl Watch {
    /// A watch of `key` with the usual pace and watermarks: what arrives from now on goes to
    /// `sinks`, which are also told of trouble, and nothing in the mailbox is changed.
    pub fn new(key: WatchKey, sinks: Vec<SinkName>) -> Self {
        Self {
            key,
            from: StartFrom::Now,
            report_to: ReportTo::everything(sinks.clone()),
            sinks,
            post_action: None,
            pace: Pace::default(),
            watermarks: Watermarks::default(),
        }
    }
}

/// Which messages the first start of a watch hands out. Later starts go on where the last ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartFrom {
    /// Those that arrive after the start.
    #[default]
    Now,
    /// Everything that is in the folder.
    Beginning,
    /// Those in the folder that the server received at this time or later.
    At(Timestamp),
}

/// What is done to a message once every sink has it. Doing it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostAction {
    /// It is marked as read.
    MarkRead,
    /// It is moved to another folder of the same mailbox.
    MoveTo(FolderName),
    /// It is deleted for good.
    Delete,
}

/// How often a folder is looked at, whether or not the server says that something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Where the server tells of changes by itself.
    pub pushed: Duration,
    /// Where it does not.
    pub polled: Duration,
    /// A watch that proved nothing for this long is stalled.
    pub stalled_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pushed: Duration::from_mins(5),
            polled: Duration::from_mins(1),
            stalled_after: Duration::from_mins(15),
        }
    }
}

/// How much may wait for the sinks. Over a high mark nothing more is fetched, and the session is
/// kept alive; under both low marks fetching goes on. Nothing is ever dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Deliveries of the mailbox to the watch's sinks that are open.
    pub deliveries: Marks,
    /// Octets of the mailbox's messages in the spool that are still to be delivered.
    pub octets: Marks,
}

/// Two marks of one quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Fetching pauses above this.
    pub high: u64,
    /// Fetching goes on below this.
    pub low: u64,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self {
            deliveries: Marks {
                high: 50_000,
                low: 40_000,
            },
            octets: Marks {
                high: 4 << 30,
                low: 3 << 30,
            },
        }
    }
}

impl Watermarks {
    /// Whether so much waits that fetching pauses; `paused` says whether it does already.
    pub(crate) fn hold(&self, (deliveries, octets): (u64, u64), paused: Fetching) -> Fetching {
        let over = match paused {
            Fetching::On => deliveries > self.deliveries.high || octets > self.octets.high,
            Fetching::Paused => deliveries >= self.deliveries.low || octets >= self.octets.low,
        };
        if over { Fetching::Paused } else { Fetching::On }
    }
}

/// Whether messages are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetching {
    On,
    Paused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetching_pauses_over_a_high_mark_and_goes_on_under_both_low_ones() {
        let marks = Watermarks {
            deliveries: Marks { high: 10, low: 5 },
            octets: Marks { high: 100, low: 50 },
        };
        assert_eq!(marks.hold((10, 100), Fetching::On), Fetching::On);
        assert_eq!(marks.hold((11, 0), Fetching::On), Fetching::Paused);
        assert_eq!(marks.hold((0, 101), Fetching::On), Fetching::Paused);
        assert_eq!(marks.hold((5, 0), Fetching::Paused), Fetching::Paused);
        assert_eq!(marks.hold((0, 50), Fetching::Paused), Fetching::Paused);
        assert_eq!(marks.hold((4, 49), Fetching::Paused), Fetching::On);
    }
}
