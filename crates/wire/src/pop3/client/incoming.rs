//! Routes what the server says to the command that waits for it: answers have no tags, so
//! they come in the order of the commands.

use bytes::Bytes;

use super::{Client, Event, InFlight, Kind, Phase, Ticket, Violation};
use crate::dots::{BodyPart, BodyReader};
use crate::pop3::{Capabilities, Capability, Outcome, Reply};
use crate::words::words;

/// A multi-line answer that is being read (RFC 1939 §3).
pub(super) struct Reading {
    ticket: Ticket,
    reply: Reply,
    what: What,
}

enum What {
    Message(BodyReader),
    Sizes,
    Names,
    Capabilities(Capabilities),
    Mechanisms(Vec<String>),
}

impl Client {
    /// What the server said next, or `None` when more octets are needed.
    pub fn next_event(&mut self) -> Result<Option<Event>, Violation> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.phase == Phase::BeforeTls {
                return if self.lines.has_leftover() {
                    Err(Violation::InjectedBeforeTls)
                } else {
                    Ok(None)
                };
            }
            if let Some(mut reading) = self.reading.take() {
                if let What::Message(body) = &mut reading.what {
                    let part = body.next_part(self.lines.buffer());
                    return Ok(self.message_part(reading, part));
                }
                let Some(line) = self.lines.next_line(LONGEST_LINE)? else {
                    self.reading = Some(reading);
                    return Ok(None);
                };
                self.listed_line(reading, &line)?;
                continue;
            }
            let Some(line) = self.lines.next_line(LONGEST_LINE)? else {
                return Ok(None);
            };
            self.read_answer(&line)?;
        }
    }

    fn message_part(&mut self, reading: Reading, part: Option<BodyPart>) -> Option<Event> {
        match part {
            None => {
                self.reading = Some(reading);
                None
            }
            Some(BodyPart::Chunk(octets)) => {
                self.reading = Some(reading);
                Some(Event::BodyChunk(octets))
            }
            Some(BodyPart::End) => {
                self.complete(reading.ticket, reading.reply);
                Some(Event::BodyEnds)
            }
        }
    }

    fn read_answer(&mut self, line: &Bytes) -> Result<(), Violation> {
        let reply = Reply::read(line);
        if self.phase == Phase::Greeting {
            let greeting = reply.ok_or_else(|| Violation::NoGreeting(words(line)))?;
            self.phase = match greeting.outcome {
                Outcome::Ok => Phase::Talking,
                Outcome::Err => Phase::Over,
            };
            self.events.push_back(Event::Greeting(greeting));
            return Ok(());
        }
        let Some(reply) = reply else {
            return self.read_challenge(line);
        };
        match (self.in_flight.pop_front(), reply.outcome) {
            (Some(command), Outcome::Ok) => self.granted(command, reply),
            (Some(command), Outcome::Err) => {
                self.complete(command.ticket, reply);
                Ok(())
            }
            (None, Outcome::Err) => {
                self.phase = Phase::Over;
                self.events.push_back(Event::Goodbye(reply));
                Ok(())
            }
            (None, Outcome::Ok) => Err(Violation::Unexpected(words(line))),
        }
    }

    /// `+`, with a challenge or without (RFC 5034 §4).
    fn read_challenge(&mut self, line: &[u8]) -> Result<(), Violation> {
        let Some(challenge) = line.strip_prefix(b"+") else {
            return Err(Violation::NoReply(words(line)));
        };
        let Some(InFlight {
            kind: Kind::Sasl(attempt),
            ..
        }) = self.in_flight.front_mut()
        else {
            return Err(Violation::Unexpected(words(line)));
        };
        let refused = attempt.answer(challenge, &mut self.output)?;
        self.events.extend(refused.map(Event::Challenge));
        Ok(())
    }

    fn granted(&mut self, command: InFlight, reply: Reply) -> Result<(), Violation> {
        let ticket = command.ticket;
        let what = match command.kind {
            Kind::User { password } => {
                self.send_password(ticket, &password);
                return Ok(());
            }
            Kind::StartTls => {
                self.phase = Phase::BeforeTls;
                None
            }
            Kind::Quit => {
                self.phase = Phase::Over;
                None
            }
            Kind::Stat => {
                let mut numbers = reply.text.split_ascii_whitespace();
                let mut number = || numbers.next()?.parse::<u64>().ok();
                let (messages, octets) = (number(), number());
                let messages = messages.and_then(|messages| u32::try_from(messages).ok());
                match (messages, octets) {
                    (Some(messages), Some(octets)) => {
                        self.events.push_back(Event::Counted { messages, octets });
                    }
                    _ => return Err(Violation::NoReply(reply.text)),
                }
                None
            }
            Kind::List { number: Some(_) } => {
                self.listed_one(sized(reply.text.as_bytes()), &reply);
                None
            }
            Kind::Uidl { number: Some(_) } => {
                self.listed_one(named(reply.text.as_bytes()), &reply);
                None
            }
            Kind::List { number: None } => Some(What::Sizes),
            Kind::Uidl { number: None } => Some(What::Names),
            Kind::Capa => Some(What::Capabilities(Capabilities::default())),
            Kind::Mechanisms => Some(What::Mechanisms(Vec::new())),
            Kind::Message { number } => {
                self.events.push_back(Event::BodyBegins { number });
                Some(What::Message(BodyReader::new()))
            }
            Kind::Plain | Kind::Pass | Kind::Sasl(_) => None,
        };
        match what {
            None => self.complete(ticket, reply),
            Some(what) => {
                self.reading = Some(Reading {
                    ticket,
                    reply,
                    what,
                });
            }
        }
        Ok(())
    }

    fn send_password(&mut self, ticket: Ticket, password: &secrecy::SecretString) {
        use secrecy::ExposeSecret as _;
        self.output.extend_from_slice(b"PASS ");
        self.output
            .extend_from_slice(password.expose_secret().as_bytes());
        self.output.extend_from_slice(b"\r\n");
        let kind = Kind::Pass;
        self.in_flight.push_front(InFlight { ticket, kind });
    }

    fn listed_one(&mut self, event: Option<Event>, reply: &Reply) {
        match event {
            Some(event) => self.events.push_back(event),
            None => self.cannot_read(Bytes::from(reply.text.clone())),
        }
    }

    /// A line of a listing, or its end.
    fn listed_line(&mut self, mut reading: Reading, line: &Bytes) -> Result<(), Violation> {
        if line.as_ref() == b"." {
            match reading.what {
                What::Capabilities(listed) => {
                    self.capabilities = Some(listed.clone());
                    self.events.push_back(Event::Capabilities(listed));
                }
                What::Mechanisms(names) => self.events.push_back(Event::Mechanisms(names)),
                What::Sizes | What::Names | What::Message(_) => {}
            }
            self.complete(reading.ticket, reading.reply);
            return Ok(());
        }
        // Dots are doubled in every multi-line answer.
        let text = line.strip_prefix(b".").unwrap_or(line);
        match &mut reading.what {
            What::Capabilities(listed) if listed.len() < MOST_CAPABILITIES => {
                listed.push(Capability::read(text));
            }
            What::Mechanisms(names) if names.len() < MOST_CAPABILITIES => {
                names.push(words(text).to_ascii_uppercase());
            }
            What::Capabilities(_) | What::Mechanisms(_) => {
                return Err(Violation::Capabilities(MOST_CAPABILITIES));
            }
            What::Sizes => self.listed_in(sized(text), line),
            What::Names => self.listed_in(named(text), line),
            What::Message(_) => {}
        }
        self.reading = Some(reading);
        Ok(())
    }

    fn listed_in(&mut self, event: Option<Event>, line: &Bytes) {
        match event {
            Some(event) => self.events.push_back(event),
            None => self.cannot_read(line.clone()),
        }
    }

    fn cannot_read(&mut self, line: Bytes) {
        self.unreadable += 1;
        self.events.push_back(Event::Unreadable(line));
    }

    fn complete(&mut self, ticket: Ticket, reply: Reply) {
        self.events.push_back(Event::Completed(ticket, reply));
    }
}

/// `1 120`, and whatever the server adds (RFC 1939 §5).
fn sized(line: &[u8]) -> Option<Event> {
    let (number, rest) = numbered(line)?;
    let octets = rest.split(u8::is_ascii_whitespace).next()?;
    let octets = std::str::from_utf8(octets).ok()?.parse().ok()?;
    Some(Event::Sized { number, octets })
}

/// `1 whqtswO00WBw418f9t5JxYwZ` (RFC 1939 §7).
fn named(line: &[u8]) -> Option<Event> {
    let (number, rest) = numbered(line)?;
    // Whole and exactly, or not at all: two messages must never have the same name.
    let unique = std::str::from_utf8(rest).ok()?.to_owned();
    let good = !unique.is_empty() && !unique.contains(char::is_control);
    good.then_some(Event::Named { number, unique })
}

fn numbered(line: &[u8]) -> Option<(u32, &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    let number = std::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
    Some((number, line[space..].trim_ascii()))
}

/// In octets. The standard allows 512 for an answer; some servers write more.
const LONGEST_LINE: usize = 8192;
/// No server has as many.
const MOST_CAPABILITIES: usize = 256;
