//! From what a server said to what it means: the one place that reads its words.

use std::time::Duration;

use gatepost_wire::pop3::{Code, Outcome, Reply};

use super::link::Place;
use crate::imap::back_off;
use crate::{MailError, Protocol};

/// What we asked for when the server refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// To talk to us at all.
    Greeting,
    /// To be let in with a token.
    SignIn,
    /// To do this, in words that follow "refused to".
    Other(&'static str),
}

/// An error if the server did not say `+OK`. `login_delay` is how long it wants between two
/// sign-ins, as far as it said so (RFC 2449 §6.5).
pub(super) fn check(
    reply: &Reply,
    asked: Asked,
    place: &Place,
    login_delay: Option<Duration>,
) -> Result<(), MailError> {
    match reply.outcome {
        Outcome::Ok => Ok(()),
        Outcome::Err => Err(refusal(reply, asked, place, login_delay)),
    }
}

/// What a goodbye means; an ordinary one only says that the connection is gone.
pub(super) fn goodbye(reply: &Reply, place: &Place) -> MailError {
    match refusal(reply, Asked::Other("go on"), place, None) {
        MailError::Refused {
            host,
            mailbox,
            said: reason,
            ..
        } => MailError::Disconnected {
            host,
            mailbox,
            reason,
        },
        special => special,
    }
}

fn refusal(reply: &Reply, asked: Asked, place: &Place, login_delay: Option<Duration>) -> MailError {
    let said = words_of(reply);
    let (host, mailbox) = (place.host.clone(), place.mailbox.clone());
    let protocol = Protocol::Pop3;
    let meaning = match &reply.code {
        Some(Code::InUse) => Some(Meaning::InUse),
        Some(Code::LoginDelay) => Some(Meaning::TooSoon),
        Some(Code::SysTemp | Code::SysPerm) => Some(Meaning::Unavailable),
        _ => meaning_of(&said),
    };
    match (meaning, asked) {
        (Some(Meaning::InUse), _) => MailError::InUse {
            host,
            mailbox,
            said,
        },
        (Some(Meaning::TooSoon), _) => MailError::Throttled {
            host,
            mailbox,
            back_off: login_delay,
            said,
        },
        (Some(Meaning::Throttled), _) => MailError::Throttled {
            host,
            mailbox,
            back_off: back_off(&said),
            said,
        },
        (Some(Meaning::NotConnected), _) => MailError::NotConnected {
            protocol,
            host,
            mailbox,
            said,
        },
        (Some(Meaning::SwitchedOff), _) => MailError::SwitchedOff {
            protocol,
            host,
            mailbox,
            said,
        },
        (Some(Meaning::Unavailable), _) | (None, Asked::Greeting) => MailError::Unavailable {
            host,
            mailbox,
            said,
        },
        (None, Asked::SignIn) => MailError::SignInRefused {
            protocol,
            host,
            mailbox,
            said,
        },
        (None, Asked::Other(what)) => MailError::Refused {
            host,
            mailbox,
            what,
            said,
        },
    }
}

/// What an answer means beyond `-ERR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Another session holds the mailbox.
    InUse,
    /// The last sign-in was a moment ago.
    TooSoon,
    /// Too much was asked.
    Throttled,
    /// The token is good, and the mailbox may not be opened.
    NotConnected,
    /// POP3 is off for the mailbox.
    SwitchedOff,
    /// The server has trouble.
    Unavailable,
}

fn meaning_of(said: &str) -> Option<Meaning> {
    let said = said.to_lowercase();
    let found = PHRASES.iter().find(|(phrase, _)| said.contains(phrase));
    found.map(|(_, meaning)| *meaning)
}

pub(super) fn words_of(reply: &Reply) -> String {
    match (&reply.code, reply.text.as_str()) {
        (Some(code), "") => format!("{code:?}"),
        (_, "") => "nothing".to_owned(),
        (_, text) => text.to_owned(),
    }
}

/// What an answer contains, in lower case, and what it means. The first that matches counts.
const PHRASES: &[(&str, Meaning)] = &[
    ("authenticated but not connected", Meaning::NotConnected),
    ("request is throttled", Meaning::Throttled),
    ("suggested backoff time", Meaning::Throttled),
    ("too many simultaneous connections", Meaning::Throttled),
    ("too many connections", Meaning::Throttled),
    ("maximum number of connections", Meaning::Throttled),
    ("server unavailable", Meaning::Unavailable),
    ("pop access is disabled", Meaning::SwitchedOff),
    ("pop3 is disabled", Meaning::SwitchedOff),
    ("pop is disabled", Meaning::SwitchedOff),
    ("pop3 is not enabled", Meaning::SwitchedOff),
    ("pop is not enabled", Meaning::SwitchedOff),
];

#[cfg(test)]
mod tests {
    use gatepost_fault::{After, Fault as _, Next, Owner};

    use super::*;

    fn verdict(line: &str, asked: Asked, login_delay: Option<Duration>) -> MailError {
        let reply = Reply::parse(line).expect("a reply");
        let place = Place {
            host: "pop.example".into(),
            mailbox: "ada@contoso.com".into(),
        };
        check(&reply, asked, &place, login_delay).expect_err("it is refused")
    }

    #[test]
    fn codes_in_brackets_are_obeyed() {
        for (line, code, owner) in [
            ("-ERR [IN-USE] locked", "mailbox_in_use", Owner::Remote),
            (
                "-ERR [SYS/TEMP] later",
                "mailbox_unavailable",
                Owner::Remote,
            ),
            ("-ERR [SYS/PERM] ask", "mailbox_unavailable", Owner::Remote),
            ("-ERR [AUTH] no", "pop3_sign_in_refused", Owner::TenantAdmin),
            (
                "-ERR POP3 is disabled",
                "pop3_switched_off",
                Owner::TenantAdmin,
            ),
        ] {
            let error = verdict(line, Asked::SignIn, None);
            assert_eq!((error.code(), error.owner()), (code, owner), "{line}");
        }
    }

    #[test]
    fn a_sign_in_that_came_too_soon_waits_as_long_as_the_server_wants() {
        let delay = Duration::from_mins(15);
        let error = verdict("-ERR [LOGIN-DELAY] wait", Asked::SignIn, Some(delay));
        assert_eq!(error.code(), "mailbox_throttled");
        assert_eq!(error.next(), Next::Retry(After::AtLeast(delay)));
    }

    #[test]
    fn exchanges_refusal_names_what_it_hides() {
        let text = "Authentication failure: unknown user name or bad password.";
        let error = verdict(&format!("-ERR {text}"), Asked::SignIn, None);
        let sentence = error.to_string();
        for cause in ["POP.AccessAsApp", "Add-MailboxPermission", "-PopEnabled"] {
            assert!(sentence.contains(cause), "{cause} is named: {sentence}");
        }
        assert!(sentence.ends_with(text), "the server's words are last");
    }
}
