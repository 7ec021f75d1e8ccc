//! From what a server said to what it means: the one place that reads its words.

use std::time::Duration;

use gatepost_wire::imap::client::{Code, Outcome, Reply};

use super::link::Place;
use super::quirks::{Meaning, Quirks};
use crate::{MailError, Protocol};

/// What we asked for when the server refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    /// To be let in with a token.
    SignIn,
    /// To open this folder.
    Folder(&'a str),
    /// To put messages into this folder.
    Into(&'a str),
    /// To do this, in words that follow "refused to".
    Other(&'static str),
}

/// An error if the server did not say OK.
pub(super) fn check(
    reply: &Reply,
    asked: Asked<'_>,
    place: &Place,
    quirks: &Quirks,
) -> Result<(), MailError> {
    match reply.outcome {
        Outcome::Ok => Ok(()),
        Outcome::No | Outcome::Bad => Err(refusal(reply, asked, place, quirks)),
    }
}

/// What a goodbye means; an ordinary one only says that the connection is gone.
pub(super) fn goodbye(said: &str, place: &Place, quirks: &Quirks) -> MailError {
    let (host, mailbox) = (place.host.clone(), place.mailbox.clone());
    special(said, place, quirks).unwrap_or_else(|| MailError::Disconnected {
        host,
        mailbox,
        reason: said.to_owned(),
    })
}

fn refusal(reply: &Reply, asked: Asked<'_>, place: &Place, quirks: &Quirks) -> MailError {
    let said = words_of(reply);
    if let Some(special) = special(&said, place, quirks) {
        return special;
    }
    let (host, mailbox) = (place.host.clone(), place.mailbox.clone());
    match (&reply.code, asked) {
        (Some(code), _) if is_trouble(code) => MailError::Unavailable {
            host,
            mailbox,
            said,
        },
        (Some(Code::Limit), _) => MailError::Throttled {
            host,
            mailbox,
            back_off: None,
            said,
        },
        (_, Asked::SignIn) => MailError::SignInRefused {
            protocol: Protocol::Imap,
            host,
            mailbox,
            said,
        },
        // BAD is a complaint about our command, never about the folder.
        (_, Asked::Folder(folder)) if reply.outcome == Outcome::No => MailError::FolderMissing {
            mailbox,
            folder: folder.to_owned(),
            near: Vec::new(),
            said,
        },
        // It may also be full, or the messages cannot be moved: only some words mean the folder.
        (code, Asked::Into(folder)) if is_missing(code.as_ref(), &said) => {
            MailError::FolderMissing {
                mailbox,
                folder: folder.to_owned(),
                near: Vec::new(),
                said,
            }
        }
        (_, Asked::Into(_)) => MailError::Refused {
            host,
            mailbox,
            what: "put messages into another folder",
            said,
        },
        (_, Asked::Folder(_)) => MailError::Refused {
            host,
            mailbox,
            what: "open a folder",
            said,
        },
        (_, Asked::Other(what)) => MailError::Refused {
            host,
            mailbox,
            what,
            said,
        },
    }
}

fn special(said: &str, place: &Place, quirks: &Quirks) -> Option<MailError> {
    let (host, mailbox) = (place.host.clone(), place.mailbox.clone());
    let said = said.to_owned();
    Some(match quirks.meaning(&said)? {
        Meaning::NotConnected => MailError::NotConnected {
            protocol: Protocol::Imap,
            host,
            mailbox,
            said,
        },
        Meaning::SwitchedOff => MailError::SwitchedOff {
            protocol: Protocol::Imap,
            host,
            mailbox,
            said,
        },
        Meaning::Unavailable => MailError::Unavailable {
            host,
            mailbox,
            said,
        },
        Meaning::Throttled => MailError::Throttled {
            host,
            mailbox,
            back_off: back_off(&said),
            said,
        },
    })
}

/// Whether the code says that the server, and not the question, is at fault (RFC 5530 §3).
fn is_trouble(code: &Code) -> bool {
    match code {
        Code::Unavailable => true,
        Code::Other(code) => ["SERVERBUG", "INUSE", "CONTACTADMIN", "CORRUPTION"]
            .iter()
            .any(|word| code.eq_ignore_ascii_case(word)),
        _ => false,
    }
}

/// Whether the folder that messages were to go to is not there (RFC 9051 §6.4.7, RFC 5530 §3).
fn is_missing(code: Option<&Code>, said: &str) -> bool {
    let said = said.to_lowercase();
    match code {
        Some(code) => matches!(code, Code::TryCreate | Code::NonExistent),
        None => said.contains("doesn't exist") || said.contains("does not exist"),
    }
}

fn words_of(reply: &Reply) -> String {
    match (&reply.code, reply.text.as_str()) {
        (Some(code), "") => format!("{code:?}"),
        (_, "") => "nothing".to_owned(),
        (_, text) => text.to_owned(),
    }
}

/// `Suggested Backoff Time: 92415 milliseconds`, up to about five minutes; a larger number is
/// not believed beyond an hour.
pub(crate) fn back_off(said: &str) -> Option<Duration> {
    let (_, rest) = said
        .to_ascii_lowercase()
        .split_once("backoff time:")
        .map(owned)?;
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let milliseconds = digits.parse().ok().map(Duration::from_millis)?;
    // No time at all would mean to ask again at once, which is no back-off.
    let milliseconds = Some(milliseconds).filter(|wait| !wait.is_zero())?;
    Some(milliseconds.min(LONGEST_BACK_OFF))
}

fn owned((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}

const LONGEST_BACK_OFF: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use gatepost_fault::{After, Fault as _, Next, Owner};

    use super::*;

    fn verdict(outcome: Outcome, text: &str, asked: Asked<'_>) -> MailError {
        let reply = Reply {
            outcome,
            code: None,
            text: text.to_owned(),
        };
        let place = Place {
            host: "imap.example".into(),
            mailbox: "ada@contoso.com".into(),
        };
        check(&reply, asked, &place, &Quirks::default()).expect_err("it is refused")
    }

    #[test]
    fn exchanges_throttle_line_says_how_long() {
        let text = "Request is throttled. Suggested Backoff Time: 92415 milliseconds";
        for outcome in [Outcome::Bad, Outcome::No] {
            let error = verdict(outcome, text, Asked::Folder("INBOX"));
            let wait = Duration::from_millis(92_415);
            assert_eq!(error.next(), Next::Retry(After::AtLeast(wait)));
        }
    }

    #[test]
    fn authenticated_but_not_connected_is_for_the_administrator() {
        let text = "User is authenticated but not connected.";
        let error = verdict(Outcome::Bad, text, Asked::Other("list"));
        assert_eq!(
            (error.code(), error.owner()),
            ("imap_not_connected", Owner::TenantAdmin)
        );
        let sentence = error.to_string();
        for cause in [
            "FullAccess",
            "ObjectId",
            "-ImapEnabled",
            "licence",
            "connections",
        ] {
            assert!(sentence.contains(cause), "{cause} is named");
        }
        assert!(sentence.ends_with(text), "the server's words are last");
    }

    #[test]
    fn what_a_refusal_means_depends_on_what_was_asked() {
        let code = |asked| verdict(Outcome::No, "no", asked).code();
        assert_eq!(code(Asked::SignIn), "imap_sign_in_refused");
        assert_eq!(code(Asked::Folder("Old")), "folder_missing");
        assert_eq!(code(Asked::Other("move")), "mailbox_command_refused");
    }

    #[test]
    fn an_absurd_back_off_is_not_believed() {
        assert_eq!(
            back_off("Backoff Time: 999999999999999999 milliseconds"),
            Some(LONGEST_BACK_OFF)
        );
        assert_eq!(back_off("Backoff Time: soon"), None);
        assert_eq!(back_off("Backoff Time: 0 milliseconds"), None);
    }
}
