//! The headers of messages (TOP), and what they tell.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_wire::pop3::client::Command;
use gatepost_wire::pop3::{Capability, Reply};

use super::link::{Link, Taker};
use super::maildrop::Letter;
use super::session::{Open, Session};
use crate::beginning::Beginning;
use crate::{Arrival, FolderName, Intake as _, IntakeError, MailError, MessageKey, content};

/// The header of each of these; empty where the server has none to give.
pub(super) async fn headers(
    link: &mut Link,
    letters: &[Letter],
) -> Result<Vec<Vec<u8>>, MailError> {
    let mut taken = Taken(vec![Vec::new(); letters.len()]);
    if may_ask(link) {
        let questions: Vec<Command> = letters.iter().map(top).collect();
        link.messages(&questions, &mut taken).await?;
    }
    Ok(taken.0)
}

impl Session {
    /// The header of one message, which is asked for alone where the server can.
    pub(super) async fn header_of(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        self.expect_inbox(folder)?;
        let Open { link, maildrop, .. } = self.opened().await?;
        let Some(letter) = maildrop.letter(key) else {
            return Ok(None);
        };
        if may_ask(link) {
            let mut alone = Alone {
                key: letter.key(),
                mailbox: link.place.mailbox.clone(),
                beginning: Beginning::default(),
            };
            let question = top(letter);
            link.messages(&[question], &mut alone).await?;
            if let Some(header) = alone.beginning.header() {
                return Ok(Some(header));
            }
        }
        let mut beginning = Beginning::default();
        let keys = std::slice::from_ref(key);
        self.fetch_messages(folder, keys, &mut beginning).await?;
        Ok(beginning.header())
    }
}

/// TOP is optional (RFC 1939 §7); a server that lists nothing may know it.
fn may_ask(link: &Link) -> bool {
    let listed = link.client.capabilities();
    listed.iter().next().is_none() || listed.has(&Capability::Top)
}

/// The message as an arrival. POP3 does not tell when it was received: the server's own line on
/// top of the header does (RFC 5321 §4.4).
pub(super) fn arrival(letter: &Letter, header: &[u8]) -> Arrival {
    let received_at = content::received_at(header);
    let written_at = || content::envelope(header).date;
    Arrival {
        key: letter.key(),
        received_at,
        size_hint: letter.octets,
        flags: Vec::new(),
        written_at: received_at.is_none().then(written_at).flatten(),
    }
}

fn top(letter: &Letter) -> Command {
    Command::Top {
        number: letter.number,
        lines: 0,
    }
}

struct Taken(Vec<Vec<u8>>);

#[async_trait]
impl Taker for Taken {
    async fn begin(&mut self, _: usize) -> Result<(), MailError> {
        Ok(())
    }

    async fn chunk(&mut self, at: usize, octets: &Bytes) -> Result<(), MailError> {
        if let Some(header) = self.0.get_mut(at) {
            let room = LONGEST_HEADER.saturating_sub(header.len());
            header.extend_from_slice(&octets[..octets.len().min(room)]);
        }
        Ok(())
    }

    async fn end(&mut self, _: usize) -> Result<(), MailError> {
        Ok(())
    }

    async fn refused(&mut self, _: usize, _: &Reply) -> Result<(), MailError> {
        Ok(())
    }
}

/// One header as a whole, or nothing if it is refused.
struct Alone {
    key: MessageKey,
    mailbox: String,
    beginning: Beginning,
}

impl Alone {
    fn stopped(&self, reason: IntakeError) -> MailError {
        MailError::Intake {
            mailbox: self.mailbox.clone(),
            reason,
        }
    }
}

#[async_trait]
impl Taker for Alone {
    async fn begin(&mut self, _: usize) -> Result<(), MailError> {
        let begun = self.beginning.begin(&self.key, None).await;
        begun.map_err(|reason| self.stopped(reason))
    }

    async fn chunk(&mut self, _: usize, octets: &Bytes) -> Result<(), MailError> {
        let taken = self.beginning.chunk(octets).await;
        taken.map_err(|reason| self.stopped(reason))
    }

    async fn end(&mut self, _: usize) -> Result<(), MailError> {
        Ok(())
    }

    async fn refused(&mut self, _: usize, _: &Reply) -> Result<(), MailError> {
        Ok(())
    }
}

/// What is longer tells no more. In octets.
const LONGEST_HEADER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_dated_is_as_old_as_it_says() {
        let letter = Letter {
            number: 1,
            uidl: "one".into(),
            octets: None,
        };
        let since = "2026-11-20T00:00:00Z".parse().expect("a time");
        let received = "Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n";
        let (old, new) = (
            "Date: Thu, 1 Jan 2026 10:00:00 +0000\r\n",
            "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n",
        );
        for (header, is_old) in [
            (old.to_owned(), true),
            (new.to_owned(), false),
            (format!("{received}{old}"), false),
            ("Subject: x\r\n".to_owned(), false),
        ] {
            let arrival = arrival(&letter, header.as_bytes());
            assert_eq!(arrival.is_before(since), is_old, "{header}");
        }
    }
}
