//! Streams the bodies of messages, with several questions in flight.

use std::collections::{BTreeSet, VecDeque};

use gatepost_wire::imap::client::{Command, Event, FetchItems, Fetched, Reply, Ticket, Untagged};

use super::session::{Mode, Selected, Session};
use super::verdict::Asked;
use crate::{FolderName, Intake, IntakeError, MailError, MessageKey};

impl Session {
    pub(super) async fn fetch_bodies(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        let selected = self.open(folder, Mode::Read).await?;
        let uids = Self::uids(&selected, keys);
        let mut fetching = Fetching {
            intake,
            mailbox: self.link.place.mailbox.clone(),
            todo: batches(&uids, self.batch_size()),
            in_flight: VecDeque::new(),
            current: None,
            selected,
        };
        for key in keys {
            if fetching.is_foreign(key) {
                fetching.gone(key).await?;
            }
        }
        let fetched = self.fetch_batches(&mut fetching).await;
        if fetched.as_ref().is_err_and(MailError::is_disconnected) {
            self.selected = None;
        }
        fetched
    }

    async fn fetch_batches(&mut self, fetching: &mut Fetching<'_>) -> Result<(), MailError> {
        loop {
            while fetching.in_flight.len() < BATCHES_IN_FLIGHT
                && let Some(batch) = fetching.todo.pop_front()
            {
                let uids = batch.wanted.iter().copied().collect();
                let ticket = self.link.send(&Command::UidFetch {
                    uids,
                    items: FetchItems::Body,
                });
                fetching.in_flight.push_back((ticket, batch));
            }
            if fetching.in_flight.is_empty() {
                return Ok(());
            }
            match self.link.event("the body of a message").await? {
                Event::BodyBegins { uid, size, .. } => {
                    self.uid_trails |= uid.is_none();
                    self.body_begins(fetching, uid, size).await?;
                }
                Event::BodyChunk(octets) => fetching.chunk(&octets).await?,
                Event::BodyEnds => fetching.end().await?,
                Event::Untagged(Untagged::Fetched(fetched)) => self.confirm(fetching, &fetched)?,
                Event::Completed(ticket, reply) => {
                    self.batch_ends(fetching, ticket, &reply).await?;
                }
                _ => {}
            }
        }
    }

    async fn body_begins(
        &self,
        fetching: &mut Fetching<'_>,
        uid: Option<u32>,
        size: u64,
    ) -> Result<(), MailError> {
        let Some(uid) = uid.or_else(|| fetching.the_only_one()) else {
            // Which message this is comes after it, and several were asked for. It passes
            // unread and is asked for again, alone.
            return Ok(());
        };
        if size > self.largest_message {
            return Err(MailError::MessageTooLarge {
                mailbox: fetching.mailbox.clone(),
                folder: fetching.selected.folder.to_string(),
                uid,
                size,
                most: self.largest_message,
            });
        }
        fetching.begin(uid, size).await
    }

    /// A body that was taken for one message must not turn out to be another's.
    fn confirm(&self, fetching: &mut Fetching<'_>, fetched: &Fetched) -> Result<(), MailError> {
        match (fetching.current.take(), fetched.uid) {
            (Some(taken), Some(uid)) if taken != uid => Err(self
                .link
                .garbled("it answered with another message than was asked for")),
            _ => Ok(()),
        }
    }

    /// What was asked for and did not come is gone; but what may have come unnamed, or was
    /// refused in company, is asked for again, alone.
    async fn batch_ends(
        &self,
        fetching: &mut Fetching<'_>,
        ticket: Ticket,
        reply: &Reply,
    ) -> Result<(), MailError> {
        let Some(at) = fetching.in_flight.iter().position(|(of, _)| *of == ticket) else {
            return Ok(());
        };
        let Some((_, batch)) = fetching.in_flight.remove(at) else {
            return Ok(());
        };
        let refused = self.link.check(reply, Asked::Other("hand out a message"));
        let alone = batch.size == 1;
        if !alone && (self.uid_trails || matches!(refused, Err(MailError::Refused { .. }))) {
            let again = batch.wanted.into_iter().map(Batch::one);
            let behind = fetching.todo.split_off(fetching.retries());
            fetching.todo.extend(again);
            fetching.todo.extend(behind);
            return Ok(());
        }
        refused?;
        for uid in batch.wanted {
            fetching.gone(&fetching.key(uid)).await?;
        }
        Ok(())
    }

