//! `gatepost folders MAILBOX`: the folders of a mailbox.

use gatepost_mail::{Folder, SpecialUse};

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen::Form;
use crate::verbs::{Chosen, configuration, session};

/// What `folders` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    form: Form,
}

/// Lists the folders with what is in them.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let folders = session::within((config, settings), &mailbox, async |session| {
        Ok(session.folders().await?)
    })?;
    arguments.form.list(
        &folders,
        ["FOLDER", "MESSAGES", "UNREAD", "FOR"],
        |folder| {
            let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
            [
                folder.name.to_string(),
                number(folder.messages),
                number(folder.unread),
                purpose(folder).to_owned(),
            ]
        },
    )
}

fn purpose(folder: &Folder) -> &'static str {
    match folder.special_use {
        None if folder.selectable => "",
        None => "holds folders only",
        Some(SpecialUse::All) => "all messages",
        Some(SpecialUse::Archive) => "archive",
        Some(SpecialUse::Drafts) => "drafts",
        Some(SpecialUse::Flagged) => "flagged",
        Some(SpecialUse::Junk) => "junk",
        Some(SpecialUse::Sent) => "sent",
        Some(SpecialUse::Trash) => "deleted",
    }
}
