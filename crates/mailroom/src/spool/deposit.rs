//! Takes in one message of unknown size, and keeps it.

use std::sync::Arc;

use super::writer::Writer;
use super::{Spool, SpoolError};
use crate::Kept;

/// A message that is being taken in. Dropped before it is finished, nothing is left of it.
pub(crate) struct Deposit {
    spool: Arc<Spool>,
    /// The whole message as long as it is small.
    head: Vec<u8>,
    file: Option<Writer>,
}

/// A message that is kept, and cannot be removed while this is there. It is to be dropped after
/// what refers to the message is stored.
#[derive(Debug)]
pub struct Pinned {
    spool: Arc<Spool>,
    name: Option<String>,
}

impl Deposit {
    /// A deposit in `spool`.
    pub(crate) fn new(spool: &Arc<Spool>) -> Self {
        Self {
            spool: Arc::clone(spool),
            head: Vec::new(),
            file: None,
        }
    }

    /// The next octets.
    pub(crate) async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        if let Some(file) = &mut self.file {
            return file.write(octets).await;
        }
        self.head.extend_from_slice(octets);
        if self.head.len() > self.spool.inline_limit {
            let mut file = Writer::begin(&self.spool).await?;
            file.write(&self.head).await?;
            self.head = Vec::new();
            self.file = Some(file);
        }
        Ok(())
    }

    /// Keeps the message: durably, if it is a file.
    pub(crate) async fn finish(self) -> Result<(Kept, Pinned), SpoolError> {
        let Some(file) = self.file else {
            let pinned = Pinned {
                spool: self.spool,
                name: None,
            };
            return Ok((Kept::Inline(self.head), pinned));
        };
        let (name, size) = file.finish().await?;
        let pinned = Pinned {
            spool: Arc::clone(&self.spool),
            name: Some(name.clone()),
        };
        Writer::sync_folder(&self.spool).await?;
        Ok((Kept::File { name, size }, pinned))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.spool.let_go(name);
        }
    }
}
