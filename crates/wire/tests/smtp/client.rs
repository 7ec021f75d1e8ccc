//! Our client against every dialogue: it must write exactly the lines of the client, and what
//! it makes of the lines of the server is kept as a snapshot.

use std::fmt::Write as _;

use gatepost_wire::sasl::Xoauth2;
use gatepost_wire::smtp::client::{Client, Event, Violation};
use gatepost_wire::smtp::{
    Body, Envelope, Headers, Notify, Occasion, Occasions, Path, Recipient, Returned, ReversePath,
    Sender, Transfer,
};

use crate::client_side::{self, ClientSide, client_lines};
use crate::dialogue::{Dialogue, Step};

#[test]
fn our_client_holds_its_side_of_every_dialogue() {
    for (name, log) in client_side::logs("smtp", Side::default) {
        insta::assert_snapshot!(name.as_str(), log);
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

/// The client, and where it is in a message.
#[derive(Default)]
struct Side {
    client: Client,
    /// Whether the lines of the client are those of a message.
    within_data: bool,
    /// Whether the message of this envelope has begun in chunks.
    chunked: bool,
}

impl ClientSide for Side {
    type Event = Event;
    type Violation = Violation;

    fn receive(&mut self, octets: &[u8]) {
        self.client.receive(octets);
    }

    fn next_event(&mut self) -> Result<Option<Event>, Violation> {
        self.client.next_event()
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.client.take_output().to_vec()
    }

    fn waited(&mut self) {
        self.client.tls_started().expect("nothing came before TLS");
    }

    fn note(log: &mut String, event: &Event) {
        writeln!(log, "{event:?}").expect("a string is writable");
    }

    fn act(&mut self, dialogue: &Dialogue, index: usize, line: &[u8]) {
        if self.within_data {
            return self.act_within_data(dialogue, line);
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
                    let line = client_lines(dialogue, index).next()?;
                    Some(String::from_utf8_lossy(line).trim_end().to_owned())
                });
                let message = message.expect("the credentials");
                let credentials = Xoauth2::parse(message.as_bytes()).expect("well-formed");
                self.client.authenticate(&credentials)
            }
            "MAIL" => {
                self.chunked = false;
                self.client.send_envelope(&envelope_at(dialogue, index))
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
                    let octets = chunk_at(dialogue, index, &text);
                    self.client.message_octets(&octets)
                }
            }
            "RSET" => self.client.reset(),
            "NOOP" => self.client.noop(),
            "QUIT" => self.client.quit(),
            other => panic!("{}: no command {other:?}", dialogue.name),
        }
        .expect("the dialogue sends only what can be sent");
    }
}

impl Side {
    fn act_within_data(&mut self, dialogue: &Dialogue, line: &[u8]) {
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
            self.act(dialogue, usize::MAX, line);
        }
    }
}

/// The octets that follow a BDAT.
fn chunk_at(dialogue: &Dialogue, index: usize, bdat: &str) -> Vec<u8> {
    let length = bdat.trim_end().trim_start_matches("BDAT ").parse();
    let length: usize = length.expect("a length");
    let mut octets = Vec::new();
    let mut lines = client_lines(dialogue, index);
    while octets.len() < length {
        octets.extend_from_slice(lines.next().expect("the chunk goes on"));
    }
    octets
}

/// A recipient that is never sent is not in the dialogue.
fn envelope_at(dialogue: &Dialogue, index: usize) -> Envelope {
    let Some(Step::Client(mail)) = dialogue.steps.get(index) else {
        panic!("the line of MAIL");
    };
    let recipients: Vec<Recipient> = client_lines(dialogue, index)
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
