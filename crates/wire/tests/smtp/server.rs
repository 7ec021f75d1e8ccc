//! The server machine against the dialogues.

use gatepost_wire::smtp::server::{
    InClear, Limits, Mechanism, Persona, Replies, Server, SignIn, Want,
};
use gatepost_wire::smtp::{Extension, Extensions, Reply};

use crate::owner::Owner;
use crate::server_side::{self, ServerSide};

#[test]
fn the_server_holds_its_part_of_every_dialogue() {
    server_side::holds_its_part("smtp", 9, |dialogue, _| {
        Conversation::of(match dialogue.name.as_str() {
            name if name.contains("gate") => trusted(),
            name if name.contains("tls") => before_tls(),
            _ => persona(),
        })
    });
}

/// A server with its owner, and what it wrote.
pub(crate) struct Conversation {
    pub(crate) server: Server,
    pub(crate) owner: Owner,
    pub(crate) written: Vec<u8>,
    pub(crate) closed: bool,
    handed_over: Option<Vec<u8>>,
    starts_tls: bool,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self::of(persona())
    }

    pub(crate) fn of(persona: Persona) -> Self {
        Self {
            server: Server::new(persona),
            owner: Owner::default(),
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
    const PIPELINES: bool = true;

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
    // relayed@x.test, two words
    conversation.server.push(
        b"EHLO x\r\nAUTH PLAIN AHJlbGF5ZWRAeC50ZXN0AHR3byB3b3Jkcw==\r\nMAIL FROM:<a@x.test>\r\nRC",
    );
    conversation.go_on();
    assert!(
        conversation
            .written
            .ends_with(b"235 2.7.0 Authentication successful\r\n")
    );
    assert_eq!(
        conversation.handed_over.as_deref(),
        Some(b"MAIL FROM:<a@x.test>\r\nRC".as_slice())
    );
}

/// Where nobody has to sign in, the sender decides.
#[test]
fn a_sender_is_handed_over_with_its_command() {
    let mut conversation = Conversation::of(Persona {
        sign_in: SignIn::Optional,
        ..persona()
    });
    let envelope = b"mail from:<relayed@x.test> SIZE=9\r\nRCPT TO:<b@x.test>\r\nDA";
    conversation.server.push(b"HELO x\r\n");
    conversation.server.push(envelope);
    conversation.go_on();
    assert!(conversation.written.ends_with(b"Hello [192.0.2.1]\r\n"));
    let handed_over = conversation.handed_over.as_deref();
    assert_eq!(handed_over, Some(envelope.as_slice()));
}

#[test]
fn what_came_before_tls_is_never_read_behind_it() {
    let mut conversation = Conversation::of(before_tls());
    conversation.server.push(b"STARTTLS\r\nEHLO x.test\r\n");
    conversation.go_on();
    assert!(conversation.starts_tls);
    conversation.server.tls_started(persona());
    conversation.written.clear();
    conversation.go_on();
    assert!(conversation.closed, "the connection is closed");
    assert!(conversation.written.is_empty());
}

/// What was said before TLS may be anybody's (RFC 3207 §4.2).
#[test]
fn nothing_that_was_said_before_tls_counts_behind_it() {
    let mut conversation = Conversation::of(Persona {
        sign_in: SignIn::Optional,
        ..before_tls()
    });
    conversation
        .server
        .push(b"EHLO x\r\nMAIL FROM:<>\r\nSTARTTLS\r\n");
    conversation.go_on();
    let said = String::from_utf8_lossy(&conversation.written);
    assert!(
        said.ends_with("503 5.5.1 Bad sequence of commands\r\n"),
        "{said}"
    );
    assert!(!conversation.starts_tls);
    conversation.server.push(b"RSET\r\nSTARTTLS\r\n");
    conversation.go_on();
    assert!(conversation.starts_tls);

    // Whoever signed in without TLS is a stranger behind it.
    let mut conversation = Conversation::new();
    conversation
        .server
        .push(b"EHLO x\r\nAUTH PLAIN AGFAeC50ZXN0AHR3byB3b3Jkcw==\r\nMAIL FROM:<a@x.test>\r\n");
    conversation.go_on();
    assert!(conversation.server.is_signed_in());
    conversation.written.clear();
    conversation.server.tls_started(persona());
    assert!(!conversation.server.is_signed_in());
    conversation
        .server
        .push(b"EHLO x\r\nRCPT TO:<b@x.test>\r\n");
    conversation.go_on();
    let said = String::from_utf8_lossy(&conversation.written);
    assert!(
        said.ends_with("503 5.5.1 Bad sequence of commands\r\n"),
        "{said}"
    );
}

/// Octets without lines have no line that could be a dot (RFC 3030 §3).
#[test]
fn a_binary_message_comes_in_chunks_only() {
    let mut conversation = Conversation::of(Persona {
        sign_in: SignIn::Optional,
        extensions: Extensions::new([Extension::BinaryMime, Extension::Chunking]),
        ..persona()
    });
    conversation
        .server
        .push(b"EHLO x\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b@x.test>\r\nDATA\r\n");
    conversation.go_on();
    assert!(
        conversation
            .written
            .ends_with(b"503 5.5.1 Bad sequence of commands\r\n")
    );
    conversation.server.push(b"BDAT 6 LAST\r\n\n.\n\0\r.");
    conversation.go_on();
    let taken = conversation.owner.taken.pop().expect("a message");
    assert_eq!(taken.message, b"\n.\n\0\r.");
}

/// Half a message must not be followed by a reply that could be taken for its acceptance.
#[test]
fn a_goodbye_says_nothing_within_a_message() {
    let bye = Reply::new(421, "bye");
    let mut conversation = Conversation::of(Persona {
        sign_in: SignIn::Optional,
        ..persona()
    });
    conversation
        .server
        .push(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nhalf");
    conversation.go_on();
    conversation.written.clear();
    conversation.server.bye(&bye);
    conversation.go_on();
    assert!(conversation.closed && conversation.written.is_empty());

    let mut conversation = Conversation::new();
    conversation.go_on();
    conversation.written.clear();
    conversation.server.bye(&bye);
    conversation.go_on();
    assert_eq!(conversation.written, b"421 bye\r\n");
}

fn before_tls() -> Persona {
    let offered = [Extension::Size(Some(200)), Extension::StartTls];
    Persona {
        extensions: Extensions::new(offered),
        ..persona()
    }
}

/// What the gateway is to everybody who is not signed in, where TLS is a choice.
fn trusted() -> Persona {
    let offered = [
        Extension::Size(Some(200)),
        Extension::StartTls,
        Extension::auth([Mechanism::Login, Mechanism::Plain, Mechanism::Xoauth2]),
    ];
    Persona {
        extensions: Extensions::new(offered),
        in_clear: InClear::Accepted,
        ..persona()
    }
}

pub(crate) fn persona() -> Persona {
    let offered = [
        Extension::Size(Some(200)),
        Extension::Pipelining,
        Extension::Dsn,
        Extension::EnhancedStatusCodes,
        Extension::EightBitMime,
        Extension::Chunking,
        Extension::SmtpUtf8,
        // Some devices look for it in the last line only.
        Extension::auth([Mechanism::Login, Mechanism::Plain, Mechanism::Xoauth2]),
    ];
    let not_signed_in = "530 5.7.57 Client not authenticated to send mail.";
    Persona {
        greeting: Reply::new(220, "mail.x.test ready"),
        hello: "mail.x.test Hello [192.0.2.1]".to_owned(),
        extensions: Extensions::new(offered),
        in_clear: InClear::default(),
        sign_in: SignIn::Required,
        replies: Replies {
            not_signed_in: Reply::parse(not_signed_in).expect("a reply"),
            ..Replies::default()
        },
        limits: Limits {
            recipients: 2,
            ..Limits::default()
        },
    }
}
