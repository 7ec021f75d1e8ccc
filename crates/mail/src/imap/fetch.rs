//! Streams the bodies of messages, with several questions in flight.

mod batch;

use std::collections::{BTreeSet, VecDeque};

use gatepost_wire::imap::client::{Command, Event, FetchItems, Fetched, Reply, Ticket, Untagged};

use batch::{Batch, batches};

use super::TRANSPORT;
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
        let is_foreign = |key: &&MessageKey| !matches!(key, MessageKey::Imap { .. });
        if let Some(key) = keys.iter().find(is_foreign) {
            let mailbox = &self.link.place.mailbox;
            return Err(key.foreign_to(TRANSPORT.name, mailbox));
        }
        let selected = self.open(folder, Mode::Read).await?;
        let uids = Self::uids(&selected, keys);
        let mut fetching = Fetching {
            intake,
            mailbox: self.link.place.mailbox.clone(),
            todo: batches(&uids, self.batch_size()),
            in_flight: VecDeque::new(),
            current: None,
            bodiless: BTreeSet::new(),
            refused: None,
            selected,
        };
        for key in keys {
            if fetching.is_foreign(key) {
                fetching.gone(key).await?;
            }
        }
        let fetched = self.fetch_batches(&mut fetching).await;
        // Told only now, so that one message does not hold up the others.
        let fetched = fetched.and(fetching.refused.take().map_or(Ok(()), Err));
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
        if size > LONGEST_DRAIN {
            return Err(self
                .link
                .garbled("it announced a message beyond all measure"));
        }
        if size > self.largest_message {
            // It passes unread.
            let (mailbox, folder) = fetching.place();
            let most = self.largest_message;
            fetching.refuse(
                uid,
                MailError::MessageTooLarge {
                    mailbox,
                    folder,
                    message: format!("UID {uid}"),
                    size,
                    most,
                },
            );
            return Ok(());
        }
        fetching.begin(uid, size).await
    }

    /// A body that was taken for one message must not turn out to be another's.
    fn confirm(&self, fetching: &mut Fetching<'_>, fetched: &Fetched) -> Result<(), MailError> {
        match (fetching.current.take(), fetched.uid) {
            (Some(taken), Some(uid)) if taken != uid => {
                let reason = "it answered with another message than was asked for";
                return Err(self.link.garbled(reason));
            }
            // News of a flag has flags; an answer without either is one without a body.
            (None, Some(uid)) if fetched.flags.is_none() => {
                fetching.bodiless.insert(uid);
            }
            _ => {}
        }
        Ok(())
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
        let checked = self.link.check(reply, Asked::Other("hand out a message"));
        let refusal = match checked {
            Err(MailError::Refused { said, .. }) => Some(said),
            checked => {
                checked?;
                None
            }
        };
        let incomplete = |uid: &u32| fetching.bodiless.contains(uid);
        let doubtful = refusal.is_some() || batch.wanted.iter().any(incomplete);
        if batch.size > 1 && (doubtful || self.uid_trails) {
            fetching.again(batch.wanted);
            return Ok(());
        }
        for uid in batch.wanted {
            if doubtful {
                let said = refusal
                    .clone()
                    .unwrap_or_else(|| "nothing, and no message".to_owned());
                let (mailbox, folder) = fetching.place();
                fetching.refuse(
                    uid,
                    MailError::MessageRefused {
                        mailbox,
                        folder,
                        message: format!("UID {uid}"),
                        said,
                    },
                );
            } else {
                fetching.gone(&fetching.key(uid)).await?;
            }
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
    /// Messages that were answered without their octets.
    bodiless: BTreeSet<u32>,
    /// The first of the messages that cannot be had.
    refused: Option<MailError>,
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
            MessageKey::Pop3 { .. } | MessageKey::Graph { .. } => true,
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

    /// Asks for these again, each alone, behind earlier second tries and before all else.
    fn again(&mut self, uids: BTreeSet<u32>) {
        self.bodiless.retain(|uid| !uids.contains(uid));
        let tries = self.todo.iter().take_while(|batch| batch.again).count();
        let behind = self.todo.split_off(tries);
        self.todo.extend(uids.into_iter().map(Batch::one));
        self.todo.extend(behind);
    }

    fn refuse(&mut self, uid: u32, error: MailError) {
        for (_, batch) in &mut self.in_flight {
            batch.wanted.remove(&uid);
        }
        self.refused.get_or_insert(error);
    }

    fn place(&self) -> (String, String) {
        (self.mailbox.clone(), self.selected.folder.to_string())
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

/// The server never waits for the next question while it answers this one.
const BATCHES_IN_FLIGHT: usize = 3;
const UIDS_IN_BATCH: usize = 250;
/// What is too large is read to its end and dropped, up to this many octets.
const LONGEST_DRAIN: u64 = 4 << 30;
