//! The header of a message that streams by.

use async_trait::async_trait;

use crate::{Intake, IntakeError, MessageKey};

/// Keeps the header of one message, and lets the rest of it pass.
#[derive(Debug, Default)]
pub(crate) enum Beginning {
    /// The message has not come.
    #[default]
    Absent,
    /// The header, as far as it came.
    Reading(Vec<u8>),
    /// All of the header, or as much of it as is kept.
    Read(Vec<u8>),
}

impl Beginning {
    /// Whether all of the header came.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self, Self::Read(_))
    }

    /// The header with the empty line behind it (RFC 5322 §2.1), if the message came. Of a header
    /// beyond all measure, its beginning.
    pub(crate) fn header(self) -> Option<Vec<u8>> {
        match self {
            Self::Absent => None,
            Self::Reading(header) | Self::Read(header) => Some(header),
        }
    }
}

#[async_trait]
impl Intake for Beginning {
    async fn begin(&mut self, _key: &MessageKey, _size: Option<u64>) -> Result<(), IntakeError> {
        *self = Self::Reading(Vec::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        let Self::Reading(header) = self else {
            return Ok(());
        };
        // The empty line may have begun in the chunk before.
        let seen = header.len().saturating_sub(EMPTY_LINE.len());
        let room = LONGEST.saturating_sub(header.len());
        header.extend_from_slice(&octets[..octets.len().min(room)]);
        let end = if header.starts_with(b"\r\n") {
            Some(2)
        } else {
            let mut lines = header[seen..].windows(EMPTY_LINE.len());
            let found = lines.position(|octets| octets == EMPTY_LINE);
            found.map(|at| seen + at + EMPTY_LINE.len())
        };
        if end.is_some() || header.len() == LONGEST {
            let mut header = std::mem::take(header);
            header.truncate(end.unwrap_or(LONGEST));
            *self = Self::Read(header);
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        Ok(())
    }

    async fn gone(&mut self, _key: &MessageKey) -> Result<(), IntakeError> {
        Ok(())
    }
}

const EMPTY_LINE: &[u8] = b"\r\n\r\n";
/// In octets.
const LONGEST: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    async fn beginning(message: &[u8], chunk: usize) -> Vec<u8> {
        let mut beginning = Beginning::default();
        let key = MessageKey::Imap {
            uidvalidity: 1,
            uid: 1,
        };
        beginning.begin(&key, None).await.expect("it is taken");
        for octets in message.chunks(chunk) {
            beginning.chunk(octets).await.expect("it is taken");
        }
        beginning.end().await.expect("it is taken");
        beginning.header().expect("a message came")
    }

    #[tokio::test]
    async fn the_header_ends_at_the_first_empty_line() {
        for (message, header) in [
            ("A: b\r\n\r\nbody\r\n\r\nmore", "A: b\r\n\r\n"),
            ("A: b\r\n\r\n", "A: b\r\n\r\n"),
            ("A: b\r\n", "A: b\r\n"),
            ("\r\nbody\r\n\r\nmore", "\r\n"),
            ("", ""),
        ] {
            for chunk in 1..=message.len().max(1) {
                let found = beginning(message.as_bytes(), chunk).await;
                assert_eq!(found, header.as_bytes(), "{message:?} by {chunk}");
            }
        }
    }

    #[tokio::test]
    async fn a_header_without_end_is_kept_within_bounds() {
        let endless = vec![b'x'; LONGEST + 70_000];
        assert_eq!(beginning(&endless, 65_536).await.len(), LONGEST);
    }

    #[test]
    fn a_message_that_is_gone_has_no_header() {
        assert_eq!(Beginning::default().header(), None);
    }
}
