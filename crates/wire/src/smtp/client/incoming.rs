//! Routes what the server says: replies come in the order of the commands.

use bytes::Bytes;

use super::{Client, Event, Kind, State, Violation};
use crate::dots::{BodyWriter, Framing};
use crate::smtp::client::message::Outgoing;
use crate::smtp::{BadReply, Extensions, Phase, Reply, Severity};
use crate::words::words;

impl Client {
    /// What the server said next, or `None` when more octets are needed.
    pub fn next_event(&mut self) -> Result<Option<Event>, Violation> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.state {
                State::BeforeTls if self.lines.has_leftover() => {
                    return Err(Violation::InjectedBeforeTls);
                }
                // What follows a goodbye is nobody's answer.
                State::BeforeTls | State::Over => return Ok(None),
                State::Greeting | State::Talking => {}
            }
            let Some(line) = self.lines.next_line(LONGEST_LINE)? else {
                return Ok(None);
            };
            self.read_line(&line)?;
        }
    }

    fn read_line(&mut self, line: &Bytes) -> Result<(), Violation> {
        let reply = match self.reply.take_line(line) {
            Ok(Some(reply)) => reply,
            Ok(None) => return Ok(()),
            Err(BadReply::NoCode(_)) if self.state == State::Greeting => {
                return Err(Violation::NoGreeting(words(line)));
            }
            Err(bad) => return Err(bad.into()),
        };
        if self.state == State::Greeting {
            self.greeted(reply);
            return Ok(());
        }
        let Some(kind) = self.in_flight.pop_front() else {
            return self.unasked(reply);
        };
        // 421 may answer anything, and the connection is closed behind it (RFC 5321 §3.8).
        if reply.code == CLOSING {
            self.replied(kind.phase(), reply.clone());
            self.part(reply);
            return Ok(());
        }
        self.answered(kind, reply)?;
        self.advance();
        Ok(())
    }

    fn greeted(&mut self, reply: Reply) {
        let welcome = reply.is_done();
        self.state = State::Talking;
        self.replied(Phase::Greeting, reply.clone());
        if !welcome {
            self.part(reply);
        }
    }

    /// A reply to nothing is a goodbye, or an early end of a message that is still being sent.
    fn unasked(&mut self, reply: Reply) -> Result<(), Violation> {
        let refused = matches!(reply.severity(), Severity::Transient | Severity::Permanent);
        let in_message = self.message.as_ref().is_some_and(Outgoing::is_dotted);
        if in_message && refused {
            self.replied(Phase::EndOfData, reply.clone());
            self.part(reply);
            Ok(())
        } else if reply.code == CLOSING {
            self.part(reply);
            Ok(())
        } else {
            Err(Violation::Unexpected(reply.to_string()))
        }
    }

    fn answered(&mut self, kind: Kind, reply: Reply) -> Result<(), Violation> {
        let phase = kind.phase();
        let done = reply.is_done();
        match kind {
            Kind::Ehlo { name } if is_unknown(&reply) => {
                let line = format!("HELO {name}\r\n");
                self.output.extend_from_slice(line.as_bytes());
                self.in_flight.push_front(Kind::Helo);
                return Ok(());
            }
            Kind::Ehlo { .. } if done => self.extensions = Some(Extensions::read(&reply.lines)),
            Kind::Helo => self.extensions = Some(Extensions::default()),
            Kind::StartTls if done => self.state = State::BeforeTls,
            Kind::Auth(mut attempt) if reply.severity() == Severity::Continue => {
                let refused = attempt.answer(reply.text().as_bytes(), &mut self.output)?;
                self.events.extend(refused.map(Event::Challenge));
                self.in_flight.push_front(Kind::Auth(attempt));
                return Ok(());
            }
            Kind::Mail if !done => self.sender_refused(),
            Kind::Rcpt(_) => {
                self.settling.left = self.settling.left.saturating_sub(1);
                if let Some(accepted) = &mut self.settling.accepted {
                    *accepted += usize::from(done);
                }
            }
            Kind::Data if reply.severity() == Severity::Continue => {
                let writer = BodyWriter::new(Framing::Dots);
                self.message = Some(Outgoing::Dotted(writer));
            }
            // A refused chunk ends the envelope (RFC 3030 §2): nothing of the message can be saved
            // by what would follow.
            Kind::Chunk if !done => self.forget_envelope(),
            Kind::EndOfData => self.forget_envelope(),
            _ => {}
        }
        let envelope = matches!(phase, Phase::Mail | Phase::Recipient(_));
        self.replied(phase, reply.clone());
        if envelope && self.settling.left == 0 {
            let accepted = self.settling.accepted.unwrap_or(0);
            self.events.push_back(Event::EnvelopeSettled { accepted });
        }
        if phase == Phase::Quit && done {
            self.part(reply);
        }
        Ok(())
    }

    /// Recipients that were not sent are not asked for; the others are refused as well.
    fn sender_refused(&mut self) {
        self.settling.accepted = None;
        self.settling.left = self.settling.left.saturating_sub(self.unsent.len());
        self.unsent.clear();
    }

    fn replied(&mut self, phase: Phase, reply: Reply) {
        self.events.push_back(Event::Replied(phase, reply));
    }

    fn part(&mut self, reply: Reply) {
        self.state = State::Over;
        self.in_flight.clear();
        self.unsent.clear();
        self.message = None;
        self.events.push_back(Event::Goodbye(reply));
    }
}

/// What a server says that does not know EHLO (RFC 5321 §3.2).
fn is_unknown(reply: &Reply) -> bool {
    matches!(reply.code, 500..=504 | 550)
}

const CLOSING: u16 = 421;
/// In octets. The standard allows 512; Exchange writes whole stack traces.
const LONGEST_LINE: usize = 16 * 1024;
