//! A message on its way out, and who is told that it departs.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_wire::smtp::{Envelope, Path, Recipient, ReversePath, Sender};

use crate::{Departure, DepartureError, Outgoing, OutgoingError, Trace};

/// A message in pieces, of which one may be what stops it.
#[derive(Debug)]
pub struct Letter {
    size: u64,
    eight_bit: bool,
    pieces: Vec<Result<Bytes, &'static str>>,
    given: usize,
}

impl Letter {
    /// Of these pieces.
    pub fn new(pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        Self::failing(pieces.into_iter().map(|piece| Ok(piece.into())))
    }

    /// Of pieces, or of what stops it.
    pub fn failing(pieces: impl IntoIterator<Item = Result<Bytes, &'static str>>) -> Self {
        let pieces: Vec<Result<Bytes, &str>> = pieces.into_iter().collect();
        let whole = || pieces.iter().flatten();
        Self {
            size: whole().map(|piece| piece.len() as u64).sum(),
            eight_bit: whole().any(|piece| !piece.is_ascii()),
            given: 0,
            pieces,
        }
    }

    /// One that says it has so many octets.
    pub fn of_size(size: u64) -> Self {
        let nothing: [Bytes; 0] = [];
        Self {
            size,
            ..Self::new(nothing)
        }
    }
}

#[async_trait]
impl Outgoing for Letter {
    fn size(&self) -> u64 {
        self.size
    }

    fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        let piece = self.pieces.get(self.given);
        self.given += 1;
        match piece {
            None => Ok(None),
            Some(Ok(piece)) => Ok(Some(piece.clone())),
            Some(Err(why)) => Err(OutgoingError((*why).into())),
        }
    }

    async fn begin_again(&mut self) -> Result<(), OutgoingError> {
        self.given = 0;
        Ok(())
    }
}

/// Keeps how a message can be found that departs.
#[derive(Debug, Default)]
pub struct Told {
    /// How, once it was told.
    pub begun: Option<Trace>,
    /// The draft that an earlier try left.
    pub left_draft: Option<String>,
    /// The drafts that were made.
    pub drafts: Vec<String>,
    /// How many drafts were taken away.
    pub withdrawn: usize,
    /// Whether it cannot be recorded.
    pub is_out_of_order: bool,
}

#[async_trait]
impl Departure for Told {
    fn left_draft(&self) -> Option<&str> {
        self.left_draft.as_deref()
    }

    async fn drafted(&mut self, id: &str) -> Result<(), DepartureError> {
        self.drafts.push(id.to_owned());
        Ok(())
    }

    async fn withdrawn(&mut self) -> Result<(), DepartureError> {
        self.withdrawn += 1;
        Ok(())
    }

    async fn begins(&mut self, trace: Trace) -> Result<(), DepartureError> {
        if self.is_out_of_order {
            return Err(DepartureError("the disk is full".into()));
        }
        assert_eq!(self.begun.replace(trace), None, "it is told once");
        Ok(())
    }
}

/// An envelope without parameters.
pub fn envelope(sender: &str, recipients: &[&str]) -> Envelope {
    let path = |text: &str| Path::parse(text).expect("an address");
    Envelope {
        sender: Sender::new(ReversePath::Address(path(sender))),
        recipients: recipients
            .iter()
            .map(|text| Recipient::new(path(text)))
            .collect(),
    }
}
