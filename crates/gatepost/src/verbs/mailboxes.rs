//! `gatepost mailboxes`: every mailbox with its health.

use gatepost_host::Clock;
use gatepost_mailroom::{Cursors as _, LastError, MailboxStatus, SinkStatus};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::{Config, MailboxSettings};
use crate::control::{Answer, Question, ask};
use crate::failure::Failure;
use crate::screen::{self, Form, Paint, painted};
use crate::verbs::{configuration, sinks};
use crate::{logging, runtime, times};

/// What `mailboxes` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    form: Form,
}

/// A mailbox, or one of its watches, with its health.
#[derive(Debug, Serialize)]
struct Row {
    mailbox: String,
    folder: Option<String>,
    opened_by: String,
    state: String,
    proven_at: Option<Timestamp>,
    stalled_since: Option<Timestamp>,
    last_error: Option<LastError>,
    next_attempt_at: Option<Timestamp>,
}

/// Lists every mailbox. How the watches are is known by the running `serve`; without one it is
/// said when each was last proven alive.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let asked = ask(&config.state, &Question::Health)?;
    if let Some(Answer::Health { watches, sinks }) = asked {
        return show(arguments, &rows(&config, &watches, Serving::Yes), &sinks);
    }
    logging::start_quietly(settings.verbose)?;
    let standings = runtime::briefly(standings(config.clone()))?;
    show(arguments, &rows(&config, &standings, Serving::No), &[])
}

/// Whether a `serve` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serving {
    Yes,
    No,
}

/// What is stored of each watch, as a status.
async fn standings(config: Config) -> Result<Vec<MailboxStatus>, Failure> {
    if !config.state.database().exists() {
        return Ok(Vec::new());
    }
    let gatepost = compose(config, Scope::Store).await?;
    let stored = gatepost.store.standings().await;
    let now = gatepost.clock.now();
    gatepost.end().await;
    Ok(stored?
        .into_iter()
        .map(|(watch, standing)| stopped(watch, standing.proven_by(now)))
        .collect())
}

fn stopped(watch: gatepost_mailroom::WatchKey, proven_at: Option<Timestamp>) -> MailboxStatus {
    MailboxStatus {
        watch,
        state: gatepost_mailroom::WatchState::Stopped,
        proven_at,
        stalled_since: None,
        cursor_moved_at: None,
        last_error: None,
        next_attempt_at: None,
    }
}

fn rows(config: &Config, watches: &[MailboxStatus], serving: Serving) -> Vec<Row> {
    let mut rows = Vec::new();
    for mailbox in config.mailboxes.values() {
        let folders = config
            .watches
            .iter()
            .filter(|watch| watch.mailbox == mailbox.address);
        let before = rows.len();
        for watch in folders {
            let status = watches.iter().find(|status| {
                status.watch.mailbox == watch.mailbox
                    && status.watch.folder.as_str() == watch.folder
            });
            rows.push(row(mailbox, Some(&watch.folder), (status, serving)));
        }
        if rows.len() == before {
            rows.push(row(mailbox, None, (None, serving)));
        }
    }
    rows
}

fn row(
    mailbox: &MailboxSettings,
    folder: Option<&String>,
    (status, serving): (Option<&MailboxStatus>, Serving),
) -> Row {
    let state = match (folder, serving, status) {
        (None, _, _) => "not watched".to_owned(),
        (_, Serving::No, _) => "serve is not running".to_owned(),
        (_, _, Some(status)) if status.stalled_since.is_some() => "stalled".to_owned(),
        (_, _, Some(status)) => status.state.as_str().to_owned(),
        (_, _, None) => "unknown to the running serve; run gatepost reload".to_owned(),
    };
    Row {
        mailbox: mailbox.address.clone(),
        folder: folder.cloned(),
        opened_by: match mailbox.grant.person() {
            None => format!("app {}", mailbox.registration),
            Some(person) => person.to_owned(),
        },
        state,
        proven_at: status.and_then(|status| status.proven_at),
        stalled_since: status.and_then(|status| status.stalled_since),
        last_error: status.and_then(|status| status.last_error.clone()),
        next_attempt_at: status.and_then(|status| status.next_attempt_at),
    }
}

fn show(arguments: &Arguments, rows: &[Row], sinks: &[SinkStatus]) -> Result<(), Failure> {
    let now = Clock::system().now();
    let heads = ["MAILBOX", "FOLDER", "OPENED BY", "STATE", "PROVEN ALIVE"];
    arguments.form.list(rows, heads, |row| {
        [
            row.mailbox.clone(),
            row.folder.clone().unwrap_or_default(),
            row.opened_by.clone(),
            row.state.clone(),
            row.proven_at
                .map_or_else(String::new, |at| times::seen_from(now, at)),
        ]
    })?;
    if arguments.form.is_json() {
        return Ok(());
    }
    for row in rows {
        let Some(error) = &row.last_error else {
            continue;
        };
        let sentence = screen::clean_line(&error.sentence);
        let folder = row.folder.as_deref().map(screen::clean_line);
        let watch = format!("{} {}", row.mailbox, folder.unwrap_or_default());
        let mark = painted(Paint::Bad, watch.trim_end());
        screen::line(&format!("\n{mark}: {sentence}"))?;
        if let Some(at) = row.next_attempt_at {
            screen::line(&format!("  tried again {}", times::ahead_of(now, at)))?;
        }
        screen::line(&format!("  more: gatepost explain {}", error.code))?;
    }
    sinks::tell(sinks, now)
}
