//! Watches: what the configuration says of them, in the words of the mailroom.

use std::sync::Arc;

use gatepost_mail::{FolderName, Opener};
use gatepost_mailroom::{
    Marks, Pace, PostAction, SinkName, StartFrom, Watch, WatchKey, Watermarks,
};

use gatepost_oauth::TokenKeeper;

use super::reach::Reach;
use super::sinks;
use crate::config::{After, Begin, Config, MailboxSettings, WatchSettings};

/// A watch, what opens its mailbox, and what both were made of.
#[derive(Debug)]
pub struct OpenedWatch {
    /// What opens the mailbox.
    pub opener: Arc<dyn Opener>,
    /// What it was made of, the watch among it.
    pub made_of: MadeOf,
}

/// What a watch was made of. One that was made of the same goes on undisturbed.
#[derive(Debug)]
pub struct MadeOf {
    /// The watch.
    pub watch: Watch,
    pub(super) mailbox: MailboxSettings,
    pub(super) host: Option<String>,
    pub(super) reach: Arc<Reach>,
    pub(super) keeper: TokenKeeper,
}

impl PartialEq for MadeOf {
    fn eq(&self, other: &Self) -> bool {
        self.watch == other.watch
            && self.mailbox == other.mailbox
            && self.host == other.host
            && Arc::ptr_eq(&self.reach, &other.reach)
            && self.keeper.is(&other.keeper)
    }
}

/// The watch that `settings` describe.
pub(super) fn watch(settings: &WatchSettings, config: &Config) -> Watch {
    let key = WatchKey {
        mailbox: settings.mailbox.clone(),
        folder: FolderName::new(&settings.folder),
    };
    let names = settings.sinks.iter().cloned().map(SinkName).collect();
    let usual = Pace::default();
    let watch = Watch::new(key, names);
    Watch {
        report_to: match &config.events {
            Some(events) => sinks::reports(events),
            None => watch.report_to.clone(),
        },
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
            deliveries: marks(config.limits.undelivered),
            octets: marks(config.limits.spool),
        },
        ..watch
    }
}

/// Fetching goes on at half of what made it pause.
fn marks(high: u64) -> Marks {
    Marks {
        high,
        low: (high / 2).max(1),
    }
}
