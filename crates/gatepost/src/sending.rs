//! Handing a message to the outbox, and what verbs say of it.

pub(crate) mod waiting;

use std::time::Duration;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_mailroom::outbox::{Preparation, PrepareError, Wishes};
use gatepost_mailroom::{Accepted, Outbox as _, Submission, SubmissionId, SubmissionState};
use jiff::Timestamp;

use crate::compose::{Gatepost, Scope, compose, send_policy};
use crate::config::{Config, MailboxSettings};
use crate::control::{Question, ask};
use crate::failure::Failure;
use crate::verbs::named_mailbox;
use crate::{codes, runtime, screen, times};

/// Why a message was not sent, or is not yet.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The mailbox does not send.
    #[error(
        "the mailbox {mailbox} does not send: give it `send = \"smtp\"` (or \"graph\") in {file}"
    )]
    NotConfigured {
        /// The mailbox.
        mailbox: String,
        /// The configuration.
        file: String,
    },
    /// It is not said which mailbox sends.
    #[error(
        "it is not clear which mailbox sends {from}: name it, or set `default` in [outbox] of {file}; these send: {mailboxes}"
    )]
    WhichMailbox {
        /// From whom the message is.
        from: String,
        /// The configuration.
        file: String,
        /// Those that send.
        mailboxes: String,
    },
    /// Another message was accepted under the same idempotency key.
    #[error(
        "another message was accepted before with this idempotency key: {id}; nothing was accepted now"
    )]
    OtherWish {
        /// Its name in the outbox.
        id: SubmissionId,
    },
    /// The server refused it.
    #[error("the message {id} was not sent: {reason}")]
    Failed {
        /// Its name in the outbox.
        id: SubmissionId,
        /// Why.
        reason: String,
    },
    /// The server refused it, since the mailbox may not send as its sender.
    #[error("the message {id} was not sent: {reason}")]
    SendAsDenied {
        /// Its name in the outbox.
        id: SubmissionId,
        /// Why.
        reason: String,
    },
    /// It waits.
    #[error(
        "the message {id} is kept in the outbox and was not sent yet: {reason}{}; do not hand it over again: {then}", explained(*.code)
    )]
    Waits {
        /// Its name in the outbox.
        id: SubmissionId,
        /// Why.
        reason: String,
        /// The code of what it waits for, if that has a page.
        code: Option<&'static str>,
        /// Who sends it.
        then: String,
    },
    /// Nobody knows.
    #[error(
        "nobody knows whether the message {id} was sent: {reason}; do not hand it over again: look whether it arrived, and tell by `gatepost outbox resolve {id}`"
    )]
    Unknown {
        /// Its name in the outbox.
        id: SubmissionId,
        /// Why.
        reason: String,
    },
    /// There is no such message.
    #[error("there is no message {id} in the outbox; `gatepost outbox list` shows those there are")]
    Missing {
        /// What was asked for.
        id: String,
    },
    /// Nothing can be done with these messages.
    #[error("nothing to do: {reason}; `gatepost outbox list` shows where each stands")]
    NothingToDo {
        /// Why.
        reason: String,
    },
    /// An option of sendmail's that has no meaning here.
    #[error("sendmail: {option} is not possible here: {reason}")]
    Option {
        /// The option.
        option: String,
        /// What to do instead.
        reason: String,
    },
}

impl SendError {
    /// Every code that this error answers.
    pub const CODES: &'static [&'static str] = &[
        "send_not_configured",
        "sender_ambiguous",
        "idempotency_conflict",
        "message_not_sent",
        "message_waits",
        "submission_missing",
        "sendmail_option",
    ];
}

impl Fault for SendError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotConfigured { .. } => "send_not_configured",
            Self::WhichMailbox { .. } => "sender_ambiguous",
            Self::OtherWish { .. } => "idempotency_conflict",
            Self::Failed { .. } => "message_not_sent",
            Self::SendAsDenied { .. } => SEND_AS_DENIED,
            Self::Waits { code, .. } => {
                match code.filter(|code| codes::is_for_an_administrator(code)) {
                    Some(code) => code,
                    None => "message_waits",
                }
            }
            Self::Unknown { .. } => "submission_unknown",
            Self::Missing { .. } | Self::NothingToDo { .. } => "submission_missing",
            Self::Option { .. } => "sendmail_option",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Waits {
                code: Some(code), ..
            } if codes::is_for_an_administrator(code) => Owner::TenantAdmin,
            Self::Failed { .. } | Self::Waits { .. } | Self::Unknown { .. } => Owner::Remote,
            Self::SendAsDenied { .. } => Owner::TenantAdmin,
            _ => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::NotConfigured { .. } | Self::SendAsDenied { .. } => Next::Reconfigure,
            Self::Waits { .. } => Next::Retry(gatepost_fault::After::Backoff),
            _ => Next::Discard,
        }
    }
}

