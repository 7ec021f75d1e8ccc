//! An intake that keeps everything.

use async_trait::async_trait;

use crate::{Intake, IntakeError, MessageKey};

/// Keeps what was fetched.
#[derive(Debug, Default)]
pub struct Collector {
    /// What was told, in order.
    pub collected: Vec<Collected>,
}

/// What was told of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    /// Its octets.
    Message(MessageKey, Vec<u8>),
    /// It is gone.
    Gone(MessageKey),
}

#[async_trait]
impl Intake for Collector {
    async fn begin(&mut self, key: &MessageKey, _: Option<u64>) -> Result<(), IntakeError> {
        self.collected
            .push(Collected::Message(key.clone(), Vec::new()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        match self.collected.last_mut() {
            Some(Collected::Message(_, kept)) => {
                kept.extend_from_slice(octets);
                Ok(())
            }
            _ => Err(IntakeError("octets came before their message".into())),
        }
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        Ok(())
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        self.collected.push(Collected::Gone(key.clone()));
        Ok(())
    }
}
