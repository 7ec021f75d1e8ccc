//! A message that comes with DATA: its octets, and what is to be said at its end.

use bytes::Bytes;

use crate::dots::{BodyPart, BodyReader};

use super::answering::Pending;
use super::machine::Job;
use super::{Ask, Refusal, Server};

/// How much of a message came, and whether it is still wanted.
#[derive(Debug)]
pub(super) struct Receiving {
    octets: u64,
    pub(super) verdict: Verdict,
}

#[derive(Debug)]
pub(super) enum Verdict {
    Wanted,
    /// What still comes is dropped, and then this is said.
    Refused(Refusal),
}

impl Receiving {
    pub(super) fn new() -> Self {
        Self {
            octets: 0,
            verdict: Verdict::Wanted,
        }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self {
            octets: 0,
            verdict: Verdict::Refused(refusal),
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if matches!(self.verdict, Verdict::Wanted) {
            self.verdict = Verdict::Refused(refusal);
        }
    }
}

impl Server {
    /// Takes the next part of a message, if one was received.
    pub(super) fn receive_data(&mut self) -> bool {
        let Job::Data(reader, receiving) = std::mem::replace(&mut self.job, Job::Rest) else {
            return false;
        };
        let mut reader: BodyReader = reader;
        match reader.next_part(self.connection.lines.buffer()) {
            None => {
                self.job = Job::Data(reader, receiving);
                return false;
            }
            Some(BodyPart::Chunk(octets)) => {
                let (wanted, receiving) = self.count(receiving, octets);
                match wanted {
                    Some(octets) => {
                        let pending = Pending::DataOctets(reader, receiving);
                        self.ask(Ask::MessageOctets(octets), pending);
                    }
                    None => self.job = Job::Data(reader, receiving),
                }
            }
            Some(BodyPart::End) => self.message_ends(receiving.verdict),
        }
        true
    }

    /// The octets, if they are still wanted.
    pub(super) fn count(
        &self,
        mut receiving: Receiving,
        octets: Bytes,
    ) -> (Option<Bytes>, Receiving) {
        receiving.octets = receiving.octets.saturating_add(octets.len() as u64);
        let limit = self.persona.extensions.size_limit();
        if limit.is_some_and(|limit| receiving.octets > limit) {
            let too_large = self.persona.replies.too_large.clone();
            receiving.refuse(Refusal::new(too_large));
        }
        match receiving.verdict {
            Verdict::Wanted => (Some(octets), receiving),
            Verdict::Refused(_) => (None, receiving),
        }
    }

    pub(super) fn message_ends(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Wanted => self.ask(Ask::MessageEnds, Pending::MessageEnds),
            Verdict::Refused(refusal) => self.abandon(Pending::Refused(refusal)),
        }
    }
}
