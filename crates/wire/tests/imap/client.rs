//! Our client against every dialogue: it must write exactly the lines of the client, and what
//! it makes of the lines of the server is kept as a snapshot.

use std::fmt::Write as _;

use gatepost_wire::imap::client::{
    Append, Client, Command, Criterion, Event, FetchItems, Flag, FlagChange, UidSet, Violation,
    WireName,
};
use gatepost_wire::imap::codec::{self, types};
use gatepost_wire::imap::mailbox_name;
use gatepost_wire::sasl::Xoauth2;
use types::command::CommandBody;
use types::fetch::MacroOrMessageDataItemNames;
use types::flag::StoreType;
use types::search::SearchKey;

use crate::client_side::{self, ClientSide, client_lines};
use crate::dialogue::{Dialogue, Step};

#[test]
fn our_client_holds_its_side_of_every_dialogue() {
    for (name, log) in client_side::logs("imap", Side::default) {
        insta::assert_snapshot!(name.as_str(), log);
    }
}

/// What somebody sends behind the answer to STARTTLS is not believed, also by a driver that shakes
/// hands as soon as it hears the answer.
#[test]
fn nothing_that_came_before_tls_is_read_behind_it() {
    let mut client = Client::new();
    client.receive(b"* OK ready\r\n");
    assert!(matches!(client.next_event(), Ok(Some(Event::Greeting(_)))));
    client.start_tls().expect("nothing is in the way");
    client.receive(b"A1 OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n");
    assert!(matches!(client.next_event(), Ok(Some(_))));
    assert_eq!(client.tls_started(), Err(Violation::InjectedBeforeTls));
    assert_eq!(client.next_event(), Err(Violation::InjectedBeforeTls));
}

/// The client, and whether it is in the midst of an upload.
#[derive(Default)]
struct Side {
    client: Client,
    appending: bool,
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

    /// What happens by itself in IMAP is the server's to say.
    fn waited(&mut self) {}

    fn note(log: &mut String, event: &Event) {
        match event {
            Event::BodyChunk(octets) => {
                if log.ends_with('\n') {
                    log.push_str("BodyChunk ");
                }
                log.push_str(&octets.escape_ascii().to_string());
                return;
            }
            Event::Untagged(untagged) => {
                write!(log, "{untagged:?}").expect("a string is writable");
            }
            Event::BodyEnds => log.push_str("\nBodyEnds"),
            other => write!(log, "{other:?}").expect("a string is writable"),
        }
        log.push('\n');
    }

    fn act(&mut self, dialogue: &Dialogue, index: usize, line: &[u8]) {
        if self.appending && self.client.append_octets(line) > 0 {
            return;
        }
        self.appending = false;
        let text = String::from_utf8_lossy(line);
        let verb = text.split([' ', '\r']).nth(1).unwrap_or_default();
        let ticket = match verb {
            _ if text.starts_with("DONE") => return self.client.done(),
            "IDLE" => self.client.idle(),
            "STARTTLS" => self.client.start_tls(),
            "AUTHENTICATE" => self
                .client
                .authenticate(&credentials_at(dialogue, index, line)),
            "APPEND" => {
                self.appending = true;
                self.client.append(&append_of(&text))
            }
            _ => {
                if dialogue.steps[..index].iter().any(is_starttls) {
                    self.client.tls_started().expect("nothing came before TLS");
                }
                self.client.send(&command_at(dialogue, index))
            }
        };
        ticket.expect("the dialogue sends only what can be sent");
    }
}

/// The credentials stand at the end of the line, or are the next thing the client says.
fn credentials_at(dialogue: &Dialogue, index: usize, line: &[u8]) -> Xoauth2 {
    let words: Vec<&[u8]> = line
        .trim_ascii_end()
        .split(|octet| *octet == b' ')
        .collect();
    let next = || client_lines(dialogue, index).next();
    let message = words.get(3).copied().or_else(next);
    let message = message.expect("the credentials").trim_ascii_end();
    Xoauth2::parse(message).expect("they are well-formed")
}

/// A command with a literal goes over several lines.
fn command_at(dialogue: &Dialogue, index: usize) -> Command {
    let mut octets = Vec::new();
    for step in &dialogue.steps[index..] {
        if let Step::Client(line) = step {
            octets.extend_from_slice(line);
            if let Some(command) = codec::decode_command(&octets) {
                return as_ours(&command.body);
            }
        }
    }
    panic!(
        "{}: no command: {:?}",
        dialogue.name,
        String::from_utf8_lossy(&octets)
    );
}

