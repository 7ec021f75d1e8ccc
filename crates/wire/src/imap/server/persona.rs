//! What a server calls itself, what it offers and how it words things.

use crate::{InClear, sasl};

/// The manners of a server, as data.
#[derive(Debug, Clone)]
pub struct Persona {
    /// Its words.
    pub texts: Texts,
    /// What CAPABILITY lists before login.
    pub capability_before_login: String,
    /// What CAPABILITY lists after login.
    pub capability_after_login: String,
    /// How one can sign in.
    pub mechanisms: Vec<Mechanism>,
    /// Whether that can be before TLS.
    pub in_clear: InClear,
    /// The charsets that SEARCH understands, in capitals.
    pub charsets: &'static [&'static str],
    /// What it bears.
    pub limits: Limits,
    /// What it does against the RFC.
    pub quirks: Quirks,
}

/// The words of a server: each the text after the status or the `+`, without end of line.
#[derive(Debug, Clone)]
pub struct Texts {
    /// After the greeting's `* OK `.
    pub greeting: String,
    /// After `* ID `: a list in parentheses.
    pub id: String,
    /// After the name of a command that succeeded.
    pub completed: &'static str,
    /// After the name of a sign-in that failed.
    pub failed: &'static str,
    /// After `+ `, when the octets of a literal may come.
    pub go_ahead: &'static str,
    /// After `+ `, when IDLE begins.
    pub idle: &'static str,
    /// After `* BYE `, on LOGOUT.
    pub logout: &'static str,
    /// After `BAD `: no such command, or it cannot be read.
    pub bad_command: &'static str,
    /// After `BAD `: too long, or its arguments are wrong.
    pub bad_arguments: &'static str,
    /// After `BAD `: not now.
    pub wrong_state: &'static str,
    /// After `BAD `: a sequence number that does not exist.
    pub bad_set: &'static str,
    /// After `NO `: the folder was opened with EXAMINE.
    pub read_only: &'static str,
    /// After `BAD `: the client sent `*` instead of its credentials.
    pub sign_in_cancelled: &'static str,
    /// After `NO `: the mechanism is not offered.
    pub no_such_mechanism: &'static str,
    /// After `NO `: LOGIN, or a mechanism that is offered, where TLS has to come first
    /// (`[PRIVACYREQUIRED]`, RFC 5530 §3).
    pub privacy_required: &'static str,
    /// After `NO `: SEARCH with a charset that it does not understand.
    pub bad_charset: &'static str,
    /// After `* BYE `: too many errors, or an answer nobody expected.
    pub closed: &'static str,
}

/// How one can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// `AUTHENTICATE XOAUTH2`.
    Xoauth2,
    /// `AUTHENTICATE PLAIN` (RFC 4616).
    Plain,
    /// `AUTHENTICATE LOGIN`: a name, then a password. Never a standard.
    AuthLogin,
    /// `LOGIN`.
    Login,
    /// `STARTTLS`; see [`Persona::in_clear`].
    StartTls,
}

impl Mechanism {
    /// The one that AUTHENTICATE names, if it is one of those.
    pub(super) fn sasl(self) -> Option<sasl::Mechanism> {
        match self {
            Self::Xoauth2 => Some(sasl::Mechanism::Xoauth2),
            Self::Plain => Some(sasl::Mechanism::Plain),
            Self::AuthLogin => Some(sasl::Mechanism::Login),
            Self::Login | Self::StartTls => None,
        }
    }
}

/// What a server bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest command without its literals, in octets.
    pub line: usize,
    /// The longest literal that is no uploaded message, in octets.
    pub literal: usize,
    /// How many commands may be wrong before the connection is closed.
    pub errors: u32,
}

/// What a server does against the RFC, so that clients can be tried on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// How COPYUID of a MOVE comes.
    pub copyuid: CopyuidForm,
    /// BODYSTRUCTURE is malformed in this way.
    pub structure: Option<StructureFault>,
}

/// How COPYUID of a MOVE comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopyuidForm {
    /// In an untagged `OK`, as RFC 6851 §4.3 wants it.
    #[default]
    Untagged,
    /// As a line of its own without `* OK`, as Exchange was seen to send it.
    Bare,
}

/// Ways in which Exchange was seen to malform BODYSTRUCTURE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureFault {
    /// `"inline"` instead of `("inline" NIL)`.
    DispositionAsString,
    /// `(NIL NIL NIL NIL NIL "7BIT" 0 …)`: a part without a type.
    PartWithoutType,
    /// `(NIL "alternative" …)`: a multipart without parts.
    MultipartWithoutParts,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 10_240,
            literal: 10_240,
            errors: 10,
        }
    }
}
