//! Copies the messages of a mailbox into files, and proves that they are all there.
//!
//! What was written stands in the manifest beside the files, a line for each message, so that an
//! export that was interrupted goes on where it ended. A line is written only when its message
//! is durable; a message without a line is fetched again and takes the same place.

mod error;
mod format;
mod intake;
mod manifest;
mod names;
mod plan;
mod proof;
mod resume;
mod scribe;
mod sessions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::{Fault as _, Next};
use gatepost_host::Clock;
use gatepost_mail::{FolderName, MailError, MessageKey, Opener};
use jiff::Timestamp;

pub use error::ExportError;
pub use format::Format;
pub use proof::{FolderProof, Proof, Skipped, Verification};

use intake::ToScribe;
use manifest::Manifest;
use plan::{Item, Planned};
use proof::Tally;
use scribe::{Again, Scribe};
use sessions::Sessions;

/// One mailbox on its way into one folder of files.
#[derive(Debug)]
pub struct Export {
    /// The address of the mailbox.
    pub mailbox: String,
    /// Opens it.
    pub opener: Arc<dyn Opener>,
    /// The folder for the files. It is made, with mode 0700, if it is missing.
    pub to: PathBuf,
    /// How the files look.
    pub format: Format,
    /// Only these folders; all of them if there are none.
    pub folders: Vec<FolderName>,
    /// Only what was received at or after this time, and what has no such time.
    pub since: Option<Timestamp>,
    /// How thoroughly the files are looked at in the end.
    pub verification: Verification,
    /// The time.
    pub clock: Clock,
}

/// What is to be done, before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Folders with messages that are wanted.
    pub folders: usize,
    /// Messages that are to be fetched.
    pub messages: u64,
    /// Their octets, as the server estimates them: Exchange does so badly by IMAP and POP3, and
    /// Microsoft Graph not at all. None where a size is not known.
    pub octets: Option<u64>,
    /// Messages that an earlier run has exported already.
    pub earlier: u64,
}

/// Is told how the work goes on.
pub trait Progress: Send + Sync {
    /// The work is known.
    fn planned(&self, estimate: &Estimate);
    /// A message was fetched: its real size, and the size that had been estimated if one was.
    fn fetched(&self, octets: u64, estimated: Option<u64>);
    /// The server has trouble, and is asked again after `pause`.
    fn waits(&self, error: &MailError, pause: Duration);
}

impl Export {
    /// Exports what is not yet exported. An error leaves behind what was exported until then; the
    /// same call goes on from there. Where another way leads to the mailbox in the middle of it,
    /// everything is looked at anew by that way.
    pub async fn run(&self, progress: &dyn Progress) -> Result<Proof, ExportError> {
        let begun_at = self.clock.now();
        let mut manifest = Manifest::open(self)?;
        let lost = proof::forget_lost(self, &mut manifest)?;
        let mut sessions = Sessions::new(self, progress);
        let mut ways = Ways::default();
        loop {
            let mut planned = plan::make(self, &mut sessions, &manifest).await?;
            ways.expect_same(self, &planned)?;
            manifest.begin(self)?;
            progress.planned(&plan::estimate(&planned));
            let mut scribe = Scribe::start(self, manifest);
            let mut worked = Ok(());
            for folder in &mut planned {
                worked = self.folder(folder, &mut sessions, &mut scribe).await;
                if worked.is_err() {
                    break;
                }
            }
            // What was fetched is kept whatever happened; what the disk said explains the rest.
            let written = scribe.end().await;
            if written.is_err() || worked.is_ok() {
                sessions.close().await;
            }
            let (written, again) = written?;
            manifest = written;
            for folder in &mut planned {
                ways.settle(&mut folder.tally, &again);
            }
            match worked {
                Ok(()) => {
                    let tallies = planned.into_iter().map(|folder| folder.tally).collect();
                    return Proof::make(self, manifest, (tallies, lost), begun_at);
                }
                Err(ExportError::Mail(MailError::ForeignKey { .. })) if ways.may_change() => {
                    tracing::info!(
                        mailbox = self.mailbox,
                        "the mailbox is read another way now; the export goes on by that way"
                    );
                }
                Err(error) => {
                    sessions.close().await;
                    return Err(error);
                }
            }
        }
    }

