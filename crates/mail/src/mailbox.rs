//! The one trait to read a mailbox.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::beginning::Beginning;
use crate::{Arrival, Cursor, Flag, Folder, FolderName, MailError, MessageKey, Query, Summary};

/// One signed-in session with one mailbox. A session that answered with an error whose
/// `is_disconnected()` is true is finished: drop it and open another.
#[async_trait]
pub trait Mailbox: Send {
    /// Every folder, in a stable order.
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError>;

    /// The newest messages of `folder` that match `query`, newest first, without their bodies.
    async fn list(&mut self, folder: &FolderName, query: &Query)
    -> Result<Vec<Summary>, MailError>;

    /// What is new in `folder` since `pull.since`, oldest first, at most `pull.limit` of it.
    /// Never changes a flag (EXAMINE on IMAP).
    async fn changes(&mut self, folder: &FolderName, pull: Pull<'_>) -> Result<Changes, MailError>;

    /// The cursor of a folder as it is now: everything present is behind it.
    async fn present(&mut self, folder: &FolderName) -> Result<Cursor, MailError>;

    /// Whether the server tells of changes by itself (IDLE), so that polling is only a safety net.
    fn is_pushed(&self) -> bool {
        true
    }

    /// Waits until the folder last looked at may have changed, at most until `until`.
    async fn wait(&mut self, until: Timestamp) -> Result<Woke, MailError>;

    /// Streams the bytes of `keys` (all of `folder`) into `intake`, pipelined where the
    /// protocol can, in the order given. A message that is gone is reported by
    /// [`Intake::gone`] and is no error. A message that can never be had is left out, and when
    /// all others have been streamed, the first such message is the error
    /// ([`Next::Discard`](gatepost_fault::Next::Discard)); the session goes on. Never sets
    /// `\Seen`.
    async fn fetch(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError>;

    /// The header of a message with the empty line behind it; `None` if the message is no longer
    /// in the folder. Never sets `\Seen`. Where the protocol has no question for it, the message
    /// is streamed, and the rest of it is dropped.
    async fn header(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        let mut beginning = Beginning::default();
        let keys = std::slice::from_ref(key);
        self.fetch(folder, keys, &mut beginning).await?;
        Ok(beginning.header())
    }

    /// Adds or removes flags.
    async fn mark(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        add: &[Flag],
        remove: &[Flag],
    ) -> Result<(), MailError>;

    /// Moves messages to another folder of the same mailbox. Messages that are gone are skipped.
    async fn move_to(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        to: &FolderName,
    ) -> Result<(), MailError>;

    /// Deletes messages for good. Messages that are gone are skipped.
    async fn delete(&mut self, folder: &FolderName, keys: &[MessageKey]) -> Result<(), MailError>;

    /// Says goodbye. Errors are of no interest.
    async fn close(&mut self);
}

/// Opens sessions with one mailbox: knows where it is and whose token opens it.
#[async_trait]
pub trait Opener: Send + Sync + std::fmt::Debug {
    /// Connects and signs in.
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError>;
}

/// How much of the changes is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Pull<'a> {
    /// How far the folder was seen; `None` is the beginning of the folder.
    pub since: Option<&'a Cursor>,
    /// At most this many arrivals.
    pub limit: usize,
    /// At most this many octets of messages, as far as the server tells their sizes; one message
    /// always.
    pub octets: u64,
    /// Where the server forgot us, what was received before is no news, whatever it is: it need
    /// not be identified. `None` if it may be.
    pub news_from: Option<Timestamp>,
}

/// What is new in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// The server remembers us.
    Since {
        /// New messages, oldest first.
        arrivals: Vec<Arrival>,
        /// The cursor behind the last of `arrivals`; if `more`, the next pull goes on from it.
        next: Cursor,
        /// Whether a limit cut the list.
        more: bool,
    },
    /// The server forgot us (UIDVALIDITY changed): identify what is there by other means.
    Lost(Resync),
}

/// What to do when the server forgot us: the messages present now, with what identifies them, and
/// the cursor behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// What is in the folder now, oldest first, each with its fingerprint: the SHA-256 over
    /// Message-ID, Date, From and Subject as they stand in the header. What was received before
    /// [`Pull::news_from`] may be left out.
    pub present: Vec<(Arrival, [u8; 32])>,
    /// The cursor behind all of them.
    pub restart: Cursor,
    /// Whether the pull that goes on from `restart` brings more of them.
    pub more: bool,
}

/// Why a wait ended. Wake-ups are hints: look, whichever it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woke {
    /// The server said that something changed.
    Changed,
    /// The time was over, and the server proved to be alive within it.
    TimeOver,
}

/// Receives the bytes of fetched messages. An error ends the fetch.
#[async_trait]
pub trait Intake: Send {
    /// The message `key` begins; `size` is the exact number of octets that follow, if known.
    async fn begin(&mut self, key: &MessageKey, size: Option<u64>) -> Result<(), IntakeError>;
    /// The next octets of it.
    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError>;
    /// It is complete.
    async fn end(&mut self) -> Result<(), IntakeError>;
    /// The message `key` is no longer in the folder.
    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError>;
}

/// The receiver of fetched bytes cannot go on; `0` is whatever stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct IntakeError(#[from] pub Box<dyn std::error::Error + Send + Sync>);
