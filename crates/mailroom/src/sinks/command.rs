//! Starts a program for each event.
//!
//! The raw message comes on its standard input, the event as JSON in the file that
//! `GATEPOST_EVENT` names. How it ends says what becomes of the delivery: 0 is done, 75 is to be
//! tried again, the rest of 64 to 78 is never to be tried again (`sysexits.h`), anything else is
//! to be tried again. No shell is between, and our environment stays with us.

mod program;
mod run;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, FileError, environment, files};
use jiff::Timestamp;

use super::{SinkKind, is_mail, message_of, payload, retry};
use crate::{Handover, Outcome, Sink};
pub use program::is_startable;
use run::{Ended, Run};

/// The entry of this kind in the list of sinks.
pub const KIND: SinkKind = SinkKind {
    name: "command",
    doc: "starts a program for each event, with the message on its standard input",
};

/// What is started, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may run. Then it and everything it started is told to end (SIGTERM), and five
    /// seconds later is ended (SIGKILL).
    pub time_limit: Duration,
    /// A private folder for the files that hold the events while the program runs.
    pub scratch: PathBuf,
}

/// A program that takes events.
#[derive(Debug)]
pub struct Command {
    settings: CommandSettings,
    clock: Clock,
    chance: Chance,
    /// When leftovers were last removed, in seconds.
    tidied: AtomicI64,
}

impl Command {
    /// A sink that starts a program. The folder for its events is made if it is missing, and
    /// what processes that were killed left in it long ago is removed: the programs that they
    /// started may outlive them for a while, and read it.
    pub fn new(settings: CommandSettings, clock: Clock, chance: Chance) -> Result<Self, FileError> {
        files::make_private_folder(&settings.scratch)?;
        let now = clock.now();
        remove_leftovers(&settings, now);
        Ok(Self {
            settings,
            clock,
            chance,
            tidied: AtomicI64::new(now.as_second()),
        })
    }

    /// Removes once an hour what became old since.
    fn tidy(&self) {
        let now = self.clock.now();
        let before = self.tidied.load(Ordering::Relaxed);
        if now.as_second().abs_diff(before) > OVER.as_secs() {
            self.tidied.store(now.as_second(), Ordering::Relaxed);
            remove_leftovers(&self.settings, now);
        }
    }

    fn command(&self, handover: &Handover<'_>, event_file: &Path) -> tokio::process::Command {
        let event = handover.event;
        let mut command = tokio::process::Command::new(&self.settings.program);
        command
            .args(&self.settings.arguments)
            .env_clear()
            .envs(environment::for_children())
            .env("GATEPOST_EVENT", event_file)
            .env("GATEPOST_EVENT_ID", event.id.as_str())
            .env("GATEPOST_EVENT_TYPE", event.kind.as_str())
            .env("GATEPOST_MAILBOX", &event.mailbox)
            .env("GATEPOST_ATTEMPT", handover.attempt.to_string());
        if let Some(folder) = &event.folder {
            command.env("GATEPOST_FOLDER", folder.as_str());
        }
        command
    }

    /// How the end of the program is understood.
    fn outcome(&self, ended: Ended) -> Outcome {
        let program = self.settings.program.display();
        match ended {
            Ended::NotStarted(error) => retry(format!(
                "the program {program} cannot be started: {error}; check the path and its permissions"
            )),
            Ended::MessageUnreadable(error) => {
                retry(format!("the spooled message cannot be read: {error}"))
            }
            Ended::TooLong(said) => retry(format!(
                "{program} ran longer than {} seconds and was ended{}",
                self.settings.time_limit.as_secs(),
                quoted(&said)
            )),
            Ended::Exited(status, said) => match status.code() {
                Some(0) => Outcome::Done,
                Some(code) if code != TEMPORARY && PERMANENT.contains(&code) => Outcome::Refused {
                    reason: format!(
                        "{program} refused the event for good ({status}){}",
                        quoted(&said)
                    ),
                },
                _ => retry(format!("{program} ended with {status}{}", quoted(&said))),
            },
        }
    }
}

#[async_trait]
impl Sink for Command {
    async fn deliver(&self, handover: Handover<'_>) -> Outcome {
        if is_mail(handover.event)
            && let Err(outcome) = message_of(&handover)
        {
            return outcome;
        }
        self.tidy();
        let name = format!("{}.{}.json", handover.event.id, self.chance.token(6));
        let event_file = EventFile(self.settings.scratch.join(name));
        if let Err(error) = event_file.write(payload(&handover)).await {
            return retry(format!(
                "the event cannot be written for the program: {error}"
            ));
        }
        let run = Run {
            command: self.command(&handover, &event_file.0),
            message: handover.message,
            clock: &self.clock,
            time_limit: self.settings.time_limit,
        };
        self.outcome(run.until_its_end().await)
    }

    async fn probe(&self) -> Outcome {
        match is_startable(&self.settings.program) {
            Ok(()) => Outcome::Done,
            Err(error) => self.outcome(Ended::NotStarted(error)),
        }
    }

    fn longest_attempt(&self) -> Duration {
        self.settings.time_limit + run::GRACE
    }
}

/// The file that holds an event while the program runs.
struct EventFile(PathBuf);

impl EventFile {
    async fn write(&self, content: Vec<u8>) -> std::io::Result<()> {
        use tokio::io::AsyncWriteExt as _;
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&self.0).await?;
        file.write_all(&content).await?;
        file.flush().await
    }
}

impl Drop for EventFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes the events of runs that must be over. One that cannot be removed is in nobody's way.
fn remove_leftovers(settings: &CommandSettings, now: Timestamp) {
    let Ok(entries) = std::fs::read_dir(&settings.scratch) else {
        return;
    };
    let longest = settings.time_limit.max(OVER);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_event = name.to_str().is_some_and(|name| {
            name.starts_with("evt_")
                && Path::new(name)
                    .extension()
                    .is_some_and(|kind| kind == "json")
        });
        let written = entry.metadata().and_then(|file| file.modified());
        let written = written.ok().and_then(|at| Timestamp::try_from(at).ok());
        let over = written.is_some_and(|at| {
            Duration::try_from(now.duration_since(at)).unwrap_or_default() > longest
        });
        if is_event && over {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn quoted(said: &str) -> String {
    match said.trim() {
        "" => String::new(),
        said => format!("; it said: {said}"),
    }
}

/// `EX_TEMPFAIL` of `sysexits.h`.
const TEMPORARY: i32 = 75;
/// All of `sysexits.h`.
const PERMANENT: std::ops::RangeInclusive<i32> = 64..=78;
/// A run that began this long ago is over, unless its own limit is longer.
const OVER: Duration = Duration::from_hours(1);
