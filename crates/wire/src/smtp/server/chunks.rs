//! A message that comes with BDAT (RFC 3030 §2): the octets of a chunk follow its command
//! whatever the server thinks of it, so they are read before the reply. Where that could go on
//! without end, the connection ends instead.

use crate::smtp::{Extension, Transfer};

use super::answering::Pending;
use super::machine::{Identity, Job};
use super::order::{Bdat, ChunkPart};
use super::receiving::{Receiving, Verdict};
use super::{Ask, Refusal, Server};

impl Server {
    pub(super) fn bdat(&mut self, bdat: Bdat) {
        let limit = self.persona.extensions.size_limit();
        if limit.is_some_and(|limit| bdat.octets > limit) {
            self.reply_with(|replies| &replies.too_large);
            return self.close();
        }
        let offered = self.persona.extensions.has(&Extension::Chunking);
        let receiving = match &mut self.transaction {
            Some(transaction) if offered && transaction.recipients > 0 => {
                match transaction.chunks.take() {
                    Some(receiving) => receiving,
                    None => return self.ask(Ask::Message(Transfer::Chunks), Pending::Bdat(bdat)),
                }
            }
            _ => return self.bdat_out_of_sequence(bdat),
        };
        self.job = Job::Chunk(bdat, receiving);
    }

    /// The octets are dropped, of somebody whom we know; a stranger has no reason to send any.
    fn bdat_out_of_sequence(&mut self, bdat: Bdat) {
        if self.identity == Identity::Stranger {
            self.reply_with(|replies| &replies.bad_sequence);
            return self.close();
        }
        let bad_sequence = self.persona.replies.bad_sequence.clone();
        self.job = Job::Chunk(bdat, Receiving::refused(Refusal::new(bad_sequence)));
        self.count_error();
    }

    /// Takes what was received of a chunk, if anything was.
    pub(super) fn receive_chunk(&mut self) -> bool {
        let Job::Chunk(bdat, receiving) = std::mem::replace(&mut self.job, Job::Rest) else {
            return false;
        };
        if bdat.octets == 0 {
            self.chunk_ends(bdat.part, receiving);
            return true;
        }
        let buffer = self.connection.lines.buffer();
        let taken =
            usize::try_from(bdat.octets).map_or(buffer.len(), |left| left.min(buffer.len()));
        if taken == 0 {
            self.job = Job::Chunk(bdat, receiving);
            return false;
        }
        let octets = buffer.split_to(taken).freeze();
        let bdat = Bdat {
            octets: bdat.octets - taken as u64,
            ..bdat
        };
        let (wanted, receiving) = self.count(receiving, octets);
        match wanted {
            Some(octets) => {
                let pending = Pending::ChunkOctets(bdat, receiving);
                self.ask(Ask::MessageOctets(octets), pending);
            }
            None => self.job = Job::Chunk(bdat, receiving),
        }
        true
    }

    /// A chunk that was refused ends the envelope: what follows is out of sequence.
    fn chunk_ends(&mut self, part: ChunkPart, receiving: Receiving) {
        if part == ChunkPart::Last || !matches!(receiving.verdict, Verdict::Wanted) {
            return self.message_ends(receiving.verdict);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.chunks = Some(receiving);
        }
        self.reply_with(|replies| &replies.chunk_accepted);
    }
}