/// The mailbox that sends: the one that is named, otherwise that of the first of the addresses
/// `from` that has one, otherwise the usual one, otherwise the only one there is.
pub fn sender<'a>(
    config: &'a Config,
    named: Option<&str>,
    from: &[&str],
) -> Result<&'a MailboxSettings, Failure> {
    let file = || config.file.display().to_string();
    if let Some(named) = named {
        let mailbox = named_mailbox(config, named)?;
        if mailbox.send.is_none() {
            return Err(SendError::NotConfigured {
                mailbox: mailbox.address.clone(),
                file: file(),
            }
            .into());
        }
        return Ok(mailbox);
    }
    let of = |address: &str| {
        let mailbox = config.mailboxes.get(&address.to_lowercase());
        mailbox.filter(|mailbox| mailbox.send.is_some())
    };
    let all = config.mailboxes.values();
    let all: Vec<_> = all.filter(|one| one.send.is_some()).collect();
    let only = match all[..] {
        [only] => Some(only),
        _ => None,
    };
    let usual = config.outbox.default.as_deref();
    let found = from.iter().copied().find_map(of);
    let found = found.or_else(|| usual.and_then(of)).or(only);
    found.ok_or_else(|| {
        let mailboxes: Vec<_> = all.iter().map(|one| one.address.as_str()).collect();
        let mailboxes = match &mailboxes[..] {
            [] => "none".to_owned(),
            some => some.join(", "),
        };
        SendError::WhichMailbox {
            from: match from {
                [] => "this".to_owned(),
                some => format!("what is from {}", some.join(" and ")),
            },
            file: file(),
            mailboxes,
        }
        .into()
    })
}

/// Puts a message into the outbox, which `write` writes; answers its name. It is durable then,
/// and a running `serve` knows.
pub fn hand_over(
    config: Config,
    wishes: Wishes,
    write: impl AsyncFnOnce(&mut Preparation) -> Result<(), PrepareError>,
) -> Result<SubmissionId, Failure> {
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let accepted = accept(&gatepost, wishes, write).await;
        gatepost.end().await;
        accepted
    })
}

async fn accept(
    gatepost: &Gatepost,
    wishes: Wishes,
    write: impl AsyncFnOnce(&mut Preparation) -> Result<(), PrepareError>,
) -> Result<SubmissionId, Failure> {
    let office = gatepost.post_office_beside()?;
    let now = gatepost.clock.now();
    let mut preparation = Preparation::begin(wishes, &office.spool, (now, &gatepost.chance))?;
    write(&mut preparation).await?;
    let prepared = preparation.finish().await?;
    let report_to = send_policy(&gatepost.config).report_to;
    let submission = prepared.submission.reported_to(&report_to);
    let id = submission.id.clone();
    match office.accept(submission).await? {
        Accepted::New => Ok(id),
        // The same wish once more: nothing happens twice.
        Accepted::Before(first) => Ok(first),
        Accepted::Other(id) => Err(SendError::OtherWish { id }.into()),
    }
}

/// Whether a `serve` runs, which is told that there is something to send.
pub fn is_served(config: &Config, urgent: bool) -> Result<bool, Failure> {
    Ok(ask(&config.state, &Question::Send { urgent })?.is_some())
}

/// Sends the message in the foreground, since no `serve` runs; answers where it stands then.
pub fn send_now(config: Config, id: &SubmissionId) -> Result<Submission, Failure> {
    let missing = || SendError::Missing { id: id.to_string() };
    runtime::briefly(async {
        let seen = {
            let gatepost = compose(config.clone(), Scope::Store).await?;
            let seen = gatepost.store.submission(id).await;
            let patience = gatepost.clock.now().checked_add(PATIENCE);
            gatepost.end().await;
            let seen = seen?.ok_or_else(missing)?;
            let until = patience.unwrap_or(Timestamp::MAX);
            let is_later = seen.next_attempt_at.is_some_and(|at| at > until);
            if seen.state == SubmissionState::Scheduled && is_later {
                return Ok(seen);
            }
            seen
        };
        let mailbox = seen.letter.mailbox;
        let mailbox = sender(&config, Some(&mailbox), &[])?.clone();
        let gatepost = compose(config, Scope::Mailbox(&mailbox)).await?;
        let sent = async {
            let office = gatepost.post_office_beside()?;
            let sending = gatepost.sending(&mailbox)?;
            let sending = sending.ok_or_else(missing)?;
            let sent = sending.send_now(id, (&office, PATIENCE)).await?;
            Ok(sent.ok_or_else(missing)?)
        };
        let sent = sent.await;
        gatepost.end().await;
        sent
    })
}

