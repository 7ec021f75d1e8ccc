//! Takes the files out of a message that is read once more, as many octets at a time as the message
//! gives.

use async_trait::async_trait;
use bytes::Bytes;
use mail_parser::{Message, MessageParser, MimeHeaders as _};

use super::plan::PlannedFile;
use super::split::{Part, Parts, Splitter};
use crate::content::decoder::Decoder;
use crate::{Outgoing, OutgoingError};

/// The files of a message.
pub(super) struct Files<'a> {
    message: &'a mut dyn Outgoing,
    is_begun: bool,
    /// `None` behind the end of the message.
    splitter: Option<Splitter>,
    unpacking: Unpacking,
}

/// What was decoded and is not taken yet.
#[derive(Default)]
struct Unpacking {
    parts: usize,
    /// The part that is wanted.
    wanted: usize,
    decoder: Option<Decoder>,
    out: Vec<u8>,
    /// What belongs to parts behind it, with their numbers.
    ahead: Vec<(usize, Vec<u8>)>,
}

impl<'a> Files<'a> {
    /// Those of a message that has been read before, or not.
    pub(super) fn of(message: &'a mut dyn Outgoing) -> Self {
        Self {
            message,
            is_begun: false,
            splitter: None,
            unpacking: Unpacking::default(),
        }
    }

    /// One of them. It is quickest to ask for them in the order of the message.
    pub(super) fn file<'f>(&'f mut self, planned: &PlannedFile) -> FileOctets<'f, 'a> {
        FileOctets {
            files: self,
            part: planned.part,
            size: planned.size,
            given: 0,
        }
    }

    async fn begin_again(&mut self) -> Result<(), OutgoingError> {
        self.message.begin_again().await?;
        self.is_begun = true;
        self.splitter = Some(Splitter::new());
        self.unpacking = Unpacking::default();
        Ok(())
    }

    /// The next octets of a part; `None` if the message has none any more.
    async fn chunk(&mut self, part: usize) -> Result<Option<Bytes>, OutgoingError> {
        if !self.is_begun || self.unpacking.wanted > part {
            self.begin_again().await?;
        }
        self.unpacking.want(part);
        loop {
            if !self.unpacking.out.is_empty() {
                return Ok(Some(std::mem::take(&mut self.unpacking.out).into()));
            }
            let Some(splitter) = &mut self.splitter else {
                return Ok(None);
            };
            let changed = |reason: String| OutgoingError(reason.into());
            if let Some(octets) = self.message.chunk().await? {
                splitter
                    .push(&octets, &mut self.unpacking)
                    .map_err(changed)?;
            } else {
                let splitter = self.splitter.take().unwrap_or_else(Splitter::new);
                splitter.finish(&mut self.unpacking).map_err(changed)?;
                if self.unpacking.out.is_empty() {
                    return Ok(None);
                }
            }
        }
    }
}

impl Unpacking {
    fn want(&mut self, part: usize) {
        if self.wanted == part {
            return;
        }
        self.wanted = part;
        self.out.clear();
        for (number, octets) in std::mem::take(&mut self.ahead) {
            if number == part {
                self.out.extend_from_slice(&octets);
            } else if number > part {
                self.ahead.push((number, octets));
            }
        }
    }

    /// Where the octets of the current part go.
    fn goal(&mut self) -> &mut Vec<u8> {
        if self.parts == self.wanted {
            return &mut self.out;
        }
        let number = self.parts;
        if self.ahead.last().is_none_or(|(last, _)| *last != number) {
            self.ahead.push((number, Vec::new()));
        }
        let last = self.ahead.len() - 1;
        &mut self.ahead[last].1
    }
}

impl Parts for Unpacking {
    fn begins(&mut self, part: Part<'_>) -> Result<(), String> {
        let parsed = MessageParser::default().parse_headers(part.header);
        let encoding = parsed.as_ref();
        let encoding = encoding.and_then(Message::content_transfer_encoding);
        self.decoder = (self.parts >= self.wanted).then(|| Decoder::of(encoding));
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) {
        if let Some(mut decoder) = self.decoder.take() {
            decoder.push(octets, self.goal());
            self.decoder = Some(decoder);
        }
    }

    fn ends(&mut self) {
        if let Some(mut decoder) = self.decoder.take() {
            decoder.finish(self.goal());
        }
        self.parts += 1;
    }
}

/// The octets of one file.
pub(super) struct FileOctets<'f, 'a> {
    files: &'f mut Files<'a>,
    part: usize,
    size: u64,
    given: u64,
}

#[async_trait]
impl Outgoing for FileOctets<'_, '_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn is_eight_bit(&self) -> bool {
        true
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        if self.given >= self.size {
            return Ok(None);
        }
        let chunk = self.files.chunk(self.part).await?;
        let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        self.given = self.given.saturating_add(length);
        Ok(chunk)
    }

    async fn begin_again(&mut self) -> Result<(), OutgoingError> {
        self.given = 0;
        self.files.begin_again().await?;
        self.files.unpacking.wanted = self.part;
        Ok(())
    }
}
