//! Takes in what a mailbox fetches, and keeps it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use gatepost_mail::{Intake, IntakeError, MessageKey, fingerprint};
use tokio::sync::mpsc;

use super::writer::Writer;
use super::{Spool, SpoolError, hexadecimal};
use crate::message::{Description, Measured, Outline};
use crate::{Fingerprint, Kept};

/// Keeps the messages of one step, and passes them on in the order of arrival, a batch at a time,
/// while the next ones are still on their way. Files stay pinned until the keeper is dropped,
/// which is to happen after the events that refer to them are stored.
pub(crate) struct Keeper {
    spool: Arc<Spool>,
    /// Those whose turn has not come, in the order of arrival.
    awaited: VecDeque<MessageKey>,
    /// What came before its turn.
    early: HashMap<MessageKey, Fetched>,
    batch: Vec<Taken>,
    /// Where full batches go; `None` while everything is held.
    next: Option<mpsc::Sender<Vec<Taken>>>,
    current: Option<Current>,
    /// The files among what was taken in.
    pinned: Vec<String>,
    /// How many of them have a durable entry in the folder.
    synced: usize,
    /// Octets that are held here.
    inline: usize,
    failure: Option<SpoolError>,
}

/// What became of one message of a fetch.
pub(crate) struct Taken {
    /// Which.
    pub(crate) key: MessageKey,
    /// What.
    pub(crate) fetched: Fetched,
}

/// What a fetch brought.
pub(crate) enum Fetched {
    /// It is no longer in the folder.
    Gone,
    /// It is there, and the server will never hand it over.
    Refused,
    /// It is kept.
    Kept {
        /// Where.
        kept: Kept,
        /// What an event says of it.
        description: Box<Description>,
        /// What tells it when the server has forgotten its key.
        fingerprint: Fingerprint,
    },
}

struct Current {
    key: MessageKey,
    outline: Outline,
    /// The whole message as long as it is small, afterwards its beginning.
    head: Vec<u8>,
    file: Option<Writer>,
}

impl Taken {
    /// The octets that it holds.
    fn inline(&self) -> usize {
        match &self.fetched {
            Fetched::Kept {
                kept: Kept::Inline(octets),
                ..
            } => octets.len(),
            Fetched::Kept { .. } | Fetched::Gone | Fetched::Refused => 0,
        }
    }
}

impl Keeper {
    /// A keeper of the messages `keys`, in the order of arrival. When a batch is full it is sent
    /// to `next`, if there is one; the last one is left for [`Keeper::finish`].
    pub(crate) fn new(
        spool: &Arc<Spool>,
        keys: impl IntoIterator<Item = MessageKey>,
        next: Option<mpsc::Sender<Vec<Taken>>>,
    ) -> Self {
        Self {
            spool: Arc::clone(spool),
            awaited: keys.into_iter().collect(),
            early: HashMap::new(),
            batch: Vec::new(),
            next,
            current: None,
            pinned: Vec::new(),
            synced: 0,
            inline: 0,
            failure: None,
        }
    }

    /// Those of which it is not known yet what becomes of them, in the order of arrival.
    pub(crate) fn missing(&self) -> Vec<MessageKey> {
        let missing = self.awaited.iter();
        missing
            .filter(|key| !self.early.contains_key(*key))
            .cloned()
            .collect()
    }

    /// Notes that a message will never be had.
    pub(crate) fn refused(&mut self, key: MessageKey) {
        self.early.insert(key, Fetched::Refused);
        self.advance();
    }

    /// What is left behind the last full batch, made durable. Nothing more is passed on.
    pub(crate) async fn finish(&mut self) -> Result<Vec<Taken>, SpoolError> {
        self.next = None;
        self.sync().await?;
        Ok(std::mem::take(&mut self.batch))
    }

    /// Takes what has come, as far as its turn has, into the batch.
    fn advance(&mut self) {
        while let Some(key) = self.awaited.front()
            && let Some((key, fetched)) = self.early.remove_entry(key)
        {
            self.awaited.pop_front();
            self.batch.push(Taken { key, fetched });
        }
    }

    /// What becomes of a message is known. Waits while those who store have enough to do.
    async fn resolved(&mut self, key: MessageKey, fetched: Fetched) -> Result<(), IntakeError> {
        self.early.insert(key, fetched);
        self.advance();
        let octets: usize = self.batch.iter().map(Taken::inline).sum();
        let is_full = self.batch.len() >= self.spool.batch || octets >= OCTETS_OF_A_BATCH;
        let Some(next) = self.next.clone().filter(|_| is_full) else {
            return Ok(());
        };
        let synced = self.sync().await;
        self.noted(synced)?;
        self.inline -= octets;
        let batch = std::mem::take(&mut self.batch);
        next.send(batch).await.map_err(|_| not_stored())
    }

