//! The server machine against the dialogues.

use gatepost_wire::pop3::server::{
    Ask, InClear, InitialResponse, Limits, Mechanism, Persona, Server, Texts, Want,
};
use gatepost_wire::pop3::{Capabilities, Capability, Code, Reply};

use crate::owner::Owner;
use crate::server_side::{self, ServerSide};

#[test]
fn the_server_holds_its_part_of_every_dialogue() {
    server_side::holds_its_part("pop3", 7, |dialogue, octets_at_once| {
        let persona = match dialogue.name.as_str() {
            "server-gate-stls" => trusted(),
            "server-gate" => gate(),
            name if name.contains("stls") => before_tls(),
            _ => persona(),
        };
        Conversation::of(persona, octets_at_once)
    });
}

/// A server with its owner, and what it wrote.
pub(crate) struct Conversation {
    pub(crate) server: Server,
    pub(crate) owner: Owner,
    pub(crate) written: Vec<u8>,
    pub(crate) closed: bool,
    pub(crate) handed_over: Option<Vec<u8>>,
    starts_tls: bool,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self::of(persona(), usize::MAX)
    }

    fn of(persona: Persona, chunk: usize) -> Self {
        Self {
            server: Server::new(persona),
            owner: Owner::new(chunk),
            written: Vec::new(),
            closed: false,
            handed_over: None,
            starts_tls: false,
        }
    }

    /// Lets the server talk until it wants to read.
    pub(crate) fn go_on(&mut self) {
        while !self.closed {
            match self.server.want() {
                Want::Write(octets) => self.written.extend_from_slice(&octets),
                Want::Ask(ask) => self.server.answer(self.owner.answer(ask)),
                Want::Read => return,
                Want::StartTls => {
                    self.starts_tls = true;
                    return;
                }
                Want::HandOver(octets) => {
                    let passed_on = self.handed_over.get_or_insert_default();
                    passed_on.extend_from_slice(&octets);
                    return;
                }
                Want::Close => self.closed = true,
                Want::Answer => panic!("every question was answered"),
            }
        }
    }
}

impl ServerSide for Conversation {
    const PIPELINES: bool = false;

    fn push(&mut self, octets: &[u8]) {
        self.server.push(octets);
        self.go_on();
    }

    fn said(&mut self) -> Vec<u8> {
        self.go_on();
        std::mem::take(&mut self.written)
    }

    fn waited(&mut self, what: &str) {
        if what == "the hand-over" {
            assert_eq!(self.handed_over.as_deref(), Some(b"".as_slice()));
            return;
        }
        assert_eq!(what, "TLS");
        assert!(self.starts_tls);
        self.server.tls_started(persona());
    }

    fn is_closed(&self) -> bool {
        self.closed
    }
}

#[test]
fn what_follows_the_sign_in_is_handed_over_untouched() {
    let mut conversation = Conversation::new();
    conversation
        .server
        .push(b"USER relayed@x.test\r\nPASS  two  words \r\nSTAT\r\nLIS");
    conversation.go_on();
    assert!(
        conversation
            .written
            .ends_with(b"+OK User successfully logged on.\r\n")
    );
    assert_eq!(
        conversation.handed_over.as_deref(),
        Some(b"STAT\r\nLIS".as_slice())
    );
}

#[test]
fn what_came_before_tls_is_never_read_behind_it() {
    let mut conversation = Conversation::of(before_tls(), usize::MAX);
    conversation.server.push(b"STLS\r\nUSER a@x.test\r\n");
    conversation.go_on();
    assert!(conversation.starts_tls);
    conversation.server.tls_started(persona());
    conversation.written.clear();
    conversation.go_on();
    assert!(conversation.closed, "the connection is closed");
    assert!(conversation.written.is_empty());
}

/// Half a message must not look like a whole one.
#[test]
fn a_goodbye_says_nothing_within_an_answer() {
    let bye = Reply::err("The server is going down.").with_code(Code::SysTemp);
    let mut conversation = Conversation::new();
    conversation.server.push(b"USER a@x.test\r\n");
    conversation.go_on();
    conversation.written.clear();
    conversation.server.bye(&bye);
    conversation.go_on();
    let said = String::from_utf8_lossy(&conversation.written);
    assert_eq!(said, "-ERR [SYS/TEMP] The server is going down.\r\n");
    assert!(conversation.closed);

    let mut conversation = Conversation::new();
    conversation
        .server
        .push(b"USER a@x.test\r\nPASS  two  words \r\nRETR 1\r\n");
    // The owner has been asked for the message when the program stops.
    loop {
        match conversation.server.want() {
            Want::Ask(Ask::Message(_)) => break,
            Want::Ask(ask) => conversation.server.answer(conversation.owner.answer(ask)),
            _ => {}
        }
    }
    conversation.server.bye(&bye);
    conversation.go_on();
    assert!(conversation.closed && conversation.written.is_empty());
}

fn before_tls() -> Persona {
    let listed = [Capability::Top, Capability::Uidl, Capability::Stls];
    Persona {
        capabilities: Capabilities::new(listed),
        ..persona()
    }
}

/// What the gateway is to everybody who is not signed in.
fn gate() -> Persona {
    let listed = [
        Capability::Top,
        Capability::Uidl,
        Capability::sasl([Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2]),
        Capability::User,
    ];
    let mut persona = persona();
    "ready".clone_into(&mut persona.texts.greeting);
    persona.capabilities = Capabilities::new(listed);
    persona.initial_response = InitialResponse::Accept;
    persona
}

/// The same where TLS is a choice.
fn trusted() -> Persona {
    let listed = [Capability::Stls, Capability::User];
    Persona {
        capabilities: Capabilities::new(listed),
        in_clear: InClear::Accepted,
        ..gate()
    }
}

pub(crate) fn persona() -> Persona {
    let listed = [
        Capability::Top,
        Capability::Uidl,
        Capability::sasl([Mechanism::Plain, Mechanism::Xoauth2]),
        Capability::User,
    ];
    Persona {
        texts: Texts {
            greeting: "The Microsoft Exchange POP3 service is ready. [UwBDADEA]".to_owned(),
            authenticated: "User successfully authenticated.",
            logged_on: "User successfully logged on.",
            sign_in_failed: "Authentication failure: unknown user name or bad password.",
            initial_response_refused: "Protocol error. Initial response.",
            sign_in_cancelled: "Authentication cancelled.",
            starting_tls: "Begin TLS negotiation.",
            goodbye: "Microsoft Exchange Server POP3 server signing off.",
            bad_command: "Protocol error.",
            no_such_message: "The specified message is out of range.",
            closed: "Connection is closed.",
        },
        capabilities: Capabilities::new(listed.clone()),
        capabilities_signed_in: Capabilities::new(listed),
        in_clear: InClear::default(),
        initial_response: InitialResponse::Refuse,
        limits: Limits::default(),
    }
}
