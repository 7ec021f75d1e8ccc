//! `gatepost send`: a message, composed or ready, into the outbox and out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use gatepost_host::Clock;
use gatepost_mail::content::envelope;
use gatepost_mailroom::outbox::{
    Attached, Correspondent, Draft, Preparation, PrepareError, ReturnTo, Wishes,
};
use gatepost_mailroom::{DsnRequest, Priority};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::cli::Settings;
use crate::config::{Config, MailboxSettings};
use crate::failure::Failure;
use crate::logging;
use crate::screen;
use crate::sending::{self, SendError};
use crate::times::{self, Toward};
use crate::usage::UsageError;
use crate::verbs::{answered, configuration};

/// What `send` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --subject, --text, --html, --body-file and --attach a ready message is read \
                  from standard input; then --to names who gets it, otherwise its To, Cc and Bcc do. \
                  Without a running `gatepost serve` the message is sent in the foreground."
)]
pub struct Arguments {
    /// The mailbox that sends. Otherwise that of --from, otherwise `default` of `[outbox]`,
    /// otherwise the only one that sends.
    mailbox: Option<String>,
    /// Who writes it: `Name <address>` or an address. Otherwise the mailbox.
    #[arg(long, value_name = "SENDER")]
    from: Option<String>,
    /// To whom; may be repeated.
    #[arg(long, value_name = "RECIPIENT")]
    to: Vec<String>,
    /// To whom for information; may be repeated.
    #[arg(long, value_name = "RECIPIENT")]
    cc: Vec<String>,
    /// To whom without the others knowing; may be repeated.
    #[arg(long, value_name = "RECIPIENT")]
    bcc: Vec<String>,
    /// About what.
    #[arg(long)]
    subject: Option<String>,
    /// The text.
    #[arg(long)]
    text: Option<String>,
    /// The text in HTML, alone or beside --text.
    #[arg(long)]
    html: Option<String>,
    /// The file with the text, in HTML if its name says so; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    body_file: Option<PathBuf>,
    /// A file to attach; may be repeated.
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// Another field of the header, as `Name: value`; may be repeated.
    #[arg(long, value_name = "FIELD")]
    header: Vec<String>,
    /// The message that this answers: its Message-ID, or its UID in the inbox of the mailbox.
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// Not sent before this time: `2h` or `2d` from now, a date, or a time with its zone.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    not_before: Option<String>,
    /// Before or behind other messages of the mailbox.
    #[arg(long, value_enum, default_value = "normal")]
    priority: Turn,
    /// A name of your own for this wish: the same wish under the same name is done once.
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until it is sent, or it is known why not, where a `gatepost serve` sends it.
    #[arg(long)]
    wait: bool,
    /// How long --wait waits, such as `30s`.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = times::duration)]
    timeout: Duration,
    /// Print as JSON what became of it.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Turn {
    /// Before all others.
    High,
    /// In turn.
    Normal,
    /// When nothing else waits.
    Low,
}

/// Hands a message over, and says what became of it.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    let from = arguments.from.as_deref().map(Correspondent::parse);
    let head = if arguments.is_draft() || arguments.mailbox.is_some() || from.is_some() {
        Vec::new()
    } else {
        beginning_of_input()?
    };
    let written = envelope(&head).from.into_iter().next();
    let written = written.map(|from| from.address);
    let address = from.as_ref().map(|from| from.address.as_str());
    let address = address.or(written.as_deref());
    let mailbox = arguments.mailbox.as_deref();
    let mailbox = sending::sender(&config, mailbox, address.as_slice())?.clone();
    let mut wishes = arguments.wishes(&mailbox, &config)?;
    let id = if arguments.is_draft() {
        let draft = arguments.draft((from, &mailbox), (&config, settings))?;
        wishes.recipients_in_header = true;
        sending::hand_over(config.clone(), wishes, async |preparation| {
            draft.write_to(preparation).await
        })?
    } else {
        if head.is_empty() {
            tell_that_input_is_read();
        }
        wishes.from = Some(from.map_or_else(|| mailbox.address.clone(), |from| from.address));
        sending::hand_over(config.clone(), wishes, async |preparation| {
            let input = head.as_slice().chain(tokio::io::stdin());
            if pour(input, preparation).await? == 0 {
                return Err(empty());
            }
            Ok(())
        })?
    };
    let is_served = sending::is_served(&config, false)?;
    let seen = if is_served && !arguments.wait {
        if arguments.json {
            return screen::json(&json!({ "id": id, "state": "accepted" }));
        }
        return screen::line(&format!("accepted {id}"));
    } else if is_served {
        sending::wait(config, &id, arguments.timeout)?
    } else {
        let Some(seen) = sending::send_accepted(config, &id) else {
            if arguments.json {
                return screen::json(&json!({ "id": id, "state": "accepted" }));
            }
            return screen::line(&format!("accepted {id}"));
        };
        seen
    };
    let mut told = sending::told(&seen, is_served);
    if let Err(waits @ SendError::Waits { .. }) = &told
        && !arguments.wait
    {
        // It is accepted, which is all that was asked for.
        screen::note(&waits.to_string());
        told = Ok(());
    }
    if arguments.json {
        screen::json(&seen)?;
    } else if told.is_ok() {
        screen::line(&format!("{} {id}", seen.state.as_str()))?;
    }
    Ok(told?)
}

