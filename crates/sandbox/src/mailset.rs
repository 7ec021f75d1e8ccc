//! Mail for a demonstration: letters as real people send them, the same in every run but for
//! their dates.

mod compose;
mod letters;
mod pdf;

use bytes::Bytes;
use jiff::Timestamp;

use crate::mailboxes::{MailboxError, Mailboxes};

/// What is in the mailboxes when a sandbox starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mail {
    /// Nothing.
    None,
    /// The letters of [`demo`].
    Demo,
}

/// A message, and whom it reaches when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The mailbox.
    pub to: &'static str,
    /// When the server receives it.
    pub at: Timestamp,
    /// The message.
    pub raw: Bytes,
}

/// The letters of the weeks before `now`, oldest first.
pub fn demo(now: Timestamp) -> Vec<Letter> {
    let mut letters = letters::past(now);
    letters.sort_by_key(|letter| letter.at);
    letters
}

/// The letters that arrive while a demonstration runs, in their order, dated `now`.
pub fn arriving(now: Timestamp) -> Vec<Letter> {
    letters::coming(now)
}

/// Puts the letters into the mailboxes.
pub(crate) fn fill(mailboxes: &Mailboxes, mail: Mail, now: Timestamp) -> Result<(), MailboxError> {
    let letters = match mail {
        Mail::None => return Ok(()),
        Mail::Demo => demo(now),
    };
    for letter in letters {
        mailboxes.deliver(letter.to, letter.raw, letter.at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mail_parser::{MessageParser, MimeHeaders as _};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
    }

    #[test]
    fn the_same_moment_gives_the_same_octets() {
        assert_eq!(demo(now()), demo(now()));
        assert_eq!(arriving(now()), arriving(now()));
    }

    #[test]
    fn every_letter_is_a_message_with_its_own_id() {
        let mut ids = BTreeSet::new();
        for letter in demo(now()).into_iter().chain(arriving(now())) {
            let message = MessageParser::default()
                .parse(&letter.raw)
                .expect("a message");
            assert!(message.subject().is_some_and(|subject| !subject.is_empty()));
            assert!(message.from().is_some() && message.date().is_some());
            assert!(ids.insert(message.message_id().expect("an id").to_owned()));
            assert!(!letter.raw.windows(6).any(|octets| octets == b"@DATE@"));
            let bare = letter
                .raw
                .windows(2)
                .any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
            assert!(!bare, "lines end with CRLF");
        }
    }

    #[test]
    fn foreign_charsets_read_as_they_were_written() {
        let subjects: Vec<String> = demo(now())
            .iter()
            .filter_map(|letter| {
                let message = MessageParser::default().parse(&letter.raw)?;
                let text = message.body_text(0)?.into_owned();
                message
                    .subject()
                    .map(|subject| format!("{subject}\n{text}"))
            })
            .collect();
        for words in [
            "Säcke Mehl",
            "お世話になっております",
            "две коробки",
            "12 łódek",
        ] {
            assert!(subjects.iter().any(|text| text.contains(words)), "{words}");
        }
    }

    #[test]
    fn there_are_attachments_and_a_long_thread() {
        let letters = demo(now());
        let messages: Vec<_> = letters
            .iter()
            .map(|letter| {
                MessageParser::default()
                    .parse(&letter.raw)
                    .expect("a message")
            })
            .collect();
        let names: Vec<&str> = messages
            .iter()
            .flat_map(mail_parser::Message::attachments)
            .filter_map(mail_parser::MessagePart::attachment_name)
            .collect();
        assert!(names.contains(&"Rechnung März 2026.pdf"), "{names:?}");
        let longest = messages.iter().filter_map(|message| {
            let references = message.references();
            references.as_text_list().map(<[_]>::len)
        });
        assert!(longest.max() >= Some(6));
    }
}
