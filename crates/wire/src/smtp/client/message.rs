//! The message on its way out.

use bytes::BytesMut;

use super::{Client, Kind, Unsendable};
use crate::dots::{BodyWriter, Framing};
use crate::smtp::{Body, Extension, Transfer};

/// A message whose octets may be given.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// DATA: the line that is a dot is still to come.
    Dotted(BodyWriter),
    /// BDAT of lines.
    Chunked(BodyWriter),
    /// BDAT of any octets.
    Binary,
}

impl Outgoing {
    pub(super) fn is_dotted(&self) -> bool {
        matches!(self, Self::Dotted(_))
    }
}

impl Client {
    /// Begins the message, when somebody of the envelope was accepted.
    ///
    /// With [`Transfer::Data`] the server first says 354, with
    /// [`Phase::BeforeData`](crate::smtp::Phase::BeforeData); with [`Transfer::Chunks`] the octets may follow at
    /// once.
    pub fn begin_message(&mut self, transfer: Transfer) -> Result<(), Unsendable> {
        if self.settling.left > 0 || self.message.is_some() {
            return Err(Unsendable::Busy);
        }
        if self.settling.accepted.is_none_or(|accepted| accepted == 0) {
            return Err(Unsendable::NoRecipient);
        }
        let binary = self.body == Body::BinaryMime;
        match transfer {
            Transfer::Data if binary => Err(Unsendable::NoChunks),
            Transfer::Data => self.order(Kind::Data, "DATA\r\n"),
            Transfer::Chunks if !self.extensions().has(&Extension::Chunking) => {
                Err(Unsendable::NoChunks)
            }
            Transfer::Chunks => {
                self.message = Some(if binary {
                    Outgoing::Binary
                } else {
                    Outgoing::Chunked(BodyWriter::new(Framing::Counted))
                });
                Ok(())
            }
        }
    }

    /// Gives the next octets of the message. Every end of line becomes CR LF, unless the
    /// message is binary, and dots are doubled where the server takes them off again.
    ///
    /// In chunks every call is one; where the server does not offer PIPELINING its reply has to
    /// come before the next. Once octets of DATA were given, only the end of the message or of
    /// the connection ends it.
    pub fn message_octets(&mut self, octets: &[u8]) -> Result<(), Unsendable> {
        self.expect_chunk()?;
        match &mut self.message {
            None => return Err(Unsendable::NotListening),
            Some(Outgoing::Dotted(writer)) => writer.write(octets, &mut self.output),
            Some(Outgoing::Chunked(writer)) if writer.leaves_as_they_are(octets) => {
                writer.has_left(octets);
                self.write_chunk(octets);
            }
            Some(Outgoing::Chunked(writer)) => {
                let mut chunk = BytesMut::new();
                writer.write(octets, &mut chunk);
                self.write_chunk(&chunk);
            }
            Some(Outgoing::Binary) => self.write_chunk(octets),
        }
        Ok(())
    }

    /// Ends the message. The reply with
    /// [`Phase::EndOfData`](crate::smtp::Phase::EndOfData) says what becomes of it; without
    /// that reply the message may have been sent, or not.
    pub fn end_message(&mut self) -> Result<(), Unsendable> {
        self.end_message_with(&[])
    }

    /// Ends the message with these octets, which spares the server that takes chunks an answer.
    pub fn end_message_with(&mut self, octets: &[u8]) -> Result<(), Unsendable> {
        self.expect_chunk()?;
        let mut rest = BytesMut::new();
        match self.message.take() {
            None => return Err(Unsendable::NotListening),
            Some(Outgoing::Dotted(mut writer)) => {
                writer.write(octets, &mut self.output);
                writer.finish(&mut self.output);
                self.in_flight.push_back(Kind::EndOfData);
                return Ok(());
            }
            Some(Outgoing::Chunked(mut writer)) => {
                writer.write(octets, &mut rest);
                writer.finish(&mut rest);
            }
            Some(Outgoing::Binary) => rest.extend_from_slice(octets),
        }
        self.write_bdat(&rest, " LAST");
        self.in_flight.push_back(Kind::EndOfData);
        Ok(())
    }

    /// Only a server with PIPELINING takes a chunk before it has answered the last.
    fn expect_chunk(&self) -> Result<(), Unsendable> {
        let waits = !self.in_flight.is_empty() && !self.extensions().has(&Extension::Pipelining);
        if waits { Err(Unsendable::Busy) } else { Ok(()) }
    }

    fn write_chunk(&mut self, chunk: &[u8]) {
        if !chunk.is_empty() {
            self.write_bdat(chunk, "");
            self.in_flight.push_back(Kind::Chunk);
        }
    }

    fn write_bdat(&mut self, chunk: &[u8], last: &str) {
        let line = format!("BDAT {}{last}\r\n", chunk.len());
        self.output.reserve(line.len() + chunk.len());
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(chunk);
    }
}
