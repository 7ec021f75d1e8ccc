//! `gatepost outbox list|show|retry|cancel|resolve`: what is on its way out.

use std::num::NonZeroUsize;

use gatepost_mailroom::{
    Outbox as _, RecipientFate, Resolution, Submission, SubmissionFilter, SubmissionId,
    SubmissionState,
};
use gatepost_store::DamagedSubmission;
use jiff::Timestamp;

use crate::cli::Settings;
use crate::compose::{Gatepost, Scope, compose, send_policy};
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::sending::{self, SendError};
use crate::verbs::{configuration, named_mailbox};
use crate::{logging, runtime, times};

/// What `outbox` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: OutboxVerb,
}

#[derive(Debug, clap::Subcommand)]
enum OutboxVerb {
    /// List messages, the newest first.
    List(ListArguments),
    /// Show one message, and what became of it for each recipient.
    Show {
        /// Its name in the list.
        id: String,
        #[command(flatten)]
        form: Form,
    },
    /// Try messages again at once, also those that gave up, and scheduled ones that are named.
    /// Without a running serve they are sent in the foreground.
    #[command(
        override_usage = "gatepost outbox retry <IDS>...\n       gatepost outbox retry --mailbox <MAILBOX>"
    )]
    Retry {
        /// Their names in the list.
        #[arg(required_unless_present = "mailbox")]
        ids: Vec<String>,
        /// All of this mailbox that wait or gave up.
        #[arg(long, conflicts_with = "ids")]
        mailbox: Option<String>,
    },
    /// Cancel messages of which nothing was sent yet.
    Cancel {
        /// Their names in the list.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Say what became of a message of which nobody knows whether it was sent.
    Resolve {
        /// Its name in the list.
        id: String,
        /// What is true of it, or is to be done.
        #[arg(value_enum)]
        as_what: As,
    },
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Only those in this state.
    #[arg(long, value_parser = state)]
    state: Option<SubmissionState>,
    /// Only those of this mailbox.
    #[arg(long)]
    mailbox: Option<String>,
    /// How many, the newest first.
    #[arg(long, default_value = "50", value_name = "NUMBER")]
    top: NonZeroUsize,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum As {
    /// It arrived.
    Sent,
    /// Send it again; it may arrive twice.
    Resend,
    /// Do not send it again.
    Drop,
}

/// Lists, shows or changes what is in the outbox.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    let again = runtime::briefly(async {
        let gatepost = compose(config.clone(), Scope::Store).await?;
        let done = act(&arguments.verb, &gatepost).await;
        gatepost.end().await;
        done
    })?;
    if again.is_empty() || sending::is_served(&config, true)? {
        return Ok(());
    }
    let mut first_failure = None;
    for id in again {
        let seen = sending::send_now(config.clone(), &id)?;
        match sending::told(&seen, false) {
            Ok(()) => screen::line(&format!("{} {id}", seen.state.as_str()))?,
            // What makes one wait is mostly wrong with the mailbox, and makes the others wait, too.
            Err(waits @ SendError::Waits { .. }) => return Err(waits.into()),
            Err(failure) => match &first_failure {
                None => first_failure = Some(failure),
                Some(_) => screen::tell_failure(&failure.into()),
            },
        }
    }
    first_failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// Answers what is to be sent at once.
