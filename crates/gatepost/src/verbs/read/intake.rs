//! Where the octets of a message go.

use async_trait::async_trait;
use gatepost_mail::{Intake, IntakeError, MessageKey};

use crate::screen;

/// Keeps a message in memory.
#[derive(Debug, Default)]
pub(super) struct Collected {
    octets: Vec<u8>,
    complete: bool,
}

impl Collected {
    /// The message, if it was there.
    pub(super) fn into_message(self) -> Option<Vec<u8>> {
        self.complete.then_some(self.octets)
    }
}

#[async_trait]
impl Intake for Collected {
    async fn begin(&mut self, _key: &MessageKey, _size: Option<u64>) -> Result<(), IntakeError> {
        self.octets.clear();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        self.complete = true;
        Ok(())
    }

    async fn gone(&mut self, _key: &MessageKey) -> Result<(), IntakeError> {
        Ok(())
    }
}

/// Passes a message on to standard output while it comes.
#[derive(Debug, Default)]
pub(super) struct Through {
    complete: bool,
}

impl Through {
    /// Whether the message was there.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }
}

#[async_trait]
impl Intake for Through {
    async fn begin(&mut self, _key: &MessageKey, _size: Option<u64>) -> Result<(), IntakeError> {
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        screen::write(octets).map_err(|failure| IntakeError(failure.to_string().into()))
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        self.complete = true;
        Ok(())
    }

    async fn gone(&mut self, _key: &MessageKey) -> Result<(), IntakeError> {
        Ok(())
    }
}
