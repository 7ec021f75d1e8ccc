//! What a client can ask for.

use super::Kind;

/// A command that is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// What can the server do? (RFC 2449 §5)
    Capabilities,
    /// Which mechanisms does AUTH take? A question older than CAPA.
    Mechanisms,
    /// How many messages are there, and how large are they together?
    Stat,
    /// How large is every message?
    List,
    /// How large is this message?
    ListOne(u32),
    /// What are the unique names of the messages?
    Uidl,
    /// What is the unique name of this message?
    UidlOne(u32),
    /// The header of a message, and so many lines of its body.
    Top {
        /// Its number in this session.
        number: u32,
        /// How many lines.
        lines: u32,
    },
    /// A whole message.
    Retrieve(u32),
    /// Mark a message, so that QUIT deletes it.
    Delete(u32),
    /// Take every mark away.
    Reset,
    /// Nothing; keeps the session alive.
    Noop,
    /// Headers may come in UTF-8 (RFC 6856 §2.1). To be sent before signing in.
    Utf8,
    /// Delete what is marked and end.
    Quit,
}

impl Command {
    pub(super) fn line(self) -> String {
        match self {
            Self::Capabilities => "CAPA\r\n".to_owned(),
            Self::Mechanisms => "AUTH\r\n".to_owned(),
            Self::Stat => "STAT\r\n".to_owned(),
            Self::List => "LIST\r\n".to_owned(),
            Self::ListOne(number) => format!("LIST {number}\r\n"),
            Self::Uidl => "UIDL\r\n".to_owned(),
            Self::UidlOne(number) => format!("UIDL {number}\r\n"),
            Self::Top { number, lines } => format!("TOP {number} {lines}\r\n"),
            Self::Retrieve(number) => format!("RETR {number}\r\n"),
            Self::Delete(number) => format!("DELE {number}\r\n"),
            Self::Reset => "RSET\r\n".to_owned(),
            Self::Noop => "NOOP\r\n".to_owned(),
            Self::Utf8 => "UTF8\r\n".to_owned(),
            Self::Quit => "QUIT\r\n".to_owned(),
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Capabilities => Kind::Capa,
            Self::Mechanisms => Kind::Mechanisms,
            Self::Stat => Kind::Stat,
            Self::List => Kind::List { number: None },
            Self::ListOne(number) => Kind::List {
                number: Some(number),
            },
            Self::Uidl => Kind::Uidl { number: None },
            Self::UidlOne(number) => Kind::Uidl {
                number: Some(number),
            },
            Self::Top { number, .. } | Self::Retrieve(number) => Kind::Message { number },
            Self::Delete(_) | Self::Reset | Self::Noop | Self::Utf8 => Kind::Plain,
            Self::Quit => Kind::Quit,
        }
    }
}
