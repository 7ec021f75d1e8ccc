//! `gatepost mark`, `gatepost move` and `gatepost delete`: messages that are changed by hand.

use gatepost_mail::{Flag, FolderName, Mailbox, MessageKey, SpecialUse};

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen;
use crate::usage::UsageError;
use crate::verbs::message_key::all_present;
use crate::verbs::{Chosen, configuration, session};

/// Which messages.
#[derive(Debug, clap::Args)]
struct Messages {
    #[command(flatten)]
    chosen: Chosen,
    /// The messages, by their UIDs as `gatepost messages` shows them.
    #[arg(required = true, value_name = "UID")]
    uids: Vec<String>,
    /// The folder they are in.
    #[arg(long, default_value = "INBOX")]
    folder: String,
}

/// What `mark` takes.
#[derive(Debug, clap::Args)]
pub struct Mark {
    #[command(flatten)]
    messages: Messages,
    #[command(flatten)]
    marks: Marks,
}

/// What is put on and taken off.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are switches of a command line"
)]
struct Marks {
    /// Mark them as read.
    #[arg(long, conflicts_with = "unread")]
    read: bool,
    /// Mark them as unread.
    #[arg(long)]
    unread: bool,
    /// Put a flag on them.
    #[arg(long, conflicts_with = "unflag")]
    flag: bool,
    /// Take the flag off.
    #[arg(long)]
    unflag: bool,
}

/// What `move` takes.
#[derive(Debug, clap::Args)]
pub struct Move {
    #[command(flatten)]
    messages: Messages,
    /// The folder they are to be in, of the same mailbox.
    #[arg(long, value_name = "FOLDER")]
    to: String,
}

/// What `delete` takes.
#[derive(Debug, clap::Args)]
pub struct Delete {
    #[command(flatten)]
    messages: Messages,
    /// Delete them for good, instead of moving them to the folder of deleted messages.
    #[arg(long)]
    for_good: bool,
}

/// Puts marks on messages, and takes them off.
pub(super) fn mark(arguments: &Mark, settings: &Settings) -> Result<(), Failure> {
    let marks = &arguments.marks;
    let chosen = |wanted: bool, flag: Flag| wanted.then_some(flag);
    let add = [
        chosen(marks.read, Flag::Seen),
        chosen(marks.flag, Flag::Flagged),
    ];
    let remove = [
        chosen(marks.unread, Flag::Seen),
        chosen(marks.unflag, Flag::Flagged),
    ];
    let [add, remove] = [add, remove].map(|flags| flags.into_iter().flatten().collect::<Vec<_>>());
    let messages = &arguments.messages;
    messages.alter(settings, async |session, folder, keys| {
        let marked = session.mark(folder, &keys, &add, &remove).await;
        marked.map_err(UsageError::of_mailbox)?;
        Ok(format!("marked {}", count(&keys)))
    })
}

/// Moves messages to another folder.
pub(super) fn relocate(arguments: &Move, settings: &Settings) -> Result<(), Failure> {
    let to = FolderName::new(&arguments.to);
    let messages = &arguments.messages;
    messages.alter(settings, async |session, folder, keys| {
        let moved = session.move_to(folder, &keys, &to).await;
        moved.map_err(UsageError::of_mailbox)?;
        Ok(format!("moved {} to {to}", count(&keys)))
    })
}

/// Deletes messages.
pub(super) fn delete(arguments: &Delete, settings: &Settings) -> Result<(), Failure> {
    let messages = &arguments.messages;
    messages.alter(settings, async |session, folder, keys| {
        if arguments.for_good {
            session.delete(folder, &keys).await?;
            return Ok(format!("deleted {} for good", count(&keys)));
        }
        let folders = session.folders().await?;
        let deleted = folders
            .into_iter()
            .find(|one| one.special_use == Some(SpecialUse::Trash));
        let Some(deleted) = deleted.filter(|one| one.name != *folder) else {
            return Err(UsageError::Argument {
                argument: "delete".to_owned(),
                reason: "there is no other folder of deleted messages to move them to; \
                         add --for-good to delete them for good"
                    .to_owned(),
            }
            .into());
        };
        session.move_to(folder, &keys, &deleted.name).await?;
        Ok(format!("moved {} to {}", count(&keys), deleted.name))
    })
}

impl Messages {
    /// Does `work` to the messages if all of them are there, and says what was done.
    fn alter(
        &self,
        settings: &Settings,
        work: impl AsyncFnOnce(
            &mut dyn Mailbox,
            &FolderName,
            Vec<MessageKey>,
        ) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        let config = configuration(settings)?;
        let mailbox = self.chosen.mailbox(&config)?;
        let folder = FolderName::new(&self.folder);
        let done = session::within((config, settings), &mailbox, async |session| {
            let place = (mailbox.address.as_str(), &folder);
            let keys = all_present(session, place, &self.uids).await?;
            work(session, &folder, keys).await
        })?;
        screen::note(&done);
        Ok(())
    }
}

fn count(keys: &[MessageKey]) -> String {
    match keys.len() {
        1 => "1 message".to_owned(),
        several => format!("{several} messages"),
    }
}
