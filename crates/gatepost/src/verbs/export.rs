//! `gatepost export MAILBOX --to DIR`: every message of a mailbox as files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_host::Clock;
use gatepost_mail::{FolderName, MailError};
use gatepost_mailroom::{
    Estimate, Export, ExportError, FolderProof, Format, Progress, Proof, Verification,
};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::times::{self, Toward};
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration};
use crate::{logging, runtime};

/// What `export` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The same command goes on where an export was interrupted, and adds what came \
                  since. Beside the files stand gatepost-export.ndjson, a line for each message \
                  with its hash, and gatepost-export.json, what was there and what is missing."
)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Where to: a folder of its own for this mailbox. It is made if it is missing.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How the files look: a Maildir for each folder, an mbox file for each folder, or an eml file
    /// for each message.
    #[arg(long, default_value = "maildir", value_parser = names())]
    format: String,
    /// Only this folder. Can be given several times.
    #[arg(long = "folder", value_name = "FOLDER")]
    folders: Vec<String>,
    /// Only what was received since a time: 2026-11-22T08:00:00Z, 2026-11-22, 2d, 90min. Where no
    /// server noted when a message came, as over POP3, its own date counts; without one it is
    /// exported.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Read every exported file again in the end, and compare its hash; otherwise its size.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    form: Form,
}

/// Exports, and writes what came of it.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let clock = Clock::system();
    let since = times::read_argument(
        "--since",
        arguments.since.as_deref(),
        clock.now(),
        Toward::Past,
    )?;
    let format = Format::named(&arguments.format).ok_or_else(|| UsageError::Argument {
        argument: "--format".to_owned(),
        reason: format!("`{}` is none of them", arguments.format),
    })?;
    logging::start_quietly(settings.verbose)?;
    let shown = Shown::default();
    let proof = runtime::at_length(async {
        let gatepost = compose(config, Scope::Mailbox(&mailbox)).await?;
        let export = Export {
            mailbox: mailbox.address.clone(),
            opener: gatepost.opener(&mailbox)?,
            to: arguments.to.clone(),
            format,
            folders: arguments.folders.iter().map(FolderName::new).collect(),
            since,
            verification: if arguments.verify {
                Verification::Hashes
            } else {
                Verification::Sizes
            },
            clock,
        };
        let done = export.run(&shown).await;
        gatepost.end().await;
        done.map_err(|error| match error {
            ExportError::Mail(error) => UsageError::of_mailbox(error),
            of_files => UsageError::named(of_files).into(),
        })
    });
    shown.bar.finish_and_clear();
    tell(&proof?, arguments)
}

fn tell(proof: &Proof, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.form.is_json() {
        screen::json(proof)?;
    } else {
        let heads = [
            "FOLDER",
            "ON SERVER",
            "EXPORTED",
            "EARLIER",
            "GONE",
            "SKIPPED",
            "SIZE",
        ];
        arguments.form.list(&proof.folders, heads, row)?;
        for folder in &proof.folders {
            for skipped in &folder.skipped {
                let (message, why) = (&skipped.message, &skipped.why);
                screen::warn(&format!("{}, {message}: {why}", folder.folder));
            }
        }
        for damaged in &proof.damaged {
            screen::warn(damaged);
        }
        screen::note(&outcome(proof, &arguments.to));
    }
    if proof.complete {
        return Ok(());
    }
    Err(Incomplete {
        mailbox: proof.mailbox.clone(),
        skipped: proof.folders.iter().map(|one| one.skipped.len()).sum(),
        damaged: proof.damaged.len(),
    }
    .into())
}

