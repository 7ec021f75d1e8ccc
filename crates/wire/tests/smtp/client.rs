//! Our client against every dialogue: it must write exactly the lines of the client, and what
//! it makes of the lines of the server is kept as a snapshot.

use std::fmt::Write as _;

use gatepost_wire::sasl::Xoauth2;
use gatepost_wire::smtp::client::{Client, Event, Violation};
use gatepost_wire::smtp::{
    Body, Envelope, Headers, Notify, Occasion, Occasions, Path, Recipient, Returned, ReversePath,
    Sender, Transfer,
};

use crate::dialogue::{self, Dialogue, Step};

#[test]
fn our_client_holds_its_side_of_every_dialogue() {
    for dialogue in dialogue::all("smtp")
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

/// What somebody sends behind the answer to STARTTLS is not believed, also by a driver that
/// shakes hands as soon as it hears the answer.
#[test]
fn nothing_that_came_before_tls_is_read_behind_it() {
    let mut client = Client::new();
    client.receive(b"220 ready\r\n");
    assert!(matches!(client.next_event(), Ok(Some(Event::Replied(..)))));
    client.start_tls().expect("nothing is in the way");
    client.receive(b"220 go\r\n250 AUTH XOAUTH2\r\n");
    assert!(matches!(client.next_event(), Ok(Some(Event::Replied(..)))));
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
    /// Whether the lines of the client are those of a message.
    within_data: bool,
    /// Whether the message of this envelope has begun in chunks.
    chunked: bool,
    log: String,
}

impl<'a> Run<'a> {
    fn new(dialogue: &'a Dialogue, read: usize) -> Self {
        Self {
            dialogue,
            read,
            client: Client::new(),
            sent: Vec::new(),
            within_data: false,
            chunked: false,
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

    fn note(&mut self, event: &Event) {
        writeln!(self.log, "{event:?}").expect("a string is writable");
    }

    /// Makes the client do what writes this line.
    fn act(&mut self, index: usize, line: &[u8]) {
        if self.within_data {
            return self.act_within_data(line);
        }
        let text = String::from_utf8_lossy(line);
        let mut words = text.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let second = words.nth(1);
        match verb {
            "EHLO" => self.client.hello("x.test"),
            "STARTTLS" => self.client.start_tls(),
            "AUTH" => {
                let message = second.map(str::to_owned).or_else(|| {
                    self.next_client_line(index)
                        .map(|line| line.trim_end().to_owned())
                });
                let message = message.expect("the credentials");
                let credentials = Xoauth2::parse(message.as_bytes()).expect("well-formed");
                self.client.authenticate(&credentials)
            }
            "MAIL" => {
                self.chunked = false;
                self.client.send_envelope(&self.envelope_at(index))
            }
            "DATA" => {
                self.within_data = true;
                self.client.begin_message(Transfer::Data)
            }
            "BDAT" => {
                if !self.chunked {
                    self.chunked = true;
                    self.client
                        .begin_message(Transfer::Chunks)
                        .expect("somebody gets it");
                }
                if second == Some("LAST") {
                    self.client.end_message()
                } else {
                    let octets = self.chunk_at(index, &text);
                    self.client.message_octets(&octets)
                }
            }
            "RSET" => self.client.reset(),
            "NOOP" => self.client.noop(),
            "QUIT" => self.client.quit(),
            other => panic!("{}: no command {other:?}", self.dialogue.name),
        }
        .expect("the dialogue sends only what can be sent");
    }

    fn act_within_data(&mut self, line: &[u8]) {
        let done = if line == b".\r\n" {
            self.within_data = false;
            self.client.end_message()
        } else {
            self.client
                .message_octets(line.strip_prefix(b".").unwrap_or(line))
        };
        if done.is_err() {
            // The server did not want the message.
            self.within_data = false;
            self.act(usize::MAX, line);
        }
    }

    fn client_lines(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let behind = self.dialogue.steps.iter().skip(index.saturating_add(1));
        behind.filter_map(|step| match step {
            Step::Client(line) => Some(line.as_slice()),
            _ => None,
        })
    }

    fn next_client_line(&self, index: usize) -> Option<String> {
        let line = self.client_lines(index).next()?;
        Some(String::from_utf8_lossy(line).into_owned())
    }

    /// The octets that follow a BDAT.
    fn chunk_at(&self, index: usize, bdat: &str) -> Vec<u8> {
        let length = bdat.trim_end().trim_start_matches("BDAT ").parse();
        let length: usize = length.expect("a length");
        let mut octets = Vec::new();
        let mut lines = self.client_lines(index);
        while octets.len() < length {
            octets.extend_from_slice(lines.next().expect("the chunk goes on"));
        }
        octets
    }

    /// A recipient that is never sent is not in the dialogue.
    fn envelope_at(&self, index: usize) -> Envelope {
        let Some(Step::Client(mail)) = self.dialogue.steps.get(index) else {
            panic!("the line of MAIL");
        };
        let recipients: Vec<Recipient> = self
            .client_lines(index)
            .take_while(|line| line.starts_with(b"RCPT"))
            .map(recipient)
            .collect();
        let unsent = || vec![recipient(b"RCPT TO:<unsent@x.test>\r\n")];
        Envelope {
            sender: sender(mail),
            recipients: if recipients.is_empty() {
                unsent()
            } else {
                recipients
            },
        }
    }
}

/// The address, and the parameters with their values.
fn arguments(line: &[u8]) -> (String, Vec<(String, String)>) {
    let text = String::from_utf8_lossy(line);
    let (_, rest) = text.trim_end().split_once('<').expect("an address");
    let (address, rest) = rest.split_once('>').expect("an address");
    let parameters = rest.split_ascii_whitespace().map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (name.to_owned(), value.to_owned())
    });
    (address.to_owned(), parameters.collect())
}

fn sender(line: &[u8]) -> Sender {
    let (address, parameters) = arguments(line);
    let mut sender = Sender::new(if address.is_empty() {
        ReversePath::Null
    } else {
        ReversePath::Address(Path::parse(&address).expect("an address"))
    });
    for (name, value) in parameters {
        match (name.as_str(), value.as_str()) {
            ("SIZE", size) => sender.size = size.parse().ok(),
            ("BODY", "8BITMIME") => sender.body = Body::EightBitMime,
            ("BODY", "BINARYMIME") => sender.body = Body::BinaryMime,
            ("SMTPUTF8", "") => sender.headers = Headers::Utf8,
            ("RET", "HDRS") => sender.returned = Some(Returned::Headers),
            ("ENVID", id) => sender.envelope_id = Some(id.to_owned()),
            other => panic!("no parameter {other:?}"),
        }
    }
    sender
}

fn recipient(line: &[u8]) -> Recipient {
    let (address, parameters) = arguments(line);
    let mut recipient = Recipient::new(Path::parse(&address).expect("an address"));
    for (name, value) in parameters {
        match (name.as_str(), value.as_str()) {
            ("NOTIFY", "NEVER") => recipient.notify = Some(Notify::Never),
            ("NOTIFY", "FAILURE,DELAY") => {
                let occasions = Occasions::new(Occasion::Failure, [Occasion::Delay]);
                recipient.notify = Some(Notify::On(occasions));
            }
            ("ORCPT", original) => recipient.original = Some(original.to_owned()),
            other => panic!("no parameter {other:?}"),
        }
    }
    recipient
}
