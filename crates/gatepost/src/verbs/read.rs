//! `gatepost read MAILBOX [UID]`: one message, as text for people or as it is.

mod intake;
mod shown;

use std::path::PathBuf;

use gatepost_mail::{FolderName, Mailbox, MessageKey, Query};

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen;
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration, session};
use intake::{Collected, Through};

/// What `read` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// The message, by its UID as `gatepost messages` shows it; the newest one if it is left away.
    uid: Option<String>,
    /// The folder.
    #[arg(long, default_value = "INBOX")]
    folder: String,
    /// Write the message as it is, octet by octet.
    #[arg(long, conflicts_with_all = ["headers", "save_attachments"])]
    raw: bool,
    /// Write the header only.
    #[arg(long, conflicts_with = "save_attachments")]
    headers: bool,
    /// Save the attachments into this folder, under safe names, overwriting nothing. It is made
    /// if it is missing.
    #[arg(long, value_name = "DIR")]
    save_attachments: Option<PathBuf>,
}

/// Writes the message. It stays unread if it was.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let folder = FolderName::new(&arguments.folder);
    let missing = || UsageError::NoMessage {
        mailbox: mailbox.address.clone(),
        folder: folder.to_string(),
        message: arguments.uid.clone().unwrap_or_else(|| "at all".to_owned()),
    };
    let fetched = session::within((config, settings), &mailbox, async |session| {
        let Some(key) = key(session, &folder, arguments.uid.as_deref()).await? else {
            return Ok(None);
        };
        if arguments.headers {
            let header = session.header(&folder, &key).await;
            return header.map_err(UsageError::of_mailbox);
        }
        if arguments.raw && !screen::is_terminal() {
            let mut through = Through::default();
            session.fetch(&folder, &[key], &mut through).await?;
            return Ok(through.is_complete().then(Vec::new));
        }
        let mut collected = Collected::default();
        session.fetch(&folder, &[key], &mut collected).await?;
        Ok(collected.into_message())
    })?;
    let message = fetched.ok_or_else(missing)?;
    if arguments.raw {
        screen::write(screen::clean(&String::from_utf8_lossy(&message)).as_bytes())
    } else if arguments.headers {
        shown::header(&message)
    } else {
        shown::text(&message, arguments.save_attachments.as_deref())
    }
}

/// The key of the message with `uid`, or of the newest one; `None` in an empty folder.
async fn key(
    session: &mut dyn Mailbox,
    folder: &FolderName,
    uid: Option<&str>,
) -> Result<Option<MessageKey>, Failure> {
    let newest = session.list(folder, &Query::newest(1)).await;
    let newest = newest.map_err(UsageError::of_mailbox)?;
    let newest = newest.into_iter().next().map(|summary| summary.key);
    Ok(match (newest, uid) {
        (Some(MessageKey::Imap { uidvalidity, .. }), Some(uid)) => {
            let number = uid.parse().ok().filter(|number| *number > 0);
            let uid = number.ok_or_else(|| UsageError::Argument {
                argument: "UID".to_owned(),
                reason: format!("`{uid}` is no UID; `gatepost messages` shows them"),
            })?;
            Some(MessageKey::Imap { uidvalidity, uid })
        }
        (Some(MessageKey::Pop3 { .. }), Some(uid)) => Some(MessageKey::Pop3 {
            uidl: uid.to_owned(),
        }),
        (newest, _) => newest,
    })
}
