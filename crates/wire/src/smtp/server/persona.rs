//! What a server calls itself, what it offers and how it words things.

use crate::InClear;
use crate::smtp::{EnhancedStatus, Extensions, Reply};

/// The manners of a server, as data.
#[derive(Debug, Clone)]
pub struct Persona {
    /// The first reply of the connection.
    pub greeting: Reply,
    /// The first line of the answer to EHLO, and the answer to HELO.
    pub hello: String,
    /// What EHLO offers, in this order; the limit of SIZE is kept.
    pub extensions: Extensions,
    /// Whether one can sign in before TLS where STARTTLS is offered.
    pub in_clear: InClear,
    /// Whether a sender has to sign in.
    pub sign_in: SignIn,
    /// Its replies.
    pub replies: Replies,
    /// What it bears.
    pub limits: Limits,
}

/// Whether a sender has to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignIn {
    /// Before MAIL (RFC 6409 §4.3).
    #[default]
    Required,
    /// Who it is makes no difference.
    Optional,
}

/// What a server bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest command, in octets with its end: 512, and what extensions add
    /// (RFC 5321 §4.5.3.1.4).
    pub line: usize,
    /// The longest line that may hold a token, in octets with its end (RFC 4954 §4).
    pub auth_line: usize,
    /// How many recipients an envelope may have.
    pub recipients: usize,
    /// How many commands may be wrong before the connection is closed.
    pub errors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 2048,
            auth_line: 12_288,
            recipients: 500,
            errors: 10,
        }
    }
}

/// The replies of a server. The default is what the standards suggest.
#[derive(Debug, Clone)]
pub struct Replies {
    /// STARTTLS is granted.
    pub starting_tls: Reply,
    /// AUTH, when STARTTLS has to come first.
    pub tls_first: Reply,
    /// The credentials are good.
    pub authenticated: Reply,
    /// What came as credentials cannot be read.
    pub unreadable_credentials: Reply,
    /// The client gave up signing in with `*`.
    pub sign_in_cancelled: Reply,
    /// The mechanism is not offered.
    pub unknown_mechanism: Reply,
    /// MAIL, when nobody has signed in who has to.
    pub not_signed_in: Reply,
    /// The sender may begin.
    pub sender_accepted: Reply,
    /// The recipient is added.
    pub recipient_accepted: Reply,
    /// The octets of the message may come.
    pub go_ahead: Reply,
    /// A chunk came that is not the last.
    pub chunk_accepted: Reply,
    /// RSET, NOOP.
    pub done: Reply,
    /// VRFY: nobody is told who exists.
    pub not_verified: Reply,
    /// HELP.
    pub help: Reply,
    /// QUIT.
    pub goodbye: Reply,
    /// There is no such command.
    pub unknown_command: Reply,
    /// Its arguments cannot be read.
    pub bad_arguments: Reply,
    /// The address cannot be read.
    pub bad_address: Reply,
    /// The address is not ASCII, and MAIL did not say SMTPUTF8 (RFC 6531 §3.5).
    pub not_ascii: Reply,
    /// A parameter that is not known.
    pub unknown_parameter: Reply,
    /// The line is too long.
    pub line_too_long: Reply,
    /// Not now.
    pub bad_sequence: Reply,
    /// There are enough recipients; the others need another message (RFC 5321 §4.5.3.1.10).
    pub too_many_recipients: Reply,
    /// The message is larger than SIZE allows.
    pub too_large: Reply,
    /// A request of HTTP: whatever comes behind it was not written by a mail program.
    pub no_web_server: Reply,
    /// Too many errors, or an answer nobody expected.
    pub closed: Reply,
}

impl Default for Replies {
    fn default() -> Self {
        let reply = |code: u16, subject: u16, detail: u16, text: &str| {
            // 3xx has no status; the class of others is their first digit (RFC 2034 §4).
            let class = u8::try_from(code / 100).unwrap_or(5);
            Reply::with_status(code, EnhancedStatus::new(class, subject, detail), text)
        };
        Self {
            starting_tls: reply(220, 0, 0, "Ready to start TLS"),
            tls_first: reply(530, 7, 0, "Must issue a STARTTLS command first"),
            authenticated: reply(235, 7, 0, "Authentication successful"),
            unreadable_credentials: reply(501, 5, 2, "Cannot read the credentials"),
            sign_in_cancelled: reply(501, 7, 0, "Authentication cancelled"),
            unknown_mechanism: reply(504, 5, 4, "Unrecognized authentication type"),
            not_signed_in: reply(530, 7, 0, "Authentication required"),
            sender_accepted: reply(250, 1, 0, "Sender OK"),
            recipient_accepted: reply(250, 1, 5, "Recipient OK"),
            go_ahead: Reply::new(354, "Start mail input; end with <CRLF>.<CRLF>"),
            chunk_accepted: reply(250, 0, 0, "Chunk received"),
            done: reply(250, 0, 0, "OK"),
            not_verified: reply(252, 5, 0, "Cannot verify, but will take the message"),
            help: reply(214, 0, 0, "See RFC 5321"),
            goodbye: reply(221, 0, 0, "Service closing transmission channel"),
            unknown_command: reply(500, 5, 1, "Unrecognized command"),
            bad_arguments: reply(501, 5, 4, "Invalid arguments"),
            bad_address: reply(501, 1, 3, "Invalid address"),
            not_ascii: reply(553, 6, 7, "Addresses that are not ASCII need SMTPUTF8"),
            unknown_parameter: reply(555, 5, 4, "Unsupported parameter"),
            line_too_long: reply(500, 5, 2, "Line too long"),
            bad_sequence: reply(503, 5, 1, "Bad sequence of commands"),
            too_many_recipients: reply(452, 5, 3, "Too many recipients"),
            too_large: reply(552, 3, 4, "Message size exceeds fixed maximum message size"),
            no_web_server: reply(421, 7, 0, crate::web::REFUSED),
            closed: reply(421, 7, 0, "Too many errors, closing transmission channel"),
        }
    }
}
