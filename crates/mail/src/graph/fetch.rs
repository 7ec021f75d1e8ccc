//! Streams messages as MIME (`$value`), several answers ahead of the one that is read.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::TRANSPORT;
use super::call::{Call, Reply};
use super::client::Graph;
use super::session::is_missing;
use crate::{FolderName, Intake, IntakeError, MailError, MessageKey};

impl Graph {
    /// Streams each message of the folder into `intake` in the order of `keys`. It is asked for in
    /// that folder: an immutable id alone leads to it wherever it was moved to.
    pub(super) async fn fetch_messages(
        &self,
        (folder, id): (&FolderName, &str),
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        let is_foreign = |key: &&MessageKey| !matches!(key, MessageKey::Graph { .. });
        if let Some(key) = keys.iter().find(is_foreign) {
            return Err(key.foreign_to(TRANSPORT.name, self.mailbox()));
        }
        let mut refused = None;
        // Bodies that nobody reads yet wait, each in the window of a connection of its own.
        let answers = stream::iter(keys.to_vec()).map(|key| async move {
            let answer = self.begun(id, &key).await;
            (key, answer)
        });
        let mut answers = Box::pin(answers.buffered(AHEAD));
        while let Some((key, answer)) = answers.next().await {
            let taken = match answer {
                Ok(Some(reply)) => self.take_in((folder, &key), reply, intake).await,
                Ok(None) => intake
                    .gone(&key)
                    .await
                    .map_err(|reason| self.stopped(reason)),
                Err(error) => Err(error),
            };
            match taken {
                // Told only when all others came, so that it does not hold them up.
                Err(
                    error @ (MailError::MessageTooLarge { .. } | MailError::MessageRefused { .. }),
                ) => _ = refused.get_or_insert(error),
                taken => taken?,
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// The answer with a message, whose body is still to come; `None` if it is gone.
    pub(super) async fn begun(
        &self,
        folder: &str,
        key: &MessageKey,
    ) -> Result<Option<Reply<'_>>, MailError> {
        let MessageKey::Graph { id } = key else {
            return Ok(None);
        };
        let address = self.at(&["mailFolders", folder, "messages", id, "$value"]);
        let answer = self
            .ask(Call::get(address.url(), "hand out a message"))
            .await;
        match answer {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn take_in(
        &self,
        (folder, key): (&FolderName, &MessageKey),
        mut reply: Reply<'_>,
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        let most = self.settings().largest_message;
        let too_large = |size| MailError::MessageTooLarge {
            mailbox: self.mailbox().to_owned(),
            folder: folder.to_string(),
            message: key.to_string(),
            size,
            most,
        };
        if let Some(size) = reply.size().filter(|size| *size > most) {
            return Err(too_large(size));
        }
        let begun = intake.begin(key, reply.size()).await;
        begun.map_err(|reason| self.stopped(reason))?;
        let mut octets: u64 = 0;
        while let Some(chunk) = reply.chunk().await? {
            octets = octets.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if octets > most {
                let reason =
                    format!("a message of more than {most} octets that it did not announce");
                return Err(self.garbled("hand out a message", &reason));
            }
            let taken = intake.chunk(&chunk).await;
            taken.map_err(|reason| self.stopped(reason))?;
        }
        intake.end().await.map_err(|reason| self.stopped(reason))
    }

    fn stopped(&self, reason: IntakeError) -> MailError {
        MailError::Intake {
            mailbox: self.mailbox().to_owned(),
            reason,
        }
    }
}

/// How many answers are under way: as many as Graph allows for one mailbox.
const AHEAD: usize = 4;