async fn act(verb: &OutboxVerb, gatepost: &Gatepost) -> Result<Vec<SubmissionId>, Failure> {
    let (store, now) = (&gatepost.store, gatepost.clock.now());
    match verb {
        OutboxVerb::List(arguments) => {
            let filter = SubmissionFilter {
                state: arguments.state,
                mailbox: arguments.mailbox.as_ref().map(|one| one.to_lowercase()),
                limit: arguments.top.get(),
                ..SubmissionFilter::default()
            };
            let (mut found, damaged) = store.page_of_submissions(&filter).await?;
            sending::waiting::with_their_mailboxes(&mut found, gatepost).await?;
            let is_empty = found.is_empty() && damaged.is_empty();
            if let (true, Some(mailbox)) = (is_empty, &arguments.mailbox) {
                named_mailbox(&gatepost.config, mailbox)?;
            }
            list(arguments, &found, now)?;
            tell_damaged(&damaged);
            Ok(Vec::new())
        }
        OutboxVerb::Show { id, form } => {
            show_one(gatepost, id, *form).await?;
            Ok(Vec::new())
        }
        OutboxVerb::Retry { ids, mailbox } => {
            let before = match mailbox {
                Some(mailbox) => waiting_of(gatepost, mailbox).await?,
                None => all(store, ids).await?,
            };
            let ids = names(&before);
            let count = store.retry_sending(&ids, now).await?;
            told((&before, count), "due at once")?;
            Ok(ids)
        }
        OutboxVerb::Cancel { ids } => {
            let before = all(store, ids).await?;
            let count = store.cancel(&names(&before), now).await?;
            told((&before, count), "cancelled")?;
            Ok(Vec::new())
        }
        OutboxVerb::Resolve { id, as_what } => {
            let seen = one(store, id).await?;
            let resolution = match as_what {
                As::Sent => Resolution::Sent,
                As::Resend => Resolution::Resend,
                As::Drop => Resolution::Drop,
            };
            let policy = send_policy(&gatepost.config);
            let decision = policy.resolved(&seen, resolution, (&gatepost.chance, now));
            let state = decision.fate.state();
            if !store.resolve(&seen.id, decision, now).await? {
                let reason = format!("the message {id} is {}, not unknown", seen.state.as_str());
                return Err(SendError::NothingToDo { reason }.into());
            }
            screen::line(&format!("{} {id}", state.as_str()))?;
            Ok(match state {
                SubmissionState::Queued => vec![seen.id],
                _ => Vec::new(),
            })
        }
    }
}

async fn show_one(gatepost: &Gatepost, id: &str, form: Form) -> Result<(), Failure> {
    let parsed = SubmissionId::parse(id);
    if let Some(parsed) = parsed
        && let Some(damaged) = gatepost.store.damaged_submission(&parsed).await?
    {
        if form.is_json() {
            return screen::json(&damaged);
        }
        return show_damaged(&damaged);
    }
    let mut seen = one(&gatepost.store, id).await?;
    let only = std::slice::from_mut(&mut seen);
    sending::waiting::with_their_mailboxes(only, gatepost).await?;
    if form.is_json() {
        return screen::json(&seen);
    }
    show(&seen, gatepost.clock.now())
}

async fn one(store: &gatepost_store::Store, id: &str) -> Result<Submission, Failure> {
    let missing = || SendError::Missing { id: id.to_owned() };
    let id = SubmissionId::parse(id).ok_or_else(missing)?;
    let seen = store.submission(&id).await?;
    Ok(seen.ok_or_else(missing)?)
}

async fn all(store: &gatepost_store::Store, ids: &[String]) -> Result<Vec<Submission>, Failure> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.push(one(store, id).await?);
    }
    Ok(all)
}

/// What a mailbox would send if it could.
async fn waiting_of(gatepost: &Gatepost, mailbox: &str) -> Result<Vec<Submission>, Failure> {
    let mailbox = mailbox.to_lowercase();
    let mut found = Vec::new();
    for state in [SubmissionState::Queued, SubmissionState::Dead] {
        let filter = SubmissionFilter {
            state: Some(state),
            mailbox: Some(mailbox.clone()),
            limit: usize::MAX,
            ..SubmissionFilter::default()
        };
        found.extend(gatepost.store.submissions(&filter).await?);
    }
    if found.is_empty() {
        named_mailbox(&gatepost.config, &mailbox)?;
        let reason = format!("no message of {mailbox} waits or gave up");
        return Err(SendError::NothingToDo { reason }.into());
    }
    Ok(found)
}

fn names(all: &[Submission]) -> Vec<SubmissionId> {
    all.iter().map(|one| one.id.clone()).collect()
}

fn list(arguments: &ListArguments, found: &[Submission], now: Timestamp) -> Result<(), Failure> {
    let heads = [
        "ID", "STATE", "MAILBOX", "TO", "SUBJECT", "TRIES", "NEXT", "WHY",
    ];
    arguments.form.list(found, heads, |one| {
        let why = match one.state {
            SubmissionState::Sent => "",
            _ => one.reason.as_deref().unwrap_or_default(),
        };
        [
            one.id.to_string(),
            one.state.as_str().to_owned(),
            one.letter.mailbox.clone(),
            recipients(one),
            screen::shortened(one.letter.subject.as_deref().unwrap_or("(no subject)"), 40),
            one.attempts.to_string(),
            next(one, now),
            screen::shortened(why, 60),
        ]
    })
}

/// Writes what can be read of a message that is damaged.
fn show_damaged(damaged: &DamagedSubmission) -> Result<(), Failure> {
    let why = format!("it is damaged and is not sent: {}", damaged.reason);
    for (name, value) in [
        ("Message", damaged.id.as_str()),
        ("State", &damaged.state),
        ("Mailbox", &damaged.mailbox),
        ("Why", &why),
        ("Code", damaged.code),
    ] {
        screen::field(name, value)?;
    }
    Ok(())
}

