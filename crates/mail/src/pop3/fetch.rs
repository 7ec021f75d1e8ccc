//! Streams messages (RETR).

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_wire::pop3::Reply;
use gatepost_wire::pop3::client::Command;

use super::TRANSPORT;
use super::link::Taker;
use super::maildrop::Letter;
use super::session::{Open, Session};
use super::verdict::words_of;
use crate::{FolderName, Intake, IntakeError, MailError, MessageKey, Protocol};

impl Session {
    pub(super) async fn fetch_messages(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        self.expect_inbox(folder)?;
        let is_foreign = |key: &&MessageKey| !matches!(key, MessageKey::Pop3 { .. });
        if let Some(key) = keys.iter().find(is_foreign) {
            let mailbox = &self.settings.mailbox;
            return Err(key.foreign_to(TRANSPORT.name, mailbox));
        }
        let (host, mailbox) = (self.settings.host.clone(), self.settings.mailbox.clone());
        let most = self.settings.largest_message;
        let Open { link, maildrop, .. } = self.opened().await?;
        let mut letters: Vec<Letter> = Vec::with_capacity(keys.len());
        let mut refused = None;
        for key in keys {
            match maildrop.letter(key) {
                None => {
                    let noted = intake.gone(key).await;
                    noted.map_err(|reason| stopped(&mailbox, reason))?;
                }
                Some(letter) if letter.octets.is_some_and(|octets| octets > most) => {
                    let size = letter.octets.unwrap_or_default();
                    refused.get_or_insert(MailError::MessageTooLarge {
                        mailbox: mailbox.clone(),
                        folder: folder.to_string(),
                        message: name(letter),
                        size,
                        most,
                    });
                }
                Some(letter) => letters.push(letter.clone()),
            }
        }
        let questions: Vec<Command> = letters
            .iter()
            .map(|letter| Command::Retrieve(letter.number))
            .collect();
        let mut fetching = Fetching {
            intake,
            letters,
            host,
            mailbox,
            folder: folder.to_string(),
            most,
            octets: 0,
            refused,
        };
        link.messages(&questions, &mut fetching).await?;
        // Told only now, so that one message does not hold up the others.
        fetching.refused.map_or(Ok(()), Err)
    }
}

struct Fetching<'a> {
    intake: &'a mut dyn Intake,
    letters: Vec<Letter>,
    host: String,
    mailbox: String,
    folder: String,
    most: u64,
    /// Of the message that is passing.
    octets: u64,
    /// The first of the messages that cannot be had.
    refused: Option<MailError>,
}

#[async_trait]
impl Taker for Fetching<'_> {
    /// The size that LIST tells is an estimate, so none is announced.
    async fn begin(&mut self, at: usize) -> Result<(), MailError> {
        self.octets = 0;
        let begun = match self.letters.get(at) {
            Some(letter) => self.intake.begin(&letter.key(), None).await,
            None => Ok(()),
        };
        begun.map_err(|reason| stopped(&self.mailbox, reason))
    }

    async fn chunk(&mut self, _: usize, octets: &Bytes) -> Result<(), MailError> {
        self.octets = self
            .octets
            .saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        if self.octets > self.most {
            return Err(MailError::Garbled {
                protocol: Protocol::Pop3,
                host: self.host.clone(),
                mailbox: self.mailbox.clone(),
                reason: format!(
                    "it sends a message of more than {} octets and announced fewer",
                    self.most
                ),
            });
        }
        let taken = self.intake.chunk(octets).await;
        taken.map_err(|reason| stopped(&self.mailbox, reason))
    }

    async fn end(&mut self, _: usize) -> Result<(), MailError> {
        let ended = self.intake.end().await;
        ended.map_err(|reason| stopped(&self.mailbox, reason))
    }

    async fn refused(&mut self, at: usize, reply: &Reply) -> Result<(), MailError> {
        if let Some(letter) = self.letters.get(at) {
            let (mailbox, folder) = (self.mailbox.clone(), self.folder.clone());
            self.refused.get_or_insert(MailError::MessageRefused {
                mailbox,
                folder,
                message: name(letter),
                said: words_of(reply),
            });
        }
        Ok(())
    }
}

fn stopped(mailbox: &str, reason: IntakeError) -> MailError {
    MailError::Intake {
        mailbox: mailbox.to_owned(),
        reason,
    }
}

fn name(letter: &Letter) -> String {
    format!("UIDL {}", letter.uidl)
}