    async fn folder(
        &self,
        planned: &mut Planned,
        sessions: &mut Sessions<'_>,
        scribe: &mut Scribe,
    ) -> Result<(), ExportError> {
        for _ in 0..MOST_LOOKS {
            scribe.enter(planned).await?;
            let gone = planned.tally.gone;
            let items = std::mem::take(&mut planned.items);
            for chunk in items.chunks(TOGETHER) {
                let place = (&planned.name, &mut planned.tally);
                self.chunk(place, chunk, sessions, scribe).await?;
            }
            if planned.tally.gone == gone {
                return Ok(());
            }
            plan::again(self, sessions, planned).await?;
            if planned.items.is_empty() {
                return Ok(());
            }
        }
        // It changes faster than it can be read: the next run goes on.
        let name = &planned.name;
        let left = std::mem::take(&mut planned.items).into_iter();
        planned.tally.skipped.extend(left.map(|item| Skipped {
            message: item.key.to_string(),
            why: format!("{name} was renumbered again and again meanwhile"),
        }));
        Ok(())
    }

    /// Fetches some messages, through as many sessions as it takes.
    async fn chunk(
        &self,
        (folder, tally): (&FolderName, &mut Tally),
        items: &[Item],
        sessions: &mut Sessions<'_>,
        scribe: &mut Scribe,
    ) -> Result<(), ExportError> {
        let mut left: Vec<&Item> = items.iter().collect();
        // From the first message that cannot be had on, one at a time.
        let mut together = left.len();
        while !left.is_empty() {
            let asked = &left[..together.min(left.len())];
            let keys: Vec<MessageKey> = asked.iter().map(|item| item.key.clone()).collect();
            let progress = sessions.progress;
            let session = sessions.get().await?;
            let mut intake = ToScribe::new(asked, scribe, progress);
            let fetched = session.fetch(folder, &keys, &mut intake).await;
            let (settled, gone) = intake.into_settled();
            tally.gone += gone;
            tally.exported += u64::try_from(settled.len()).unwrap_or(u64::MAX) - gone;
            let alone = (asked.len() == 1).then(|| asked[0].key.clone());
            left.retain(|item| !settled.contains(&item.key));
            if scribe.has_ended() {
                return Err(ExportError::Stopped);
            }
            match fetched {
                // Another way leads to the mailbox now.
                Err(error @ MailError::ForeignKey { .. }) => return Err(error.into()),
                Err(error) if error.next() == Next::Discard => match alone {
                    Some(key) => {
                        let why = error.to_string();
                        skip(&key, why, (scribe, tally), &mut left).await?;
                    }
                    None => together = 1,
                },
                Err(error) => sessions.failed(error, !settled.is_empty()).await?,
                Ok(()) if settled.is_empty() => match alone {
                    Some(key) => {
                        let why = "the server did not hand it out".to_owned();
                        skip(&key, why, (scribe, tally), &mut left).await?;
                    }
                    None => together = 1,
                },
                Ok(()) => sessions.succeeded(),
            }
        }
        Ok(())
    }
}

/// What was done by earlier ways of the same run.
#[derive(Debug, Default)]
struct Ways {
    changes: u32,
    /// How many messages they exported of each folder.
    exported: BTreeMap<FolderName, u64>,
}

impl Ways {
    /// Refuses a way that does not show a folder that was to be exported.
    fn expect_same(&self, export: &Export, planned: &[Planned]) -> Result<(), ExportError> {
        let missing = self.exported.keys().find(|known| {
            let mut there = planned.iter();
            !there.any(|folder| folder.name == **known)
        });
        missing.map_or(Ok(()), |folder| {
            Err(ExportError::NoFolder {
                mailbox: export.mailbox.clone(),
                folder: folder.to_string(),
            })
        })
    }

    /// Counts as exported what this run wrote, by whatever way, and no message that stood there
    /// already under another key.
    fn settle(&mut self, tally: &mut Tally, again: &Again) {
        let known = again.get(tally.folder()).copied().unwrap_or(0);
        let known = known.min(tally.exported);
        tally.exported -= known;
        tally.earlier += known;
        let by_others = self.exported.entry(tally.folder().clone()).or_default();
        let came_again = (*by_others).min(tally.earlier);
        tally.earlier -= came_again;
        tally.exported += *by_others;
        *by_others = tally.exported;
    }

    /// Whether the way may change once more.
    fn may_change(&mut self) -> bool {
        self.changes += 1;
        self.changes <= MOST_CHANGES
    }
}

async fn skip(
    key: &MessageKey,
    why: String,
    (scribe, tally): (&mut Scribe, &mut Tally),
    left: &mut Vec<&Item>,
) -> Result<(), ExportError> {
    scribe.skip(key, &why).await?;
    tally.skipped.push(Skipped {
        message: key.to_string(),
        why,
    });
    left.retain(|item| item.key != *key);
    Ok(())
}

/// The messages that a fetch has done with.
type Settled = BTreeSet<MessageKey>;

/// How often the way to the mailbox may change within a run.
const MOST_CHANGES: u32 = 4;
/// How often a folder is looked at that is renumbered meanwhile.
const MOST_LOOKS: usize = 4;
/// How many messages are asked for at once.
const TOGETHER: usize = 500;
