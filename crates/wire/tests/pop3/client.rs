//! Our client against every dialogue: it must write exactly the lines of the client, and what
//! it makes of the lines of the server is kept as a snapshot.

use std::fmt::Write as _;

use gatepost_wire::pop3::client::{Client, Command, Event, InitialResponse, Violation};
use gatepost_wire::sasl::Xoauth2;
use secrecy::SecretString;

use crate::client_side::{self, ClientSide, client_lines};
use crate::dialogue::Dialogue;

#[test]
fn our_client_holds_its_side_of_every_dialogue() {
    for (name, log) in client_side::logs("pop3", Client::new) {
        insta::assert_snapshot!(name.as_str(), log);
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

impl ClientSide for Client {
    type Event = Event;
    type Violation = Violation;

    fn receive(&mut self, octets: &[u8]) {
        self.receive(octets);
    }

    fn next_event(&mut self) -> Result<Option<Event>, Violation> {
        self.next_event()
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.take_output().to_vec()
    }

    fn waited(&mut self) {
        self.tls_started().expect("nothing came before TLS");
    }

    fn note(log: &mut String, event: &Event) {
        match event {
            Event::BodyChunk(octets) => {
                if log.ends_with('\n') {
                    log.push_str("BodyChunk ");
                }
                log.push_str(&octets.escape_ascii().to_string());
                return;
            }
            Event::BodyEnds => log.push_str("\nBodyEnds"),
            other => write!(log, "{other:?}").expect("a string is writable"),
        }
        log.push('\n');
    }

    fn act(&mut self, dialogue: &Dialogue, index: usize, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let mut words = text.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
        let (first, second) = (words.next(), words.next());
        let ticket = match verb {
            "STLS" => self.start_tls(),
            "USER" => {
                let password = SecretString::from(next_client_line(dialogue, index, "PASS "));
                self.sign_in(first.expect("a name"), password)
            }
            "AUTH" if first.is_some() => {
                let (message, initial) = match second {
                    Some(message) => (message.to_owned(), InitialResponse::IfItFits),
                    None => (
                        next_client_line(dialogue, index, ""),
                        InitialResponse::Never,
                    ),
                };
                let credentials = Xoauth2::parse(message.as_bytes()).expect("well-formed");
                self.authenticate(&credentials, initial)
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
                    other => panic!("{}: no command {other:?}", dialogue.name),
                };
                self.send(&command)
            }
        };
        ticket.expect("the dialogue sends only what can be sent");
    }
}

fn next_client_line(dialogue: &Dialogue, index: usize, prefix: &str) -> String {
    let line = client_lines(dialogue, index).next();
    let line = line.map(|line| String::from_utf8_lossy(line).into_owned());
    // A password that is never asked for.
    let line = line.unwrap_or_else(|| format!("{prefix}unused"));
    let line = line.trim_end_matches("\r\n");
    line.strip_prefix(prefix).unwrap_or("unused").to_owned()
}
