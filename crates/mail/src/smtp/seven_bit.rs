//! Messages for servers that take ASCII only: bodies are recoded where the server does not offer
//! 8BITMIME (RFC 6152 §3), and headers where it does not offer SMTPUTF8 (RFC 6531 §3.6).
//!
//! A message is read twice before it is sent: once to learn what it is made of, and once to count
//! the octets that it has when it is recoded. Nothing but a header, or the beginning of a line, is
//! ever in memory.

pub(crate) mod addresses;
mod base64_lines;
mod fields;
mod obstacle;
mod parameters;
mod quoted_printable;
mod recoder;
mod survey;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use bytes::Bytes;

pub(super) use obstacle::Obstacle;
use recoder::Recoder;
pub(super) use survey::{Octets, Survey};

use crate::{Outgoing, OutgoingError};

/// What of a message is to become ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recoding {
    /// The header, and those of all parts.
    Headers,
    /// The bodies.
    Bodies,
    /// All of it.
    Both,
}

impl Recoding {
    fn of_headers(self) -> bool {
        matches!(self, Self::Headers | Self::Both)
    }

    fn of_bodies(self) -> bool {
        matches!(self, Self::Bodies | Self::Both)
    }
}

/// Why a message cannot be recoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecodeError {
    /// Something in it stands against it.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// It cannot be read.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
}

/// Reads `message` to its end, and rewinds it.
pub(super) async fn survey(message: &mut dyn Outgoing) -> Result<Survey, RecodeError> {
    let mut surveyor = survey::Surveyor::default();
    while let Some(octets) = message.chunk().await? {
        surveyor.feed(&octets)?;
    }
    message.begin_again().await?;
    Ok(surveyor.finish()?)
}

/// A message that is recoded while it leaves.
pub(super) struct SevenBit<'a> {
    message: &'a mut dyn Outgoing,
    survey: Survey,
    recoding: Recoding,
    recoder: Recoder,
    size: u64,
    is_eight_bit: bool,
    is_over: bool,
}

impl<'a> SevenBit<'a> {
    /// `message`, of which `survey` tells, with as much of it recoded as `recoding` says.
    pub(super) async fn new(
        message: &'a mut dyn Outgoing,
        survey: Survey,
        recoding: Recoding,
    ) -> Result<Self, RecodeError> {
        survey.allows(recoding)?;
        let mut recoded = Self {
            recoder: Recoder::new(survey.clone(), recoding),
            is_eight_bit: !recoding.of_bodies() && survey.bodies != Octets::Ascii,
            message,
            survey,
            recoding,
            size: 0,
            is_over: false,
        };
        let mut size = 0;
        while let Some(octets) = recoded.next().await? {
            size += octets.len() as u64;
        }
        recoded.begin_again().await?;
        recoded.size = size;
        Ok(recoded)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, RecodeError> {
        while !self.is_over {
            if let Some(octets) = self.message.chunk().await? {
                self.recoder.feed(&octets)?;
            } else {
                self.is_over = true;
                self.recoder.finish()?;
            }
            let octets = self.recoder.take();
            if !octets.is_empty() {
                return Ok(Some(octets));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Outgoing for SevenBit<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn is_eight_bit(&self) -> bool {
        self.is_eight_bit
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        self.next().await.map_err(|error| match error {
            RecodeError::Outgoing(error) => error,
            RecodeError::Obstacle(obstacle) => OutgoingError(obstacle.into()),
        })
    }

    async fn begin_again(&mut self) -> Result<(), OutgoingError> {
        self.message.begin_again().await?;
        self.recoder = Recoder::new(self.survey.clone(), self.recoding);
        self.is_over = false;
        Ok(())
    }
}