/// The same for one that was accepted just now. What keeps it from being tried at all is told, and
/// is no failure: it is kept, and would arrive twice if it were handed over again.
pub fn send_accepted(config: Config, id: &SubmissionId) -> Option<Submission> {
    match send_now(config, id) {
        Ok(seen) => Some(seen),
        Err(failure) => {
            screen::tell_failure(&failure);
            screen::note(&format!(
                "the message {id} is kept in the outbox all the same; do not hand it over again: \
                 `gatepost serve` sends it, or `gatepost outbox retry {id}`"
            ));
            None
        }
    }
}

/// Waits until a running `serve` has sent the message, or it is known why it does not within
/// `patience`. Answers where it stands then. What it waits for meanwhile is told once.
pub fn wait(config: Config, id: &SubmissionId, patience: Duration) -> Result<Submission, Failure> {
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let seen = served(&gatepost, id, patience).await;
        gatepost.end().await;
        seen
    })
}

async fn served(
    gatepost: &Gatepost,
    id: &SubmissionId,
    patience: Duration,
) -> Result<Submission, Failure> {
    let clock = &gatepost.clock;
    let until = clock.now().checked_add(patience).unwrap_or(Timestamp::MAX);
    let mut told = None;
    for looks in 1_u32.. {
        let seen = gatepost.store.submission(id).await?;
        let mut seen = seen.ok_or_else(|| SendError::Missing { id: id.to_string() })?;
        let now = clock.now();
        // That takes longer, and does not change as fast.
        if looks.is_multiple_of(LOOKS_BETWEEN) || now >= until {
            let only = std::slice::from_mut(&mut seen);
            waiting::with_their_mailboxes(only, gatepost).await?;
        }
        if now >= until || !may_be_sent(&seen, (now, until)) {
            return Ok(seen);
        }
        if let (Some(reason), Some(at)) = (&seen.reason, seen.next_attempt_at)
            && at > now
            && told.as_ref() != Some(reason)
        {
            let next = times::ahead_of(now, at);
            let waits = match seen.state {
                SubmissionState::Unknown => "is looked for among those that were sent,",
                _ => "waits, its next try",
            };
            screen::note(&format!("the message {id} {waits} {next}: {reason}"));
            told = Some(reason.clone());
        }
        clock.sleep(LOOK).await;
    }
    unreachable!("it looks until its patience is over")
}

/// Whether something may become of a message by itself until then.
fn may_be_sent(seen: &Submission, (now, until): (Timestamp, Timestamp)) -> bool {
    let next = seen.next_attempt_at;
    match seen.state {
        // What it waits for is known once there is a reason.
        SubmissionState::Queued if seen.reason.is_some() => {
            let code = seen.code.as_deref();
            let is_stuck = code.is_some_and(codes::is_for_an_administrator);
            next.is_none_or(|at| at <= now || (at <= until && !is_stuck))
        }
        SubmissionState::Scheduled => next.is_none_or(|at| at <= until),
        SubmissionState::Unknown => next.is_some(),
        state => !state.is_settled(),
    }
}

/// What a message that stands so is worth telling.
pub fn told(seen: &Submission, is_served: bool) -> Result<(), SendError> {
    let id = seen.id.clone();
    let reason = seen.reason.clone();
    match seen.state {
        SubmissionState::Sent => Ok(()),
        SubmissionState::Failed if seen.code.as_deref() == Some(SEND_AS_DENIED) => {
            Err(SendError::SendAsDenied {
                id,
                reason: reason.unwrap_or_default(),
            })
        }
        SubmissionState::Failed | SubmissionState::Dead | SubmissionState::Cancelled => {
            Err(SendError::Failed {
                id,
                reason: reason.unwrap_or_else(|| seen.state.as_str().to_owned()),
            })
        }
        SubmissionState::Unknown => Err(SendError::Unknown {
            id,
            reason: reason.unwrap_or_else(|| "its process ended".to_owned()),
        }),
        SubmissionState::Scheduled if is_served => Ok(()),
        SubmissionState::Queued
        | SubmissionState::Scheduled
        | SubmissionState::Held
        | SubmissionState::Claimed
        | SubmissionState::Transmitting => Err(SendError::Waits {
            id,
            reason: reason.unwrap_or_else(|| match seen.letter.not_before {
                Some(at) if seen.state == SubmissionState::Scheduled => {
                    format!("it is not to be sent before {}", whole_seconds(at))
                }
                _ => seen.state.as_str().to_owned(),
            }),
            then: if is_served {
                "it is tried again by itself".to_owned()
            } else {
                format!(
                    "`gatepost serve` sends it, or `gatepost outbox retry {}`",
                    seen.id
                )
            },
            code: seen.code.as_deref().and_then(codes::known),
        }),
    }
}

fn explained(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| {
        format!(" (gatepost explain {code} says what to do)")
    })
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Second).unwrap_or(at)
}

/// The code of a message from somebody as whom the mailbox may not send.
const SEND_AS_DENIED: &str = "send_as_denied";
/// How long somebody waits for a server that is busy.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(100);
/// Looks between two at what its mailbox waits for.
const LOOKS_BETWEEN: u32 = 10;