    fn batch_size(&self) -> usize {
        if self.uid_trails { 1 } else { UIDS_IN_BATCH }
    }
}

struct Fetching<'a> {
    intake: &'a mut dyn Intake,
    mailbox: String,
    selected: Selected,
    todo: VecDeque<Batch>,
    in_flight: VecDeque<(Ticket, Batch)>,
    /// The message whose octets are passing, if somebody wants them.
    current: Option<u32>,
}

/// Messages that are asked for in one command.
#[derive(Debug)]
struct Batch {
    size: usize,
    /// Those of them that have not come.
    wanted: BTreeSet<u32>,
    again: bool,
}

impl Batch {
    fn one(uid: u32) -> Self {
        Self {
            size: 1,
            wanted: BTreeSet::from([uid]),
            again: true,
        }
    }
}

impl Fetching<'_> {
    fn key(&self, uid: u32) -> MessageKey {
        MessageKey::Imap {
            uidvalidity: self.selected.uidvalidity,
            uid,
        }
    }

    fn is_foreign(&self, key: &MessageKey) -> bool {
        match key {
            MessageKey::Imap { uidvalidity, .. } => *uidvalidity != self.selected.uidvalidity,
        }
    }

    /// The UID that a body without one must belong to: servers answer in the order of the
    /// questions, so it is that of the oldest, if that asked for one message.
    fn the_only_one(&self) -> Option<u32> {
        let (_, oldest) = self.in_flight.front()?;
        if oldest.size == 1 {
            oldest.wanted.first().copied()
        } else {
            None
        }
    }

    /// How many batches at the front of `todo` are second tries.
    fn retries(&self) -> usize {
        self.todo.iter().take_while(|batch| batch.again).count()
    }

    async fn begin(&mut self, uid: u32, size: u64) -> Result<(), MailError> {
        let wanted = self
            .in_flight
            .iter_mut()
            .any(|(_, batch)| batch.wanted.remove(&uid));
        self.current = wanted.then_some(uid);
        if wanted {
            let key = self.key(uid);
            let begun = self.intake.begin(&key, Some(size)).await;
            self.taken(begun)?;
        }
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), MailError> {
        if self.current.is_some() {
            let taken = self.intake.chunk(octets).await;
            self.taken(taken)?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), MailError> {
        if self.current.is_some() {
            let ended = self.intake.end().await;
            self.taken(ended)?;
        }
        Ok(())
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), MailError> {
        let noted = self.intake.gone(key).await;
        self.taken(noted)
    }

    fn taken(&self, result: Result<(), IntakeError>) -> Result<(), MailError> {
        result.map_err(|reason| MailError::Intake {
            mailbox: self.mailbox.clone(),
            reason,
        })
    }
}

/// Servers answer in the order of the folder, so only ascending UIDs share a command.
fn batches(uids: &[u32], most: usize) -> VecDeque<Batch> {
    uids.chunk_by(|a, b| a < b)
        .flat_map(|ascending| ascending.chunks(most))
        .map(|uids| Batch {
            size: uids.len(),
            wanted: uids.iter().copied().collect(),
            again: false,
        })
        .collect()
}

/// The server never waits for the next question while it answers this one.
const BATCHES_IN_FLIGHT: usize = 3;
const UIDS_IN_BATCH: usize = 250;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ascending_uids_share_a_command() {
        let batches = batches(&[1, 2, 5, 4, 9, 9], 2);
        let sets: Vec<Vec<u32>> = batches
            .into_iter()
            .map(|batch| batch.wanted.into_iter().collect())
            .collect();
        assert_eq!(sets, [vec![1, 2], vec![5], vec![4, 9], vec![9]]);
    }
}
