//! APPEND (RFC 3501 §6.3.11): the message passes through in pieces and is never held here.

use bytes::Bytes;

use crate::imap::codec::{Announcement, LiteralMode, Treatment};

use super::answering::{Pending, Step, Then};
use super::machine::Job;
use super::order::Order;
use super::{Answer, Ask, Refusal, Server, Upload};

/// A message whose octets are coming.
#[derive(Debug)]
pub(super) struct Uploading {
    pub(super) tag: String,
}

/// Which answer an upload waits for.
#[derive(Debug)]
pub(super) enum UploadStep {
    /// Whether the command may be used.
    Admit(Upload, LiteralMode),
    /// Whether the message may come.
    Begin(LiteralMode),
    /// The owner has taken a piece.
    Chunk,
    /// The message is being filed.
    End,
    /// The owner forgets the message; then the client is told this.
    Abort(Refusal),
}

impl Server {
    pub(super) fn begin_upload(&mut self, tag: String, order: Order, announced: Announcement) {
        let Order::Append {
            folder,
            flags,
            received_at,
        } = order
        else {
            return self.lost();
        };
        let upload = Upload {
            folder,
            flags,
            received_at,
            length: announced.length,
        };
        let step = UploadStep::Admit(upload, announced.mode);
        self.ask_upload(Ask::Admit(NAME), tag, step);
    }

    pub(super) fn upload_answered(&mut self, tag: String, step: UploadStep, answer: Answer) {
        match (step, answer) {
            (UploadStep::Admit(_, mode) | UploadStep::Begin(mode), Answer::Refused(refusal)) => {
                self.drop_literal(tag, refusal, mode);
            }
            (UploadStep::Admit(upload, mode), Answer::Done) => {
                self.ask_upload(Ask::Upload(upload), tag, UploadStep::Begin(mode));
            }
            (UploadStep::Begin(mode), Answer::Done) => self.stream(tag, mode),
            (UploadStep::Chunk, Answer::Done) => self.job = Job::Upload(Uploading { tag }),
            // What is left of the octets passes unheard.
            (UploadStep::Chunk, Answer::Refused(refusal)) => {
                self.job = Job::Doomed { tag, refusal };
            }
            (UploadStep::End, Answer::Uploaded(uidvalidity, uid)) => {
                let code = format!("[APPENDUID {uidvalidity} {uid}]");
                self.look_for_changes(Then::Complete {
                    tag,
                    name: NAME,
                    code,
                });
            }
            (UploadStep::End, Answer::Refused(refusal)) => self.refuse(&tag, &refusal),
            (UploadStep::Abort(refusal), Answer::Done | Answer::Refused(_)) => {
                self.refuse(&tag, &refusal);
            }
            _ => self.lost(),
        }
    }

    pub(super) fn upload_chunk(&mut self, chunk: Bytes) {
        match std::mem::replace(&mut self.job, Job::Rest) {
            Job::Upload(Uploading { tag }) => {
                self.ask_upload(Ask::UploadChunk(chunk), tag, UploadStep::Chunk);
            }
            job => self.job = job,
        }
    }

    /// The line after the message: it must be empty, since there is no MULTIAPPEND here.
    pub(super) fn upload_line(&mut self, upload: Uploading, line: &[u8]) {
        if line.ends_with(b"}\r\n\r\n") || line.ends_with(b"}\r\n\n") {
            self.ask_upload(Ask::UploadEnd, upload.tag, UploadStep::End);
        } else {
            self.abort_upload(upload.tag, Refusal::bad(self.persona.texts.bad_arguments));
        }
    }

    pub(super) fn second_literal(&mut self, announced: Announcement) {
        let refusal = Refusal::bad(self.persona.texts.bad_arguments);
        match (std::mem::replace(&mut self.job, Job::Rest), announced.mode) {
            (Job::Upload(upload), LiteralMode::Synchronizing) => {
                self.assembler.refuse();
                self.abort_upload(upload.tag, refusal);
            }
            (Job::Doomed { tag, refusal }, mode) => self.drop_literal(tag, refusal, mode),
            // Nobody knows how much would follow.
            _ => self.lost(),
        }
    }

    pub(super) fn abort_upload(&mut self, tag: String, refusal: Refusal) {
        self.ask_upload(Ask::UploadAbort, tag, UploadStep::Abort(refusal));
    }

    fn stream(&mut self, tag: String, mode: LiteralMode) {
        if self.assembler.accept(Treatment::Stream).is_err() {
            let refusal = Refusal::bad(self.persona.texts.bad_arguments);
            return self.drop_literal(tag, refusal, mode);
        }
        self.let_literal_come(mode);
        self.job = Job::Upload(Uploading { tag });
    }

    fn ask_upload(&mut self, ask: Ask, tag: String, step: UploadStep) {
        self.ask(
            ask,
            Pending {
                tag,
                name: NAME,
                step: Step::Upload(step),
            },
        );
    }
}

const NAME: &str = "APPEND";