/// What came of it, in a sentence.
fn outcome(proof: &Proof, to: &Path) -> String {
    let sum = |of: fn(&FolderProof) -> u64| proof.folders.iter().map(of).sum::<u64>();
    let skipped = |folder: &FolderProof| u64::try_from(folder.skipped.len()).unwrap_or(u64::MAX);
    let (new, earlier) = (sum(|one| one.exported), sum(|one| one.earlier));
    let of_earlier = match earlier {
        0 => String::new(),
        earlier => format!(", {} of them by an earlier run", HumanCount(earlier)),
    };
    let mut said = vec![format!(
        "{} of {} in {} as {}{of_earlier}",
        HumanCount(new + earlier),
        messages(sum(|one| one.on_server)),
        to.display(),
        proof.format
    )];
    let left_out = [
        (sum(|one| one.gone), "gone meanwhile"),
        (sum(skipped), "skipped"),
    ];
    let left_out = left_out.iter().filter(|(count, _)| *count > 0);
    said.extend(left_out.map(|(count, what)| format!("{} {what}", HumanCount(*count))));
    let proved = match (proof.hashes_compared, proof.damaged.len()) {
        (true, 0) => "every file was read again, and its hash is right",
        (true, _) => "every file was read again, and not every hash is right",
        (false, 0) => "every file has its size (--verify compares hashes)",
        (false, _) => "not every file has its size (--verify compares hashes)",
    };
    said.push(proved.to_owned());
    said.join("; ")
}

fn messages(count: u64) -> String {
    match count {
        1 => "1 message".to_owned(),
        several => format!("{} messages", HumanCount(several)),
    }
}

fn row(folder: &FolderProof) -> [String; 7] {
    let number = |number: u64| HumanCount(number).to_string();
    let skipped = u64::try_from(folder.skipped.len()).unwrap_or(u64::MAX);
    [
        folder.folder.to_string(),
        number(folder.on_server),
        number(folder.exported),
        number(folder.earlier),
        number(folder.gone),
        number(skipped),
        HumanBytes(folder.octets).to_string(),
    ]
}

fn names() -> Vec<&'static str> {
    Format::ALL.iter().map(|format| format.name()).collect()
}

/// Shows people how far it is. Where nobody looks, only trouble is said.
struct Shown {
    bar: ProgressBar,
    /// Whether the bar counts messages, and not octets.
    counts_messages: AtomicBool,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            counts_messages: AtomicBool::new(false),
        }
    }
}

impl Progress for Shown {
    fn planned(&self, estimate: &Estimate) {
        screen::note(&plan(estimate));
        if !screen::are_notes_seen() {
            return;
        }
        let (length, template) = match estimate.octets {
            // Servers estimate badly, so what was estimated of each message is what it counts.
            Some(octets) => (
                octets,
                "{wide_bar} {bytes} of about {total_bytes}, {binary_bytes_per_sec}, {eta} left",
            ),
            None => (
                estimate.messages,
                "{wide_bar} {human_pos} of {human_len} messages, {eta} left",
            ),
        };
        self.counts_messages
            .store(estimate.octets.is_none(), Ordering::Relaxed);
        let style = ProgressStyle::with_template(template);
        self.bar.set_style(style.expect("the template is right"));
        // It is planned anew where the way to the mailbox changes.
        self.bar.set_position(0);
        self.bar.set_length(length);
        self.bar
            .set_draw_target(indicatif::ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    fn fetched(&self, _octets: u64, estimated: Option<u64>) {
        let step = if self.counts_messages.load(Ordering::Relaxed) {
            1
        } else {
            estimated.unwrap_or(0)
        };
        self.bar.inc(step);
    }

    fn waits(&self, error: &MailError, pause: Duration) {
        let pause = screen::duration(pause);
        self.bar
            .suspend(|| screen::warn(&format!("{error}; trying again in {pause}")));
    }
}

/// What is to be done, in a sentence.
fn plan(estimate: &Estimate) -> String {
    let messages = messages(estimate.messages);
    let folders = match estimate.folders {
        1 => "1 folder".to_owned(),
        several => format!("{several} folders"),
    };
    let size = estimate.octets.map_or_else(
        || "how large they are the server does not say".to_owned(),
        |octets| format!("about {} as the server estimates", HumanBytes(octets)),
    );
    let earlier = match estimate.earlier {
        0 => String::new(),
        1 => "; 1 is exported already".to_owned(),
        earlier => format!("; {} are exported already", HumanCount(earlier)),
    };
    if estimate.messages == 0 {
        return format!("{messages} in {folders}{earlier}");
    }
    format!("{messages} in {folders}, {size}{earlier}")
}

/// Something of the mailbox is not in the files.
#[derive(Debug, thiserror::Error)]
#[error(
    "the export of {mailbox} is not complete: {skipped} messages cannot be had, and {damaged} files are lost or damaged; the same command tries all of them again"
)]
pub struct Incomplete {
    mailbox: String,
    skipped: usize,
    damaged: usize,
}

