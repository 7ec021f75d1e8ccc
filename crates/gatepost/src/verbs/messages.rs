//! `gatepost messages MAILBOX`: the newest messages of a folder.

use std::num::NonZeroUsize;

use gatepost_host::Clock;
use gatepost_mail::{Flag, FolderName, MessageKey, Query, Summary};
use jiff::Timestamp;

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::times::{self, Toward};
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration, session};

/// What `messages` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// The folder.
    #[arg(long, default_value = "INBOX")]
    folder: String,
    /// How many, the newest first.
    #[arg(long, default_value = "10", value_name = "NUMBER")]
    top: NonZeroUsize,
    /// Only those that nobody has read.
    #[arg(long)]
    unread: bool,
    /// Only those received since a time: 2026-11-22T08:00:00Z, 2026-11-22, 2d, 90min. Where no
    /// server noted when a message came, as over POP3, its own date counts; without one it is
    /// listed.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those with this text in the sender.
    #[arg(long, value_name = "TEXT")]
    from: Option<String>,
    /// Only those with this text in the subject.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Only those with this text anywhere.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// Lists the newest messages that match.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let now = Clock::system().now();
    let folder = FolderName::new(&arguments.folder);
    let query = query(arguments, now)?;
    let found = session::within((config, settings), &mailbox, async |session| {
        let listed = session.list(&folder, &query).await;
        listed.map_err(UsageError::of_mailbox)
    })?;
    let rows = arguments.form.list(
        &found,
        ["UID", "RECEIVED", "", "FROM", "SUBJECT"],
        |message| {
            [
                number(&message.key),
                message
                    .received_at
                    .map_or_else(String::new, |at| times::seen_from(now, at)),
                marks(message),
                sender(message),
                message.envelope.subject.clone().unwrap_or_default(),
            ]
        },
    );
    if let Some(legend) = legend(&found).filter(|_| !arguments.form.is_json()) {
        screen::note(&legend);
    }
    rows
}

/// What the marks mean that are shown, and no others.
fn legend(found: &[Summary]) -> Option<String> {
    let shown: String = found.iter().map(marks).collect();
    let meanings = MARKS.iter().filter(|(mark, _)| shown.contains(*mark));
    let meanings: Vec<String> = meanings
        .map(|(mark, meaning)| format!("{mark} {meaning}"))
        .collect();
    (!meanings.is_empty()).then(|| meanings.join(", "))
}

fn query(arguments: &Arguments, now: Timestamp) -> Result<Query, UsageError> {
    Ok(Query {
        top: arguments.top.get(),
        unread: arguments.unread,
        since: times::read_argument("--since", arguments.since.as_deref(), now, Toward::Past)?,
        from: arguments.from.clone(),
        subject: arguments.subject.clone(),
        text: arguments.search.clone(),
        message_id: None,
    })
}

fn number(key: &MessageKey) -> String {
    match key {
        MessageKey::Imap { uid, .. } => uid.to_string(),
        MessageKey::Pop3 { uidl } => uidl.clone(),
        MessageKey::Graph { id } => id.clone(),
    }
}

fn marks(message: &Summary) -> String {
    if let MessageKey::Pop3 { .. } = message.key {
        // POP3 does not tell what was read.
        return String::new();
    }
    let marks = [(Flag::Flagged, '!'), (Flag::Answered, 'R')];
    let unread = (!message.flags.contains(&Flag::Seen)).then_some('N');
    let others = marks
        .into_iter()
        .filter(|(flag, _)| message.flags.contains(flag));
    unread
        .into_iter()
        .chain(others.map(|(_, mark)| mark))
        .collect()
}

fn sender(message: &Summary) -> String {
    message
        .envelope
        .from
        .first()
        .map_or_else(String::new, |from| {
            from.name.clone().unwrap_or_else(|| from.address.clone())
        })
}

/// The marks of the table, with their meanings.
const MARKS: [(char, &str); 3] = [('N', "unread"), ('!', "flagged"), ('R', "answered")];
