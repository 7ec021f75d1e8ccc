//! One session with one mailbox, for verbs that look into it and end.

use gatepost_fault::Fault as _;
use gatepost_mail::graph::Graph;
use gatepost_mail::{MailError, Mailbox};

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::{Config, MailboxSettings};
use crate::failure::Failure;
use crate::{logging, runtime};

/// Opens `mailbox`, does `work` in it, and says goodbye whatever came of it.
pub(super) fn within<T>(
    (config, settings): (Config, &Settings),
    mailbox: &MailboxSettings,
    work: impl AsyncFnOnce(&mut dyn Mailbox) -> Result<T, Failure>,
) -> Result<T, Failure> {
    logging::start_quietly(settings.verbose)?;
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Mailbox(mailbox)).await?;
        let opener = gatepost.opener(mailbox)?;
        let mut session = opener.open().await;
        // Exchange is busy now and then for a second; one more try spares people a second call.
        // Whoever has waited for a silent server has waited long enough.
        if let Err(error) = &session
            && error.next().is_retry()
            && error.is_disconnected()
            && !matches!(error, MailError::Silent { .. })
        {
            session = opener.open().await;
        }
        let done = match session {
            Ok(mut session) => {
                let done = work(session.as_mut()).await;
                session.close().await;
                done
            }
            Err(error) => Err(error.into()),
        };
        gatepost.end().await;
        done
    })
}

/// Does `work` by Microsoft Graph for `mailbox`, whatever it is read by.
pub(super) fn asking_graph<T>(
    (config, settings): (Config, &Settings),
    mailbox: &MailboxSettings,
    work: impl AsyncFnOnce(&Graph) -> Result<T, Failure>,
) -> Result<T, Failure> {
    logging::start_quietly(settings.verbose)?;
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Mailbox(mailbox)).await?;
        let done = match gatepost.graph(mailbox) {
            Ok(graph) => work(&graph).await,
            Err(error) => Err(error),
        };
        gatepost.end().await;
        done
    })
}
