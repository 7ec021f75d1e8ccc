//! The way of fetched octets to the scribe.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::BytesMut;
use gatepost_mail::{Intake, IntakeError, MessageKey};

use super::plan::Item;
use super::scribe::{Piece, Scribe};
use super::{ExportError, Progress, Settled};

/// Passes what is fetched on to the scribe.
pub(super) struct ToScribe<'a> {
    items: BTreeMap<&'a MessageKey, &'a Item>,
    scribe: &'a Scribe,
    progress: &'a dyn Progress,
    /// The message that is coming.
    coming: Option<&'a Item>,
    octets: u64,
    piece: BytesMut,
    settled: Settled,
    gone: u64,
}

impl<'a> ToScribe<'a> {
    pub(super) fn new(items: &[&'a Item], scribe: &'a Scribe, progress: &'a dyn Progress) -> Self {
        Self {
            items: items.iter().map(|item| (&item.key, *item)).collect(),
            scribe,
            progress,
            coming: None,
            octets: 0,
            piece: BytesMut::new(),
            settled: Settled::new(),
            gone: 0,
        }
    }

    /// The messages that came or are gone, and how many of them are gone.
    pub(super) fn into_settled(self) -> (Settled, u64) {
        (self.settled, self.gone)
    }

    async fn tell(&self, piece: Piece) -> Result<(), IntakeError> {
        self.scribe.tell(piece).await.map_err(refused)
    }
}

#[async_trait]
impl Intake for ToScribe<'_> {
    async fn begin(&mut self, key: &MessageKey, _size: Option<u64>) -> Result<(), IntakeError> {
        let item = *self.items.get(key).ok_or_else(|| {
            IntakeError(format!("the server sent {key}, which was not asked for").into())
        })?;
        self.coming = Some(item);
        self.octets = 0;
        self.piece.clear();
        self.tell(Piece::Begin(item.clone())).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        self.octets += u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let mut rest = octets;
        while !rest.is_empty() {
            let room = LARGEST_PIECE - self.piece.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.piece.extend_from_slice(now);
            rest = later;
            if self.piece.len() == LARGEST_PIECE {
                let piece = self.piece.split().freeze();
                self.tell(Piece::Octets(piece)).await?;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        if !self.piece.is_empty() {
            let piece = self.piece.split().freeze();
            self.tell(Piece::Octets(piece)).await?;
        }
        self.tell(Piece::End).await?;
        if let Some(item) = self.coming.take() {
            self.settled.insert(item.key.clone());
            self.progress.fetched(self.octets, item.estimated);
        }
        Ok(())
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        if self.settled.insert(key.clone()) {
            self.gone += 1;
            let estimated = self.items.get(key).and_then(|item| item.estimated);
            self.progress.fetched(0, estimated);
        }
        Ok(())
    }
}

fn refused(error: ExportError) -> IntakeError {
    IntakeError(Box::new(error))
}

/// The most octets that are passed on at once.
pub(super) const LARGEST_PIECE: usize = 64 * 1024;