/// Names those that no list can show.
fn tell_damaged(damaged: &[DamagedSubmission]) {
    for one in damaged {
        screen::warn(&format!(
            "the message {} of {} is damaged and is not sent ({}): {}",
            one.id, one.mailbox, one.state, one.reason
        ));
    }
}

fn recipients(one: &Submission) -> String {
    match &one.recipients[..] {
        [] => String::new(),
        [only] => only.address.clone(),
        [first, rest @ ..] => format!("{} and {} more", first.address, rest.len()),
    }
}

fn next(one: &Submission, now: Timestamp) -> String {
    let at = one.next_attempt_at;
    at.map_or_else(String::new, |at| times::ahead_of(now, at))
}

/// Writes one message as people read it.
fn show(one: &Submission, now: Timestamp) -> Result<(), Failure> {
    let seen = |at: Option<Timestamp>| at.map(|at| times::seen_from(now, at));
    let letter = &one.letter;
    let fields = [
        ("Message", Some(one.id.to_string())),
        ("State", Some(one.state.as_str().to_owned())),
        ("Mailbox", Some(letter.mailbox.clone())),
        (
            "Sender",
            Some(letter.sender.clone().unwrap_or_else(|| "<>".to_owned())),
        ),
        ("Subject", letter.subject.clone()),
        ("Message-ID", Some(format!("<{}>", letter.message_id))),
        ("Size", Some(letter.size.to_string())),
        ("Accepted", seen(Some(letter.accepted_at))),
        (
            "Not before",
            letter.not_before.map(|at| times::ahead_of(now, at)),
        ),
        ("Tries", Some(one.attempts.to_string())),
        ("First try", seen(one.first_attempt_at)),
        ("Departed", seen(one.departed_at)),
        ("Next", Some(next(one, now))),
        ("Settled", seen(one.settled_at)),
        ("Why", one.reason.clone()),
        ("Code", one.code.clone()),
    ];
    for (name, value) in fields {
        screen::field(name, value.as_deref().unwrap_or_default())?;
    }
    for former in &one.former {
        let first = former.first_attempt_at;
        let first = first.map_or_else(String::new, |at| {
            format!(", the first {}", times::seen_from(now, at))
        });
        let reason = former.reason.as_deref().map(|reason| format!(": {reason}"));
        let tries = format!("{}{first}{}", former.attempts, reason.unwrap_or_default());
        screen::field("Tries before", &tries)?;
    }
    for recipient in &one.recipients {
        let fate = match &recipient.fate {
            RecipientFate::Open => "open".to_owned(),
            RecipientFate::Waiting => "waiting for others to have their turn".to_owned(),
            RecipientFate::Taken => "taken".to_owned(),
            RecipientFate::Deferred { reason } => format!("later: {reason}"),
            RecipientFate::Refused { reason } => format!("refused: {reason}"),
            RecipientFate::Dropped { reason } => format!("dropped: {reason}"),
        };
        screen::field("Recipient", &format!("{} {fate}", recipient.address))?;
    }
    Ok(())
}

/// Says for how many it was done. `before` is how they stood until then.
fn told((before, count): (&[Submission], usize), what: &str) -> Result<(), Failure> {
    if let ([only], 0) = (before, count) {
        let mut reason = format!("the message {} is {}", only.id, only.state.as_str());
        if only.state == SubmissionState::Unknown {
            let resolve = format!(
                "; `gatepost outbox resolve {} sent`, `resend` or `drop` says what becomes of it",
                only.id
            );
            reason.push_str(&resolve);
        }
        return Err(SendError::NothingToDo { reason }.into());
    }
    let mut states: Vec<String> = Vec::new();
    if count < before.len() {
        let stand = |one: &Submission| format!("{} was {}", one.id, one.state.as_str());
        states.extend(before.iter().map(stand));
    }
    if count == 0 {
        let reason = states.join(", ");
        return Err(SendError::NothingToDo { reason }.into());
    }
    let others = if states.is_empty() {
        String::new()
    } else {
        format!(": {}", states.join(", "))
    };
    screen::line(&format!("{count} of {} {what}{others}", before.len()))
}

fn state(text: &str) -> Result<SubmissionState, String> {
    SubmissionState::parse(text).ok_or_else(|| {
        let all = SubmissionState::ALL.map(SubmissionState::as_str);
        format!("there is no such state; there are {}", all.join(", "))
    })
}
