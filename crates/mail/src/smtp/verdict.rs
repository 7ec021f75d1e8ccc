//! From what a server said to what it means.

use gatepost_fault::{After, Next};
use gatepost_wire::smtp::exchange::{Meaning, meaning};
use gatepost_wire::smtp::{Phase, Reply, Severity};

use super::link::Place;
use crate::{MailError, Protocol, SubmitError};

/// The server refused something that belongs to a message, or the session before it.
pub(super) fn refusal(phase: Phase, reply: &Reply, place: &Place) -> SubmitError {
    let meaning = meaning(phase, reply);
    SubmitError::Refused {
        host: place.host.clone(),
        mailbox: place.mailbox.clone(),
        phase,
        meaning,
        next: meaning.map_or_else(|| next(phase, reply), Meaning::next),
        said: words(reply),
    }
}

/// The server refused the sign-in.
pub(super) fn sign_in_refusal(reply: &Reply, place: &Place) -> SubmitError {
    let (host, mailbox, said) = (place.host.clone(), place.mailbox.clone(), words(reply));
    let protocol = Protocol::Smtp;
    SubmitError::Session(match meaning(Phase::Auth, reply) {
        Some(Meaning::SmtpAuthDisabledForTenant | Meaning::SmtpAuthDisabledForMailbox) => {
            MailError::SwitchedOff {
                protocol,
                host,
                mailbox,
                said,
            }
        }
        Some(Meaning::TooManyConnections) => MailError::Throttled {
            host,
            mailbox,
            back_off: None,
            said,
        },
        // That says nothing of the number of connections.
        Some(Meaning::TooManyMessages | Meaning::ServerBusy) => MailError::Unavailable {
            host,
            mailbox,
            said,
        },
        Some(Meaning::SignInRefused) => MailError::SignInRefused {
            protocol,
            host,
            mailbox,
            said,
        },
        // The table says whose move it is.
        Some(Meaning::PolicyRefusesSignIn | Meaning::PasswordsDisabled) => {
            return refusal(Phase::Auth, reply, place);
        }
        _ if reply.severity() == Severity::Transient => MailError::Unavailable {
            host,
            mailbox,
            said,
        },
        _ => MailError::SignInRefused {
            protocol,
            host,
            mailbox,
            said,
        },
    })
}

/// What a refusal means that is not in the table: the first digit decides (RFC 5321 §4.2.1).
fn next(phase: Phase, reply: &Reply) -> Next {
    let about_message = matches!(
        phase,
        Phase::Mail | Phase::Recipient(_) | Phase::BeforeData | Phase::Chunk | Phase::EndOfData
    );
    match reply.severity() {
        Severity::Permanent if about_message => Next::Discard,
        Severity::Permanent => Next::Reconfigure,
        Severity::Done | Severity::Continue | Severity::Transient => Next::Retry(After::Backoff),
    }
}

/// The server's words with its codes.
pub(super) fn words(reply: &Reply) -> String {
    let text = reply.text();
    match reply.status {
        Some(status) => format!("{} {status} {}", reply.code, text.trim()),
        None => format!("{} {}", reply.code, text.trim()),
    }
}
