//! Watches: what the configuration says of them, in the words of the mailroom.

use gatepost_mail::FolderName;
use gatepost_mailroom::{
    Marks, Pace, PostAction, SinkName, StartFrom, Watch, WatchKey, Watermarks,
};

use crate::config::{After, Begin, Limits, WatchSettings};

/// The watch that `settings` describe.
pub(super) fn watch(settings: &WatchSettings, limits: &Limits) -> Watch {
    let key = WatchKey {
        mailbox: settings.mailbox.clone(),
        folder: FolderName::new(&settings.folder),
    };
    let sinks = settings.sinks.iter().cloned().map(SinkName).collect();
    let usual = Pace::default();
    Watch {
        from: match settings.from {
            Begin::Now => StartFrom::Now,
            Begin::Beginning => StartFrom::Beginning,
            Begin::Time(time) => StartFrom::At(time),
        },
        post_action: settings.after.as_ref().map(|after| match after {
            After::MarkRead => PostAction::MarkRead,
            After::MoveTo(folder) => PostAction::MoveTo(FolderName::new(folder)),
            After::Delete => PostAction::Delete,
        }),
        pace: Pace {
            pushed: settings.poll,
            polled: usual.polled.min(settings.poll),
            stalled_after: settings.stalled_after,
        },
        watermarks: Watermarks {
            deliveries: marks(limits.undelivered),
            octets: marks(limits.spool),
        },
        ..Watch::new(key, sinks)
    }
}

/// Fetching goes on at half of what made it pause.
fn marks(high: u64) -> Marks {
    Marks {
        high,
        low: high / 2,
    }
}