/// The header of the message on standard input, and what else came with it: its sender may say
/// which mailbox sends it.
fn beginning_of_input() -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;

    tell_that_input_is_read();
    let mut head = Vec::new();
    let mut octets = vec![0; CHUNK];
    let is_over = |head: &[u8]| {
        let ends = |end: &[u8]| head.windows(end.len()).any(|some| some == end);
        head.len() > LONGEST_HEAD || ends(b"\n\n") || ends(b"\r\n\r\n")
    };
    while !is_over(&head) {
        let read = std::io::stdin().lock().read(&mut octets).map_err(unread)?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(&octets[..read]);
    }
    Ok(head)
}

fn tell_that_input_is_read() {
    if screen::is_stdin_terminal() {
        screen::note("reading a message from standard input; Ctrl-D ends it");
    }
}

/// Reads a message to its end into `preparation`. How many octets it had is returned.
pub(super) async fn pour(
    mut from: impl AsyncRead + Unpin,
    preparation: &mut Preparation,
) -> Result<usize, PrepareError> {
    let mut octets = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let read = from.read(&mut octets).await.map_err(unread)?;
        size += read;
        if read == 0 || !preparation.write(&octets[..read]).await? {
            return Ok(size);
        }
    }
}

/// There is no message.
pub(super) fn empty() -> PrepareError {
    unread(std::io::Error::other("it is empty"))
}

pub(super) fn unread(source: std::io::Error) -> PrepareError {
    PrepareError::Unread {
        what: "standard input".to_owned(),
        source,
    }
}

impl Arguments {
    fn is_draft(&self) -> bool {
        self.subject.is_some()
            || self.text.is_some()
            || self.html.is_some()
            || self.body_file.is_some()
            || !self.attach.is_empty()
    }

    fn wishes(&self, mailbox: &MailboxSettings, config: &Config) -> Result<Wishes, Failure> {
        let not_before = times::read_argument(
            "--not-before",
            self.not_before.as_deref(),
            Clock::system().now(),
            Toward::Future,
        )?;
        let everybody = [&self.to, &self.cc, &self.bcc];
        let everybody = everybody.into_iter().flatten();
        let recipients = everybody.map(|one| Correspondent::parse(one).address);
        let recipients: Vec<String> = recipients.collect();
        Ok(Wishes {
            mailbox: mailbox.address.clone(),
            sender: ReturnTo::From,
            recipients_in_header: recipients.is_empty(),
            recipients: if self.is_draft() {
                Vec::new()
            } else {
                recipients
            },
            local: config.outbox.local.clone(),
            from: None,
            dot_ends: false,
            priority: match self.priority {
                Turn::High => Priority::High,
                Turn::Normal => Priority::Normal,
                Turn::Low => Priority::Low,
            },
            not_before,
            dsn: DsnRequest::default(),
            idempotency_key: self.idempotency_key.clone(),
        })
    }

    fn draft(
        &self,
        (from, mailbox): (Option<Correspondent>, &MailboxSettings),
        around: (&Config, &Settings),
    ) -> Result<Draft, Failure> {
        let people = |people: &[String]| {
            let people = people.iter().map(|one| Correspondent::parse(one));
            people.collect::<Vec<_>>()
        };
        let mut draft = Draft {
            from: from.unwrap_or_else(|| Correspondent {
                name: None,
                address: mailbox.address.clone(),
            }),
            to: people(&self.to),
            cc: people(&self.cc),
            bcc: people(&self.bcc),
            subject: self.subject.clone(),
            text: self.text.clone(),
            html: self.html.clone(),
            attachments: self.attach.iter().map(|path| attached(path)).collect(),
            ..Draft::default()
        };
        if let Some(file) = &self.body_file {
            let text = text_of(file)?;
            let ending = file.extension().and_then(|ending| ending.to_str());
            match ending {
                Some("html" | "htm") => draft.html = Some(text),
                _ => draft.text = Some(text),
            }
        }
        for field in &self.header {
            let (name, value) = field.split_once(':').ok_or_else(|| UsageError::Argument {
                argument: "--header".to_owned(),
                reason: format!("{field:?} has no colon; write it as `Name: value`"),
            })?;
            draft
                .fields
                .push((name.trim().to_owned(), value.trim().to_owned()));
        }
        if let Some(id) = &self.reply_to {
            answered::fill(&mut draft, id, (mailbox, around))?;
        }
        Ok(draft)
    }
}

fn attached(path: &Path) -> Attached {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Attached {
        path: path.to_owned(),
        name: name.into_owned(),
    }
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let unread = |source| PrepareError::Unread {
        what: file.display().to_string(),
        source,
    };
    let octets = if file == Path::new("-") {
        let mut octets = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut octets);
        read.map_err(unread)?;
        octets
    } else {
        std::fs::read(file).map_err(unread)?
    };
    let text = String::from_utf8(octets).map_err(|_| UsageError::Argument {
        argument: "--body-file".to_owned(),
        reason: format!("{} is no text in UTF-8", file.display()),
    })?;
    Ok(text)
}

const CHUNK: usize = 64 * 1024;
/// A header of more octets names its sender to nobody.
const LONGEST_HEAD: usize = 256 * 1024;