fn is_starttls(step: &Step) -> bool {
    matches!(step, Step::Client(line) if line.ends_with(b"STARTTLS\r\n"))
}

/// `A3 APPEND "INBOX" (\Seen) {12+}`
fn append_of(line: &str) -> Append<'_> {
    let folder = line.split('"').nth(1).expect("a quoted folder");
    let size = line
        .split(['{', '+', '}'])
        .nth(1)
        .expect("a literal")
        .parse()
        .expect("a length");
    let flags: &[Flag] = if line.contains("(\\Seen)") {
        &[Flag::Seen]
    } else {
        &[]
    };
    Append {
        folder,
        flags,
        size,
    }
}

fn as_ours(body: &CommandBody<'_>) -> Command {
    match body {
        CommandBody::Capability => Command::Capability,
        CommandBody::Noop => Command::Noop,
        CommandBody::Logout => Command::Logout,
        CommandBody::Namespace => Command::Namespace,
        CommandBody::Id { .. } => Command::Id {
            name: "gatepost".to_owned(),
            version: "0.1.0".to_owned(),
        },
        CommandBody::List { .. } => Command::List {
            pattern: "*".to_owned(),
        },
        CommandBody::Status { mailbox, .. } => Command::Status {
            folder: name(mailbox),
        },
        CommandBody::Select { mailbox, .. } => Command::Select {
            folder: name(mailbox),
        },
        CommandBody::Examine { mailbox, .. } => Command::Examine {
            folder: name(mailbox),
        },
        CommandBody::Search { criteria, .. } => {
            Command::UidSearch(criteria.as_ref().iter().map(criterion).collect())
        }
        CommandBody::Fetch {
            sequence_set,
            macro_or_item_names,
            ..
        } => Command::UidFetch {
            uids: uids(sequence_set),
            items: items(macro_or_item_names),
        },
        CommandBody::Store {
            sequence_set,
            kind,
            flags,
            ..
        } => Command::UidStore {
            uids: uids(sequence_set),
            change: if *kind == StoreType::Add {
                FlagChange::Add
            } else {
                FlagChange::Remove
            },
            flags: flags
                .iter()
                .map(|flag| Flag::parse(flag.to_string().as_bytes()))
                .collect(),
        },
        CommandBody::Copy {
            sequence_set,
            mailbox,
            ..
        } => Command::UidCopy {
            uids: uids(sequence_set),
            to: name(mailbox),
        },
        CommandBody::Move {
            sequence_set,
            mailbox,
            ..
        } => Command::UidMove {
            uids: uids(sequence_set),
            to: name(mailbox),
        },
        CommandBody::Expunge => Command::Expunge,
        CommandBody::ExpungeUid { sequence_set } => Command::UidExpunge(uids(sequence_set)),
        other => panic!("the client has no command {other:?}"),
    }
}

fn name(mailbox: &types::mailbox::Mailbox<'_>) -> WireName {
    match mailbox {
        types::mailbox::Mailbox::Inbox => "INBOX".into(),
        types::mailbox::Mailbox::Other(other) => mailbox_name::decode(other.as_ref()).into(),
    }
}

fn uids(set: &types::sequence::SequenceSet) -> UidSet {
    let command = CommandBody::ExpungeUid {
        sequence_set: set.clone(),
    }
    .tag("A")
    .expect("a tag");
    let text = codec::encode_command(&command);
    let text = String::from_utf8(text).expect("ASCII");
    UidSet::parse(text.trim_end().rsplit(' ').next().expect("a set")).expect("a set")
}

fn items(names: &MacroOrMessageDataItemNames<'_>) -> FetchItems {
    let text = format!("{names:?}");
    if text.contains("Header") {
        FetchItems::Headers
    } else if text.contains("BodyExt") {
        FetchItems::Body
    } else {
        FetchItems::Overview
    }
}

fn criterion(key: &SearchKey<'_>) -> Criterion {
    let text = |string: &types::core::AString<'_>| {
        String::from_utf8(string.as_ref().to_vec()).expect("UTF-8")
    };
    match key {
        SearchKey::Unseen => Criterion::Unseen,
        SearchKey::From(string) => Criterion::From(text(string)),
        SearchKey::Subject(string) => Criterion::Subject(text(string)),
        SearchKey::Text(string) => Criterion::Text(text(string)),
        SearchKey::Since(_) => Criterion::Since(jiff::civil::date(2026, 11, 1)),
        other => panic!("the client does not search for {other:?}"),
    }
}
