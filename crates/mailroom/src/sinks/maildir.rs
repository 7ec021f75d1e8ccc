//! Puts each message into a Maildir.
//!
//! The file is named by its event, so that a redelivery writes the same file again. It is
//! written and synced in `tmp`, renamed into `new`, and `new` is synced: then it is delivered.
//! Deliveries that are under way at the same time share their syncs.

mod together;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use gatepost_host::{FileError, files};
use tokio::io::AsyncWriteExt as _;

use super::{SinkKind, message_of, retry};
use crate::{Event, EventData, Handover, Outcome, Sink};
use together::{Content, Job, Together};

/// The entry of this kind in the list of sinks.
pub const KIND: SinkKind = SinkKind {
    name: "maildir",
    doc: "puts each message into a Maildir, whole and durable",
};

/// A Maildir.
#[derive(Debug)]
pub struct Maildir {
    root: PathBuf,
    together: Arc<Together>,
}

impl Maildir {
    /// How many deliveries at the same time make good use of shared syncs.
    pub const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(512).expect("it is not zero");

    /// A Maildir at `root`. It is made, with mode 0700, if it is missing.
    pub fn open(root: &Path) -> Result<Self, FileError> {
        files::make_private_folder(root)?;
        for folder in ["tmp", "new", "cur"] {
            files::make_private_folder(&root.join(folder))?;
        }
        Ok(Self {
            root: root.to_owned(),
            together: Arc::new(Together::new(root)),
        })
    }

    /// Whether an earlier attempt had come so far that the message is there, be it that its
    /// reader has moved it to `cur` and added flags.
    async fn holds(&self, name: &str) -> std::io::Result<bool> {
        if tokio::fs::try_exists(self.root.join("new").join(name)).await? {
            return Ok(true);
        }
        let mut entries = tokio::fs::read_dir(self.root.join("cur")).await?;
        while let Some(entry) = entries.next_entry().await? {
            if entry.file_name().to_string_lossy().starts_with(name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn put(&self, handover: &Handover<'_>) -> std::io::Result<()> {
        let Some(message) = handover.message else {
            return Ok(());
        };
        let name = file_name(handover.event);
        if handover.attempt > 1 && self.holds(&name).await? {
            // The earlier attempt may have died between the name and its sync.
            for folder in ["new", "cur"] {
                let folder = tokio::fs::File::open(self.root.join(folder)).await?;
                folder.sync_all().await?;
            }
            return Ok(());
        }
        let content = if let Some(octets) = message.at_hand() {
            Content::AtHand(octets)
        } else {
            let path = self.root.join("tmp").join(&name);
            let mut options = tokio::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&path).await?;
            let mut octets = message.open().await?;
            tokio::io::copy(&mut octets, &mut file).await?;
            file.flush().await?;
            Content::Written(file.into_std().await)
        };
        self.together.deliver(Job { name, content }).await
    }
}

#[async_trait]
impl Sink for Maildir {
    async fn deliver(&self, handover: Handover<'_>) -> Outcome {
        if let Err(outcome) = message_of(&handover) {
            return outcome;
        }
        match self.put(&handover).await {
            Ok(()) => Outcome::Done,
            Err(error) => retry(self.sentence(&error)),
        }
    }

    async fn probe(&self) -> Outcome {
        for folder in ["tmp", "new", "cur"] {
            let metadata = tokio::fs::metadata(self.root.join(folder)).await;
            if let Err(error) = metadata {
                return retry(self.sentence(&error));
            }
        }
        Outcome::Done
    }
}

impl Maildir {
    fn sentence(&self, error: &std::io::Error) -> String {
        format!(
            "the Maildir {} cannot be used: {error}",
            self.root.display()
        )
    }
}

/// `<seconds>.<event>.gatepost,S=<octets>`: unique, and the same for each attempt. Dovecot reads
/// the size from the name.
fn file_name(event: &Event) -> String {
    let size = match &event.data {
        EventData::Message(message) => message.size,
        EventData::Resynced { .. }
        | EventData::Credential(_)
        | EventData::Send(_)
        | EventData::Trouble { .. } => 0,
    };
    let seconds = event.timestamp.as_second();
    format!("{seconds}.{}.gatepost,S={size}", event.id)
}
