//! The server machine against the dialogues, and against anything at all.

use gatepost_wire::imap::server::{
    Answer, Ask, InClear, Limits, Mechanism, Persona, Quirks, Refusal, Server, Texts, Waiting, Want,
};
use proptest::prelude::*;

use crate::owner::Owner;
use crate::server_side::{self, ServerSide};

#[test]
fn the_server_holds_its_part_of_every_dialogue() {
    server_side::holds_its_part("imap", 12, |dialogue, _| {
        Conversation::of(match dialogue.name.as_str() {
            name if name.contains("trusted") => trusted(),
            name if name.contains("gate") => gate(),
            _ => persona(),
        })
    });
}

/// A server with its owner, and what it wrote.
pub(crate) struct Conversation {
    pub(crate) server: Server,
    pub(crate) owner: Owner,
    pub(crate) written: Vec<u8>,
    waiting: Waiting,
    pub(crate) closed: bool,
    starts_tls: bool,
    handed_over: Option<Vec<u8>>,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self::of(persona())
    }

    fn of(persona: Persona) -> Self {
        Self {
            server: Server::new(persona),
            owner: Owner::new(),
            written: Vec::new(),
            waiting: Waiting::Command,
            closed: false,
            starts_tls: false,
            handed_over: None,
        }
    }

    /// Lets the server talk until it wants to read.
    pub(crate) fn go_on(&mut self) {
        while !self.closed {
            match self.server.want() {
                Want::Write(octets) => self.written.extend_from_slice(&octets),
                Want::Ask(ask) => self.server.answer(self.owner.answer(ask)),
                Want::Read(waiting) => {
                    self.waiting = waiting;
                    return;
                }
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
        self.owner
            .deliver("Subject: new\r\n\r\n", [].into_iter().collect());
        self.server.changed();
    }

    fn is_closed(&self) -> bool {
        self.closed
    }
}

/// What the gateway is to everybody who is not signed in: passwords are behind TLS.
fn gate() -> Persona {
    Persona {
        capability_before_login: "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 SASL-IR LITERAL+ ID"
            .to_owned(),
        mechanisms: vec![
            Mechanism::Plain,
            Mechanism::AuthLogin,
            Mechanism::Xoauth2,
            Mechanism::Login,
        ],
        limits: Limits {
            line: 8 * 1024,
            literal: 64 * 1024,
            errors: 10,
        },
        ..persona()
    }
}

/// The same where TLS is a choice.
fn trusted() -> Persona {
    let mut persona = gate();
    persona.mechanisms.push(Mechanism::StartTls);
    persona.in_clear = InClear::Accepted;
    persona
}

#[test]
fn what_follows_the_sign_in_is_handed_over_untouched() {
    for login in [
        "a LOGIN relayed secret\r\n",
        "a LOGIN {7+}\r\nrelayed {6+}\r\nsecret\r\n",
        "a AUTHENTICATE PLAIN AHJlbGF5ZWQAc2VjcmV0\r\n",
    ] {
        let mut conversation = Conversation::of(gate());
        let behind = "b SELECT INBOX\r\nc APPEND x {3+}\r\nabc\r\nd {5}\r\nhel";
        let octets = format!("{login}{behind}");
        conversation.server.push(octets.as_bytes());
        conversation.go_on();
        let said = String::from_utf8_lossy(&conversation.written).into_owned();
        assert!(said.ends_with("completed.\r\n"), "{login}: {said}");
        let passed_on = conversation.handed_over.as_deref();
        assert_eq!(passed_on, Some(behind.as_bytes()), "{login}");
    }
}

#[test]
fn a_name_and_a_password_have_their_bounds() {
    let longest = "x".repeat(64 * 1024);
    for (octets, said) in [
        (
            format!("a LOGIN me {{65536}}\r\n{longest}\r\n"),
            "+ go ahead\r\na NO LOGIN failed.\r\n",
        ),
        (
            "a LOGIN me {65537}\r\nb NOOP\r\n".to_owned(),
            "a BAD Command Argument Error. 11\r\nb OK NOOP completed.\r\n",
        ),
        (
            "a LOGIN {6}\r\nabcdef {65531}\r\nb NOOP\r\n".to_owned(),
            "+ go ahead\r\na BAD Command Argument Error. 11\r\nb OK NOOP completed.\r\n",
        ),
        (
            "a LOGIN {9223372036854775808}\r\nb NOOP\r\n".to_owned(),
            "a BAD Command Argument Error. 11\r\nb OK NOOP completed.\r\n",
        ),
        (
            "a LOGIN {9223372036854775808+}\r\nb NOOP\r\n".to_owned(),
            "a BAD Command Argument Error. 11\r\n* BYE Connection closed. 14\r\n",
        ),
        (
            format!("a LOGIN me {}\r\nb NOOP\r\n", &longest[..8 * 1024]),
            "a BAD Command Argument Error. 11\r\nb OK NOOP completed.\r\n",
        ),
    ] {
        let mut conversation = Conversation::of(gate());
        for some in octets.as_bytes().chunks(4096) {
            conversation.server.push(some);
            conversation.go_on();
        }
        let written = String::from_utf8_lossy(&conversation.written).into_owned();
        assert_eq!(
            written,
            format!("* OK ready\r\n{said}"),
            "{}",
            &octets[..30.min(octets.len())]
        );
    }
}

#[test]
fn a_message_passes_through_while_it_is_uploaded() {
    let mut conversation = signed_in();
    conversation.server.push(b"a APPEND INBOX {900+}\r\n");
    for _ in 0..9 {
        conversation.server.push(&[b'x'; 100]);
        conversation.go_on();
        assert!(
            conversation.server.buffer().is_empty(),
            "nothing is held back"
        );
    }
    assert_eq!(conversation.waiting, Waiting::Rest);
    conversation.server.push(b"\r\n");
    conversation.go_on();
    assert!(
        conversation
            .written
            .ends_with(b"a OK [APPENDUID 7 4] APPEND completed.\r\n")
    );
}

/// An owner that lost its mailbox in mid-command: the client still gets its tag, then hears BYE.
#[test]
fn a_command_completes_though_nobody_knows_what_changed() {
    let mut conversation = signed_in();
    conversation.server.push(b"s SELECT INBOX\r\n");
    conversation.go_on();
    conversation.written.clear();
    conversation.server.push(b"a NOOP\r\n");
    loop {
        match conversation.server.want() {
            Want::Ask(Ask::Changes { .. }) => {
                let refusal = Refusal::no("the mailbox is away").then_bye("closing");
                conversation.server.answer(Answer::Refused(refusal));
            }
            Want::Ask(ask) => conversation.server.answer(conversation.owner.answer(ask)),
            Want::Write(octets) => conversation.written.extend_from_slice(&octets),
            Want::Close => break,
            other => panic!("{other:?}"),
        }
    }
    let said = String::from_utf8_lossy(&conversation.written);
    assert_eq!(said, "a OK NOOP completed.\r\n* BYE closing\r\n");
}

#[test]
fn nothing_is_accepted_in_the_clear_where_tls_is_offered() {
    let mut clear = persona();
    clear.mechanisms.push(Mechanism::StartTls);
    let mut conversation = Conversation::of(clear);
    conversation.server.push(b"a LOGIN me secret\r\n");
    conversation.go_on();
    conversation.server.push(b"b STARTTLS\r\n");
    conversation.go_on();
    let said = String::from_utf8_lossy(&conversation.written).into_owned();
    assert_eq!(
        said,
        "* OK ready\r\na NO [PRIVACYREQUIRED] TLS first\r\nb OK STARTTLS completed.\r\n"
    );
    assert!(conversation.starts_tls);
    conversation.server.tls_started(persona());
    conversation.server.push(b"c LOGIN me secret\r\n");
    conversation.go_on();
    assert!(conversation.server.is_signed_in());
}

/// What came with STARTTLS in one packet was not protected (RFC 9051 §6.2.1).
#[test]
fn a_command_smuggled_in_before_tls_ends_the_connection() {
    let mut clear = persona();
    clear.mechanisms.push(Mechanism::StartTls);
    let mut conversation = Conversation::of(clear);
    conversation
        .server
        .push(b"a STARTTLS\r\nb LOGIN me secret\r\n");
    conversation.go_on();
    assert!(conversation.starts_tls);
    conversation.server.tls_started(persona());
    conversation.go_on();
    assert!(conversation.closed && !conversation.server.is_signed_in());
}

#[test]
fn the_debug_form_of_a_server_shows_no_credentials() {
    let mut conversation = Conversation::new();
    conversation.server.push(b"a LOGIN me canary\r\n");
    conversation
        .server
        .push(b"b AUTHENTICATE PLAIN AG1lAGNhbmFyeQ==");
    assert!(!format!("{:?}", conversation.server).contains("canary"));
}

#[test]
fn a_client_that_only_errs_is_sent_away() {
    let mut conversation = Conversation::new();
    for _ in 0..11 {
        conversation.server.push(b"a nonsense\r\n");
        conversation.go_on();
    }
    assert!(conversation.closed);
    let said = String::from_utf8_lossy(&conversation.written);
    assert_eq!(said.matches("a BAD").count(), 10);
    assert!(said.ends_with("* BYE Connection closed. 14\r\n"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nothing a client sends makes the server panic, loop or collect more than its limits.
    #[test]
    fn any_octets_are_borne(pieces in proptest::collection::vec(piece(), 0..40)) {
        let mut conversation = Conversation::new();
        for piece in pieces {
            conversation.server.push(&piece);
            conversation.go_on();
            prop_assert!(conversation.server.buffer().len() <= 2 * 10_240);
            conversation.server.changed();
        }
    }

    /// The same, from a client that has signed in and opened a folder.
    #[test]
    fn any_octets_are_borne_after_login(pieces in proptest::collection::vec(piece(), 0..40)) {
        let mut conversation = signed_in();
        conversation.server.push(b"s SELECT INBOX\r\n");
        for piece in pieces {
            conversation.go_on();
            conversation.server.push(&piece);
            conversation.server.changed();
        }
        conversation.go_on();
    }
}

/// Commands that make sense, beginnings and ends of such, and noise.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(PIECES).prop_map(|text| text.as_bytes().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 0..30);
    prop_oneof![4 => known, 1 => noise]
}

const PIECES: &[&str] = &[
    "a ",
    "\r\n",
    "\n",
    "{3}\r\n",
    "{3+}\r\n",
    "{4294967295+}\r\n",
    "{99999999999}\r\n",
    "abc",
    "a NOOP\r\n",
    "a IDLE\r\n",
    "DONE\r\n",
    "a AUTHENTICATE XOAUTH2\r\n",
    "*\r\n",
    "a APPEND INBOX {3}\r\n",
    "a APPEND INBOX (\\Seen) {5+}\r\nhello\r\n",
    "a APPEND {5}\r\nINBOX",
    "a SELECT INBOX\r\n",
    "a EXAMINE Archive\r\n",
    "a UNSELECT\r\n",
    "a CLOSE\r\n",
    "a FETCH 1:* (FLAGS BODY[] BODY[1.2.MIME] BODY[HEADER.FIELDS (A B)]<1.5> ENVELOPE)\r\n",
    "a FETCH 4294967295:* FULL\r\n",
    "a UID FETCH *:1 (BODYSTRUCTURE RFC822)\r\n",
    "a STORE 1 FLAGS (\\Deleted $x)\r\n",
    "a UID STORE 1:* -FLAGS.SILENT (\\Seen)\r\n",
    "a EXPUNGE\r\n",
    "a UID EXPUNGE 1:2\r\n",
    "a UID MOVE 1 Archive\r\n",
    "a COPY 2:3 Nowhere\r\n",
    "a SEARCH NOT OR 1:* (UID 5 BEFORE 31-Feb-2026) TEXT \"x\"\r\n",
    "a SEARCH CHARSET X ALL\r\n",
    "a LIST \"\" *%*%*\r\n",
    "a LSUB \"\" \"\"\r\n",
    "a STATUS INBOX (MESSAGES UIDNEXT)\r\n",
    "a LOGIN {2}\r\nme x\r\n",
    "a CREATE &AAA-\r\n",
    "a ID NIL\r\n",
    "a CAPABILITY\r\n",
];

pub(crate) fn signed_in() -> Conversation {
    let mut conversation = Conversation::new();
    conversation.server.push(b"l LOGIN me secret\r\n");
    conversation.go_on();
    assert!(conversation.server.is_signed_in());
    conversation
}

/// The manners in which the dialogues for the server are written.
fn persona() -> Persona {
    Persona {
        texts: Texts {
            greeting: "ready".to_owned(),
            id: "(\"name\" \"test\")".to_owned(),
            completed: "completed.",
            failed: "failed.",
            go_ahead: "go ahead",
            idle: "idling",
            logout: "bye",
            bad_command: "Command Error. 12",
            bad_arguments: "Command Argument Error. 11",
            wrong_state: "Command received in Invalid state.",
            bad_set: "The specified message set is invalid.",
            read_only: "read-only",
            sign_in_cancelled: "cancelled",
            no_such_mechanism: "no such mechanism",
            privacy_required: "[PRIVACYREQUIRED] TLS first",
            bad_charset: "[BADCHARSET (US-ASCII)] no such charset",
            closed: "Connection closed. 14",
        },
        capability_before_login: "IMAP4rev1 AUTH=XOAUTH2".to_owned(),
        capability_after_login: "IMAP4rev1 MOVE".to_owned(),
        mechanisms: vec![Mechanism::Xoauth2, Mechanism::Plain, Mechanism::Login],
        in_clear: InClear::default(),
        charsets: &["US-ASCII"],
        limits: Limits {
            errors: 10,
            ..Limits::default()
        },
        quirks: Quirks::default(),
    }
}
