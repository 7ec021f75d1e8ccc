//! Why a listener could not do its next step.

use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_mail::MailError;

use super::words::Cause;
use crate::{SpoolError, StorageError, WatchKey};

/// Why a watch could not go on. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The mailbox or its server.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The storage, while messages were still on their way.
    #[error(transparent)]
    Midway(StorageError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The server said nothing at all.
    #[error(
        "the server of {watch} did not answer within {} seconds; the connection is given up and opened again",
        limit.as_secs()
    )]
    Silent {
        /// The watch.
        watch: WatchKey,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The server left messages out and said that all was well.
    #[error(
        "the server of {watch} left out {missing} messages that it had announced; they are fetched again"
    )]
    Incomplete {
        /// The watch.
        watch: WatchKey,
        /// How many.
        missing: usize,
    },
}

impl ListenError {
    /// Every code this error answers by itself; those of mailbox, storage and spool come on top.
    pub const CODES: &'static [&'static str] = &["mailbox_silent", "fetch_incomplete"];

    /// Whether somebody else moved the cursor.
    pub(super) fn is_overtaken(&self) -> bool {
        matches!(
            self,
            Self::Storage(StorageError::Overtaken { .. })
                | Self::Midway(StorageError::Overtaken { .. })
        )
    }

    /// Whether the session with the mailbox is finished.
    pub(super) fn ends_session(&self) -> bool {
        match self {
            Self::Mail(error) => error.is_disconnected(),
            Self::Storage(_) | Self::Incomplete { .. } => false,
            // The rest of a message that could not be kept is still on its way.
            Self::Midway(_) | Self::Spool(_) | Self::Silent { .. } => true,
        }
    }

    /// Whether the mailbox is closed to this session, so that only another may find a way in: one
    /// without a connection lasts for as long as nobody ends it.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Mail(error) if matches!(error.next(), Next::Reconfigure | Next::SignIn))
    }

    /// Whether the storage has logged it, for all who wait for it.
    pub(super) fn is_told(&self) -> bool {
        matches!(self, Self::Storage(error) | Self::Midway(error) if error.is_told())
    }

    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Mail(_) | Self::Silent { .. } | Self::Incomplete { .. } => Cause::Server,
            Self::Storage(_) | Self::Midway(_) | Self::Spool(_) => Cause::Ours,
        }
    }
}

impl Fault for ListenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Mail(error) => error.code(),
            Self::Storage(error) | Self::Midway(error) => error.code(),
            Self::Spool(error) => error.code(),
            Self::Silent { .. } => "mailbox_silent",
            Self::Incomplete { .. } => "fetch_incomplete",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Mail(error) => error.owner(),
            Self::Storage(error) | Self::Midway(error) => error.owner(),
            Self::Spool(error) => error.owner(),
            Self::Silent { .. } | Self::Incomplete { .. } => Owner::Remote,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Mail(error) => error.next(),
            Self::Storage(error) | Self::Midway(error) => error.next(),
            Self::Spool(error) => error.next(),
            Self::Silent { .. } | Self::Incomplete { .. } => Next::Retry(After::Backoff),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_is_closed_ends_the_session_so_that_another_way_is_looked_for() {
        let (host, mailbox) = ("graph.example".to_owned(), "ada@contoso.com".to_owned());
        let folder = "Archive".to_owned();
        let closed = ListenError::from(MailError::OnlyInbox {
            mailbox: mailbox.clone(),
            folder,
        });
        assert!(closed.is_closed() && !closed.ends_session());
        let busy = ListenError::from(MailError::Unavailable {
            host,
            mailbox,
            said: String::new(),
        });
        assert!(!busy.is_closed());
    }
}
