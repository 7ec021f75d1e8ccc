//! Sessions with the mailbox, one after the other, for as long as the server gives any.

use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use gatepost_mail::{MailError, Mailbox};

use super::{Export, Progress};

/// One session at a time, opened when it is needed.
pub(super) struct Sessions<'a> {
    export: &'a Export,
    pub(super) progress: &'a dyn Progress,
    session: Option<Box<dyn Mailbox>>,
    /// Failures since something came.
    failures: u32,
    /// Whether the way was closed since something came.
    is_closed: bool,
}

impl<'a> Sessions<'a> {
    pub(super) fn new(export: &'a Export, progress: &'a dyn Progress) -> Self {
        Self {
            export,
            progress,
            session: None,
            failures: 0,
            is_closed: false,
        }
    }

    /// The session, or another.
    pub(super) async fn get(&mut self) -> Result<&mut dyn Mailbox, MailError> {
        while self.session.is_none() {
            match self.export.opener.open().await {
                Ok(session) => self.session = Some(session),
                Err(error) => self.failed(error, false).await?,
            }
        }
        let session = self.session.as_mut();
        Ok(session.expect("the loop ends with a session").as_mut())
    }

    /// Waits before another try, if another try may help and not too many were in vain. A way that
    /// is closed in the middle is given up at once: another may be open.
    pub(super) async fn failed(
        &mut self,
        error: MailError,
        came_further: bool,
    ) -> Result<(), MailError> {
        if came_further {
            self.succeeded();
        }
        let Next::Retry(after) = error.next() else {
            if self.session.take().is_some() && !std::mem::replace(&mut self.is_closed, true) {
                return Ok(());
            }
            return Err(error);
        };
        self.failures += 1;
        if self.failures > MOST_FAILURES {
            return Err(error);
        }
        if error.is_disconnected() {
            self.session = None;
        }
        let pause = match after {
            After::Backoff => Duration::from_secs(1 << self.failures.min(6)),
            After::AtLeast(pause) => pause.max(Duration::from_secs(1)),
        };
        self.progress.waits(&error, pause);
        self.export.clock.sleep(pause).await;
        Ok(())
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.is_closed = false;
    }

    pub(super) async fn close(&mut self) {
        if let Some(mut session) = self.session.take() {
            session.close().await;
        }
    }
}

/// So many failures in a row are enough: about four minutes of trouble.
const MOST_FAILURES: u32 = 8;
