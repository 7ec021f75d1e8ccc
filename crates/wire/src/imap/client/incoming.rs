//! Routes what the server says: to the command that waits for it, or to whoever listens.

use bytes::Bytes;

use super::capabilities::Capabilities;
use super::event::{Code, Event, Outcome, Reply, Untagged};
use super::queue::Piece;
use super::reader::Reader;
use super::{
    Client, InFlight, Kind, LONGEST_FOR_STRANGER, Phase, Standing, Violation, fetch, status,
    untagged,
};
use crate::imap::codec::{Announcement, Treatment};
use crate::sasl;

impl Client {
    /// Decides what becomes of a literal: bodies pass through, headers are kept if they are of
    /// a sane size, and free text is no literal at all.
    pub(super) fn treat(&mut self, announcement: Announcement) -> Result<(), Violation> {
        let head = self.assembler.head();
        if is_free_text(head) {
            self.assembler.accept(Treatment::Text)?;
        } else if self.is_stranger() && announcement.length > LONGEST_FOR_STRANGER {
            return Err(Violation::LiteralForStranger(announcement.length));
        } else if let Some(ahead) = fetch::body_ahead(head) {
            self.assembler.accept(Treatment::Stream)?;
            self.body_streamed = true;
            self.events.push_back(Event::BodyBegins {
                seq: ahead.seq,
                uid: ahead.uid,
                size: announcement.length,
            });
        } else if self.assembler.accept(Treatment::Keep).is_err() {
            self.assembler.accept(Treatment::Discard)?;
        }
        Ok(())
    }

    /// Between the greeting and the first command nobody waits for the server, so nothing that
    /// it says then holds anybody up.
    fn is_stranger(&self) -> bool {
        let awaited = self.phase == Phase::Greeting || self.last_tag > 0;
        awaited && self.standing == Standing::Stranger
    }

    pub(super) fn read(&mut self, message: &Bytes) -> Result<(), Violation> {
        let mut reader = Reader::new(message);
        if self.phase == Phase::Greeting {
            return self.read_greeting(message);
        }
        if reader.is_at_end() {
            return Ok(());
        }
        if reader.eat(b'+') {
            reader.skip_spaces();
            return self.continuation(reader.rest());
        }
        if reader.eat_word("*") {
            reader.skip_spaces();
            self.read_untagged(message, reader);
            return Ok(());
        }
        if let Some(line) = status::bare_code(reader) {
            self.events
                .push_back(Event::Untagged(Untagged::Status(line)));
            return Ok(());
        }
        let tag = reader.word();
        reader.skip_spaces();
        let Some(reply) = status::reply(reader) else {
            self.cannot_read(message);
            return Ok(());
        };
        self.complete(tag, reply)
    }

    fn read_greeting(&mut self, message: &Bytes) -> Result<(), Violation> {
        let mut reader = Reader::new(message);
        let greeting = reader.eat_word("*").then(|| {
            reader.skip_spaces();
            status::status_line(reader)
        });
        let greeting = greeting
            .flatten()
            .ok_or_else(|| Violation::NoGreeting(status::words(message)))?;
        self.note_code(greeting.code.as_ref());
        self.phase = Phase::Talking;
        self.events.push_back(Event::Greeting(greeting));
        Ok(())
    }

    fn read_untagged(&mut self, message: &Bytes, reader: Reader<'_>) {
        let mut ahead = Reader::new(message);
        if let Some(seq) = fetch::seq_of_fetch(&mut ahead) {
            let response = fetch::fetch(seq, ahead);
            self.report_fetch(response);
            return;
        }
        match untagged::untagged(message, reader) {
            Some(untagged) => {
                match &untagged {
                    Untagged::Capabilities(list) => self.capabilities.clone_from(list),
                    Untagged::Status(line) => self.note_code(line.code.as_ref()),
                    _ => {}
                }
                self.events.push_back(Event::Untagged(untagged));
            }
            None => self.cannot_read(message),
        }
    }

    /// A body may also come as a quoted string, and has then not been streamed.
    fn report_fetch(&mut self, response: fetch::FetchResponse) {
        let fetch::FetchResponse { fetched, body } = response;
        let streamed = std::mem::take(&mut self.body_streamed);
        if let Some(body) = body.filter(|_| !streamed) {
            let size = body.len() as u64;
            self.events.push_back(Event::BodyBegins {
                seq: fetched.seq,
                uid: fetched.uid,
                size,
            });
            self.events.push_back(Event::BodyChunk(body.into()));
            self.events.push_back(Event::BodyEnds);
        }
        self.events
            .push_back(Event::Untagged(Untagged::Fetched(fetched)));
    }

    /// What `+` means depends on the command that waits for it.
    fn continuation(&mut self, text: &[u8]) -> Result<(), Violation> {
        if let Some(ticket) = self.queue.go_on() {
            let kind = self
                .in_flight
                .iter()
                .find(|command| command.ticket == ticket);
            if kind.is_some_and(|command| matches!(command.kind, Kind::Idle | Kind::Append)) {
                self.events.push_back(Event::Continues(ticket));
            }
            return Ok(());
        }
        // A refused token arrives as a challenge; the exchange ends only after an empty line
        // (Google XOAUTH2, "SASL error"; RFC 7628 §3.2.3).
        if let Some(InFlight {
            ticket,
            kind: Kind::Authenticate { challenged },
        }) = self.in_flight.front_mut()
        {
            if *challenged {
                return Err(Violation::EndlessChallenge);
            }
            *challenged = true;
            let answer = [sasl::ERROR_CHALLENGE_ANSWER, b"\r\n"].concat();
            self.queue.push(*ticket, Piece::Octets(answer));
            let said = sasl::error_challenge(text).unwrap_or_else(|| status::words(text));
            self.events.push_back(Event::Challenge(said));
            return Ok(());
        }
        self.cannot_read(&Bytes::copy_from_slice(text));
        Ok(())
    }

    fn complete(&mut self, tag: &[u8], reply: Reply) -> Result<(), Violation> {
        let number = tag
            .strip_prefix(b"A")
            .and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
        let at = self
            .in_flight
            .iter()
            .position(|command| Some(command.ticket.0) == number);
        let Some(command) = at.and_then(|at| self.in_flight.remove(at)) else {
            return Err(Violation::UnknownTag(status::words(tag)));
        };
        self.queue.forget(command.ticket);
        if reply.outcome == Outcome::Ok {
            match command.kind {
                Kind::StartTls => self.phase = Phase::BeforeTls,
                Kind::Authenticate { .. } => {
                    self.capabilities = Capabilities::default();
                    self.standing = Standing::Known;
                }
                _ => {}
            }
        }
        self.note_code(reply.code.as_ref());
        self.events
            .push_back(Event::Completed(command.ticket, reply));
        Ok(())
    }

    fn note_code(&mut self, code: Option<&Code>) {
        if let Some(Code::Capabilities(list)) = code {
            self.capabilities.clone_from(list);
        }
    }

    fn cannot_read(&mut self, message: &Bytes) {
        self.unreadable += 1;
        self.events.push_back(Event::Unreadable(message.clone()));
    }
}

/// Whether the line is one that ends in words: there `{5}` is a word like any other.
fn is_free_text(head: &[u8]) -> bool {
    let mut reader = Reader::new(head);
    let first = reader.word();
    if first == b"+" {
        return true;
    }
    reader.skip_spaces();
    status::status_line(reader).is_some()
}