    async fn sync(&mut self) -> Result<(), SpoolError> {
        if self.synced < self.pinned.len() {
            Writer::sync_folder(&self.spool).await?;
            self.synced = self.pinned.len();
        }
        Ok(())
    }

    /// Why the last fetch was given up, if the reason is ours.
    pub(crate) fn failure(&mut self) -> Option<SpoolError> {
        self.failure.take()
    }

    async fn begin_message(
        &mut self,
        key: &MessageKey,
        size: Option<u64>,
    ) -> Result<(), SpoolError> {
        let size = size.and_then(|size| usize::try_from(size).ok());
        let large = size.is_some_and(|size| size > self.room());
        let capacity = size.unwrap_or_default().min(Spool::INLINE_LIMIT);
        let file = if large {
            Some(Writer::begin(&self.spool).await?)
        } else {
            None
        };
        self.current = Some(Current {
            key: key.clone(),
            outline: Outline::new(),
            head: Vec::with_capacity(capacity),
            file,
        });
        Ok(())
    }

    async fn take_chunk(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        let room = self.room();
        let current = self
            .current
            .as_mut()
            .expect("octets come only between the begin and the end of a message");
        current.outline.feed(octets);
        if current.file.is_none() && current.head.len() + octets.len() > room {
            let mut file = Writer::begin(&self.spool).await?;
            file.write(&current.head).await?;
            current.file = Some(file);
        }
        match &mut current.file {
            None => current.head.extend_from_slice(octets),
            Some(file) => {
                let missing = HEAD_LIMIT.saturating_sub(current.head.len());
                current
                    .head
                    .extend_from_slice(&octets[..missing.min(octets.len())]);
                file.write(octets).await?;
            }
        }
        Ok(())
    }

    async fn end_message(&mut self) -> Result<(MessageKey, Fetched), SpoolError> {
        let current = self
            .current
            .take()
            .expect("a message ends only after it began");
        let (head, outlined) = (current.head, current.outline.finish());
        let (measured, file) = match current.file {
            None => {
                let measured = Measured {
                    size: head.len() as u64,
                    sha256: hexadecimal(digest(&SHA256, &head).as_ref()),
                    outlined,
                };
                (measured, None)
            }
            Some(writer) => {
                let (name, size) = writer.finish().await?;
                self.pinned.push(name.clone());
                let measured = Measured {
                    size,
                    sha256: name.clone(),
                    outlined,
                };
                (measured, Some(Kept::File { name, size }))
            }
        };
        // Here and not when all are fetched: of a large message, nothing else stays in memory.
        let description = Box::new(Description::new(&head, measured));
        let fingerprint = fingerprint(&head);
        let kept = file.unwrap_or_else(|| {
            self.inline += head.len();
            Kept::Inline(head)
        });
        let fetched = Fetched::Kept {
            kept,
            description,
            fingerprint,
        };
        Ok((current.key, fetched))
    }

    /// How many octets the current message may have and still be kept inline. A fetch that
    /// brings more than expected goes on in files, so that its memory stays bounded.
    fn room(&self) -> usize {
        if self.inline >= INLINE_OF_A_FETCH {
            0
        } else {
            self.spool.inline_limit
        }
    }

    fn noted<T>(&mut self, result: Result<T, SpoolError>) -> Result<T, IntakeError> {
        result.map_err(|error| {
            let sentence = error.to_string();
            self.failure = Some(error);
            IntakeError(sentence.into())
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        for name in &self.pinned {
            self.spool.let_go(name);
        }
    }
}

#[async_trait]
impl Intake for Keeper {
    async fn begin(&mut self, key: &MessageKey, size: Option<u64>) -> Result<(), IntakeError> {
        let begun = self.begin_message(key, size).await;
        self.noted(begun)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        let taken = self.take_chunk(octets).await;
        self.noted(taken)
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        let ended = self.end_message().await;
        let (key, fetched) = self.noted(ended)?;
        self.resolved(key, fetched).await
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        self.current = None;
        self.resolved(key.clone(), Fetched::Gone).await
    }
}

fn not_stored() -> IntakeError {
    IntakeError("what came before it could not be stored".into())
}

/// How much of a large message is looked at for its header, in octets.
const HEAD_LIMIT: usize = 128 * 1024;
/// How much is held here before the rest goes to files, in octets. More than a batch: one message
/// that comes late holds up those behind it.
const INLINE_OF_A_FETCH: usize = 8 << 20;
/// What is stored in one transaction, about.
const OCTETS_OF_A_BATCH: usize = 4 << 20;
