//! Takes in what a mailbox fetches, and keeps it.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use gatepost_mail::{Intake, IntakeError, MessageKey, fingerprint};

use super::writer::Writer;
use super::{Spool, SpoolError, hexadecimal};
use crate::message::{Description, Measured, Outline};
use crate::{Fingerprint, Kept};

/// Keeps the messages of one fetch. Files stay pinned until the keeper is dropped, which is to
/// happen after the events that refer to them are stored.
pub(crate) struct Keeper {
    spool: Arc<Spool>,
    current: Option<Current>,
    taken: Vec<Taken>,
    /// The files among what was taken in.
    pinned: Vec<String>,
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
    /// The whole message as long as it is small, afterwards its beginning.
    head: Vec<u8>,
    file: Option<Large>,
}

/// A message that goes to a file.
struct Large {
    writer: Writer,
    outline: Outline,
}

impl Large {
    async fn begin(spool: &Arc<Spool>) -> Result<Self, SpoolError> {
        Ok(Self {
            writer: Writer::begin(spool).await?,
            outline: Outline::new(),
        })
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        self.outline.feed(octets);
        self.writer.write(octets).await
    }
}

impl Keeper {
    pub(crate) fn new(spool: &Arc<Spool>) -> Self {
        Self {
            spool: Arc::clone(spool),
            current: None,
            taken: Vec::new(),
            pinned: Vec::new(),
            inline: 0,
            failure: None,
        }
    }

    /// What was taken in so far, in the order in which it came, made durable.
    pub(crate) async fn taken(&mut self) -> Result<Vec<Taken>, SpoolError> {
        if !self.pinned.is_empty() {
            Writer::sync_folder(&self.spool).await?;
        }
        Ok(std::mem::take(&mut self.taken))
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
            Some(Large::begin(&self.spool).await?)
        } else {
            None
        };
        self.current = Some(Current {
            key: key.clone(),
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
        if current.file.is_none() && current.head.len() + octets.len() > room {
            let mut file = Large::begin(&self.spool).await?;
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

    async fn end_message(&mut self) -> Result<(), SpoolError> {
        let current = self
            .current
            .take()
            .expect("a message ends only after it began");
        let head = current.head;
        let (measured, file) = match current.file {
            None => {
                let measured = Measured {
                    size: head.len() as u64,
                    sha256: hexadecimal(digest(&SHA256, &head).as_ref()),
                    attachments: None,
                };
                (measured, None)
            }
            Some(file) => {
                let (name, size) = file.writer.finish().await?;
                self.pinned.push(name.clone());
                let measured = Measured {
                    size,
                    sha256: name.clone(),
                    attachments: Some(file.outline.finish()),
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
        self.taken.push(Taken {
            key: current.key,
            fetched,
        });
        Ok(())
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

    fn noted(&mut self, result: Result<(), SpoolError>) -> Result<(), IntakeError> {
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
        self.noted(ended)
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        self.current = None;
        self.taken.push(Taken {
            key: key.clone(),
            fetched: Fetched::Gone,
        });
        Ok(())
    }
}

/// How much of a large message is looked at for its envelope and preview, in octets.
const HEAD_LIMIT: usize = 128 * 1024;
/// How much one fetch keeps inline before the rest goes to files, in octets.
const INLINE_OF_A_FETCH: usize = 8 << 20;