impl Incomplete {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["export_incomplete"];
}

impl Fault for Incomplete {
    fn code(&self) -> &'static str {
        "export_incomplete"
    }

    fn owner(&self) -> Owner {
        if self.damaged > 0 {
            Owner::Operator
        } else {
            Owner::Remote
        }
    }

    fn next(&self) -> Next {
        Next::Retry(After::Backoff)
    }
}

#[cfg(test)]
mod tests {
    use gatepost_mailroom::Skipped;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_is_planned_is_said_without_what_nobody_knows() {
        let estimate = |messages, folders, octets, earlier| Estimate {
            folders,
            messages,
            octets,
            earlier,
        };
        for (estimate, sentence) in [
            (
                estimate(1_200, 3, Some(2 << 20), 0),
                "1,200 messages in 3 folders, about 2.00 MiB as the server estimates",
            ),
            (
                estimate(2, 1, None, 1_000),
                "2 messages in 1 folder, how large they are the server does not say; 1,000 are exported already",
            ),
            (
                estimate(1, 1, Some(5), 1),
                "1 message in 1 folder, about 5 B as the server estimates; 1 is exported already",
            ),
            (
                estimate(0, 2, Some(0), 7),
                "0 messages in 2 folders; 7 are exported already",
            ),
        ] {
            assert_eq!(plan(&estimate), sentence);
        }
    }

    #[test]
    fn what_came_of_it_is_said_with_what_was_proved() {
        let folder = |name: &str, counts: [u64; 4]| FolderProof {
            folder: FolderName::new(name),
            on_server: counts[0],
            exported: counts[1],
            earlier: counts[2],
            gone: counts[3],
            skipped: Vec::new(),
            octets: 0,
        };
        let mut proof = Proof {
            mailbox: "ada@contoso.com".to_owned(),
            format: "maildir",
            began_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            complete: true,
            hashes_compared: true,
            folders: vec![
                folder("INBOX", [1_000, 900, 100, 0]),
                folder("A", [8, 8, 0, 0]),
            ],
            damaged: Vec::new(),
        };
        assert_eq!(
            outcome(&proof, Path::new("rep")),
            "1,008 of 1,008 messages in rep as maildir, 100 of them by an earlier run; every file was read again, and its hash is right"
        );
        proof.hashes_compared = false;
        proof.folders = vec![folder("INBOX", [3, 1, 0, 1])];
        proof.folders[0].skipped = vec![Skipped {
            message: "UID 7".to_owned(),
            why: "it cannot be read".to_owned(),
        }];
        assert_eq!(
            outcome(&proof, Path::new("rep")),
            "1 of 3 messages in rep as maildir; 1 gone meanwhile; 1 skipped; every file has its size (--verify compares hashes)"
        );
        proof.damaged = vec!["a file is lost".to_owned()];
        assert!(outcome(&proof, Path::new("rep")).contains("not every file has its size"));
    }

    #[test]
    fn a_bar_counts_messages_where_no_size_is_known() {
        for (octets, estimated, at) in [(Some(70), Some(7), 7), (None, None, 1)] {
            let shown = Shown::default();
            shown
                .counts_messages
                .store(octets.is_none(), Ordering::Relaxed);
            shown.fetched(99, estimated);
            assert_eq!(shown.bar.position(), at, "{octets:?}");
        }
    }
}
