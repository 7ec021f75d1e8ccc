//! What a server calls itself, what it offers and how it words things.

use crate::InClear;
use crate::pop3::Capabilities;

/// The manners of a server, as data.
#[derive(Debug, Clone)]
pub struct Persona {
    /// Its words.
    pub texts: Texts,
    /// What CAPA lists before somebody signs in. What is not listed here is not offered either.
    pub capabilities: Capabilities,
    /// Whether one can sign in before TLS where `STLS` is listed.
    pub in_clear: InClear,
    /// What CAPA lists afterwards.
    pub capabilities_signed_in: Capabilities,
    /// Whether AUTH takes an initial response.
    pub initial_response: InitialResponse,
    /// What it bears.
    pub limits: Limits,
}

/// Whether AUTH takes an initial response (RFC 5034 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitialResponse {
    /// As the standard wants it.
    #[default]
    Accept,
    /// Never, as Exchange does: the client must wait for the `+`.
    Refuse,
}

/// The words of a server: each the text after `+OK` or `-ERR`, without end of line.
#[derive(Debug, Clone)]
pub struct Texts {
    /// The greeting.
    pub greeting: String,
    /// After a sign-in with AUTH.
    pub authenticated: &'static str,
    /// After a sign-in with USER and PASS.
    pub logged_on: &'static str,
    /// After credentials that cannot be read, or a mechanism that is not offered.
    pub sign_in_failed: &'static str,
    /// After an initial response that is not taken.
    pub initial_response_refused: &'static str,
    /// After `*` instead of credentials.
    pub sign_in_cancelled: &'static str,
    /// When TLS is about to start.
    pub starting_tls: &'static str,
    /// After QUIT.
    pub goodbye: &'static str,
    /// No such command, it cannot be read, or not now.
    pub bad_command: &'static str,
    /// There is no message with this number, or it is marked as deleted.
    pub no_such_message: &'static str,
    /// Too many errors, or an answer nobody expected.
    pub closed: &'static str,
}

/// What a server bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest command, in octets with its end. The standard asks for 255 (RFC 2449 §4).
    pub line: usize,
    /// The longest line that may hold a token, in octets with its end.
    pub sasl_line: usize,
    /// How many commands may be wrong before the connection is closed.
    pub errors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 512,
            sasl_line: 12_288,
            errors: 10,
        }
    }
}
