//! `gatepost read MAILBOX [UID]`: one message, as text for people or as it is.

mod intake;
mod shown;

use std::path::PathBuf;

use gatepost_mail::FolderName;

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen;
use crate::usage::UsageError;
use crate::verbs::message_key::named_or_newest;
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
        let uid = arguments.uid.as_deref();
        let Some(key) = named_or_newest(session, &folder, uid).await? else {
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
