//! Our client against every dialogue: it must write exactly the lines of the client, and what
//! it makes of the lines of the server is kept as a snapshot.

use std::fmt::Write as _;

use gatepost_wire::pop3::client::{Client, Command, Event, InitialResponse, Violation};
use gatepost_wire::sasl::Xoauth2;
use secrecy::SecretString;

use crate::dialogue::{self, Dialogue, Step};

#[test]
fn our_client_holds_its_side_of_every_dialogue() {
    for dialogue in dialogue::all("pop3")
        .into_iter()
        .filter(|dialogue| dialogue.for_client)
    {
        let whole = Run::new(&dialogue, usize::MAX).run();
        insta::assert_snapshot!(dialogue.name.as_str(), whole);
        let octetwise = Run::new(&dialogue, 1).run();
        assert_eq!(
            whole, octetwise,
            "{}: the reads make no difference",
            dialogue.name
        );
    }
}

/// What somebody sends behind the answer to STLS is not believed, also by a driver that shakes
/// hands as soon as it hears the answer.
#[test]
fn nothing_that_came_before_tls_is_read_behind_it() {
    let mut client = Client::new();
    client.receive(b"+OK ready\r\n");
    assert!(matches!(client.next_event(), Ok(Some(Event::Greeting(_)))));
    client.start_tls().expect("nothing is in the way");
    client.receive(b"+OK begin\r\n+OK injected\r\n");
    assert!(matches!(
        client.next_event(),
        Ok(Some(Event::Completed(..)))
    ));
    assert_eq!(client.tls_started(), Err(Violation::InjectedBeforeTls));
    assert_eq!(client.next_event(), Err(Violation::InjectedBeforeTls));
}

/// One run of the client through a dialogue.
struct Run<'a> {
    dialogue: &'a Dialogue,
    /// How many octets a read brings.
    read: usize,
    client: Client,
    /// What the client wrote and the dialogue has not yet confirmed.
    sent: Vec<u8>,
    log: String,
}

impl<'a> Run<'a> {
    fn new(dialogue: &'a Dialogue, read: usize) -> Self {
        Self {
            dialogue,
            read,
            client: Client::new(),
            sent: Vec::new(),
            log: String::new(),
        }
    }

    fn run(mut self) -> String {
        for (index, step) in self.dialogue.steps.iter().enumerate() {
            match step {
                Step::Client(line) => self.client_line(index, line),
                // Nobody goes on with a server that broke the protocol.
                Step::Server(_) if self.is_over() => {}
                Step::Server(octets) => self.server_octets(octets),
                Step::Wait(_) => self.client.tls_started().expect("nothing came before TLS"),
                Step::Drop => self.log.push_str("(the connection is gone)\n"),
            }
        }
        self.sent.extend_from_slice(&self.client.take_output());
        let left = String::from_utf8_lossy(&self.sent);
        assert!(
            self.sent.is_empty(),
            "{}: the client also wrote {left:?}",
            self.dialogue.name
        );
        self.log
    }

    fn is_over(&self) -> bool {
        self.log.lines().any(|line| line.starts_with("violation: "))
    }

    fn client_line(&mut self, index: usize, line: &[u8]) {
        self.sent.extend_from_slice(&self.client.take_output());
        if !self.sent.starts_with(line) {
            self.act(index, line);
            self.sent.extend_from_slice(&self.client.take_output());
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
                    Ok(Some(event)) => self.note(&event),
                    Err(violation) => {
                        writeln!(self.log, "violation: {violation}").expect("a string is writable");
                        return;
                    }
                }
            }
        }
    }

    /// Chunks are joined, since where they are cut depends on the reads.
    fn note(&mut self, event: &Event) {
        match event {
            Event::BodyChunk(octets) => {
                if self.log.ends_with('\n') {
                    self.log.push_str("BodyChunk ");
                }
                self.log.push_str(&octets.escape_ascii().to_string());
                return;
            }
            Event::BodyEnds => self.log.push_str("\nBodyEnds"),
            other => write!(self.log, "{other:?}").expect("a string is writable"),
        }
        self.log.push('\n');
    }

    /// Makes the client do what writes this line.
    fn act(&mut self, index: usize, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let mut words = text.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
        let (first, second) = (words.next(), words.next());
        let ticket = match verb {
            "STLS" => self.client.start_tls(),
            "USER" => {
                let password = SecretString::from(self.next_client_line(index, "PASS "));
                self.client.sign_in(first.expect("a name"), password)
            }
            "AUTH" if first.is_some() => {
                let (message, initial) = match second {
                    Some(message) => (message.to_owned(), InitialResponse::IfItFits),
                    None => (self.next_client_line(index, ""), InitialResponse::Never),
                };
                let credentials = Xoauth2::parse(message.as_bytes()).expect("well-formed");
                self.client.authenticate(&credentials, initial)
            }
            _ => {
                let command = match (verb, number(first), number(second)) {
                    ("CAPA", ..) => Command::Capabilities,
                    ("AUTH", ..) => Command::Mechanisms,
                    ("STAT", ..) => Command::Stat,
                    ("LIST", None, _) => Command::List,
                    ("LIST", Some(number), _) => Command::ListOne(number),
                    ("UIDL", None, _) => Command::Uidl,
                    ("UIDL", Some(number), _) => Command::UidlOne(number),
                    ("TOP", Some(number), Some(lines)) => Command::Top { number, lines },
                    ("RETR", Some(number), _) => Command::Retrieve(number),
                    ("DELE", Some(number), _) => Command::Delete(number),
                    ("RSET", ..) => Command::Reset,
                    ("NOOP", ..) => Command::Noop,
                    ("UTF8", ..) => Command::Utf8,
                    ("QUIT", ..) => Command::Quit,
                    other => panic!("{}: no command {other:?}", self.dialogue.name),
                };
                self.client.send(&command)
            }
        };
        ticket.expect("the dialogue sends only what can be sent");
    }

    fn next_client_line(&self, index: usize, prefix: &str) -> String {
        let line = self.dialogue.steps[index + 1..]
            .iter()
            .find_map(|step| match step {
                Step::Client(line) => Some(String::from_utf8_lossy(line).into_owned()),
                _ => None,
            });
        // A password that is never asked for.
        let line = line.unwrap_or_else(|| format!("{prefix}unused"));
        let line = line.trim_end_matches("\r\n");
        line.strip_prefix(prefix).unwrap_or("unused").to_owned()
    }
}
