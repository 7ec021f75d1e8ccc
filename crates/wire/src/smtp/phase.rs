//! When in the session a reply came: the same code means another thing after another command.

use std::fmt;

/// What a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The connection.
    Greeting,
    /// EHLO, or HELO where that is all the server knows.
    Hello,
    /// STARTTLS.
    StartTls,
    /// AUTH, and what belongs to it.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO: which recipient of the envelope, counted from 0.
    Recipient(usize),
    /// DATA: whether the octets of the message may come.
    BeforeData,
    /// BDAT, but not the last.
    Chunk,
    /// The end of the message, be it the dot or the last BDAT.
    EndOfData,
    /// RSET.
    Reset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

/// In words that follow "refused".
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the connection",
            Self::Hello => "the greeting (EHLO)",
            Self::StartTls => "TLS (STARTTLS)",
            Self::Auth => "the sign-in (AUTH)",
            Self::Mail => "the sender (MAIL FROM)",
            Self::Recipient(_) => "a recipient (RCPT TO)",
            Self::BeforeData => "the message before it was sent (DATA)",
            Self::Chunk => "a part of the message (BDAT)",
            Self::EndOfData => "the message after it was sent",
            Self::Reset => "to start over (RSET)",
            Self::Noop => "to answer (NOOP)",
            Self::Quit => "to say goodbye (QUIT)",
        })
    }
}
