//! Runs a client through the dialogues of its protocol: it must write exactly the lines of the
//! client, and what it makes of the lines of the server is kept in a log.

use std::fmt::{Display, Write as _};

use crate::dialogue::{self, Dialogue, Step};

/// A client of one protocol.
pub(crate) trait ClientSide {
    type Event;
    type Violation: Display;

    fn receive(&mut self, octets: &[u8]);
    fn next_event(&mut self) -> Result<Option<Self::Event>, Self::Violation>;
    fn take_output(&mut self) -> Vec<u8>;

    /// Makes the client do what writes the line of the step `index`.
    fn act(&mut self, dialogue: &Dialogue, index: usize, line: &[u8]);

    /// Time passed, as it does when TLS begins.
    fn waited(&mut self);

    /// Writes an event into the log. Chunks are joined, since where they are cut depends on the
    /// reads.
    fn note(log: &mut String, event: &Self::Event);
}

/// The name of each dialogue that is for clients, and the log of a client that went through it.
/// How many octets a read brings makes no difference.
pub(crate) fn logs<C: ClientSide>(
    protocol: &str,
    new: impl Fn() -> C,
) -> impl Iterator<Item = (String, String)> {
    let dialogues = dialogue::all(protocol).into_iter();
    dialogues.filter(|one| one.for_client).map(move |dialogue| {
        let run = |read| Run {
            dialogue: &dialogue,
            read,
            client: new(),
            sent: Vec::new(),
            log: String::new(),
        };
        let (whole, octetwise) = (run(usize::MAX).log(), run(1).log());
        assert_eq!(whole, octetwise, "{}", dialogue.name);
        (dialogue.name, whole)
    })
}

/// The next line of the client behind the step `index`, and those that follow it.
pub(crate) fn client_lines(dialogue: &Dialogue, index: usize) -> impl Iterator<Item = &[u8]> {
    let behind = dialogue.steps.iter().skip(index.saturating_add(1));
    behind.filter_map(|step| match step {
        Step::Client(line) => Some(line.as_slice()),
        Step::Server(_) | Step::Wait(_) | Step::Drop => None,
    })
}

/// One run of a client through a dialogue.
struct Run<'a, C> {
    dialogue: &'a Dialogue,
    /// How many octets a read brings.
    read: usize,
    client: C,
    /// What the client wrote and the dialogue has not yet confirmed.
    sent: Vec<u8>,
    log: String,
}

impl<C: ClientSide> Run<'_, C> {
    fn log(mut self) -> String {
        for (index, step) in self.dialogue.steps.iter().enumerate() {
            match step {
                Step::Client(line) => self.client_line(index, line),
                // Nobody goes on with a server that broke the protocol.
                Step::Server(_) if self.is_over() => {}
                Step::Server(octets) => self.server_octets(octets),
                Step::Wait(_) => self.client.waited(),
                Step::Drop => self.log.push_str("(the connection is gone)\n"),
            }
        }
        self.sent.extend(self.client.take_output());
        let left = String::from_utf8_lossy(&self.sent);
        let name = &self.dialogue.name;
        assert!(left.is_empty(), "{name}: the client also wrote {left:?}");
        self.log
    }

    fn is_over(&self) -> bool {
        self.log.lines().any(|line| line.starts_with("violation: "))
    }

    fn client_line(&mut self, index: usize, line: &[u8]) {
        self.sent.extend(self.client.take_output());
        if !self.sent.starts_with(line) {
            self.client.act(self.dialogue, index, line);
            self.sent.extend(self.client.take_output());
        }
        assert!(
            self.sent.starts_with(line),
            "{}: expected {:?}, the client wrote {:?}",
            self.dialogue.name,
            String::from_utf8_lossy(line),
            String::from_utf8_lossy(&self.sent),
        );
        self.sent.drain(..line.len());
    }

    fn server_octets(&mut self, octets: &[u8]) {
        for octets in octets.chunks(self.read) {
            self.client.receive(octets);
            loop {
                match self.client.next_event() {
                    Ok(None) => break,
                    Ok(Some(event)) => C::note(&mut self.log, &event),
                    Err(violation) => {
                        writeln!(self.log, "violation: {violation}").expect("a string is writable");
                        return;
                    }
                }
            }
        }
    }
}
