//! What a server says that it can do.

use std::collections::BTreeSet;

/// The capabilities a server announced. They change with TLS and with login, so what was said
/// before is forgotten then (RFC 9051 §6.2.1 and §6.2.2); on Exchange Online `MOVE` appears
/// only after login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<String>);

/// A capability that makes a difference to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// `AUTH=XOAUTH2`: the sign-in with a token.
    Xoauth2,
    /// The first SASL message may travel with the command (RFC 4959).
    SaslIr,
    /// TLS can be started on this connection.
    StartTls,
    /// The server pushes changes (RFC 2177).
    Idle,
    /// Messages can be moved in one step (RFC 6851).
    Move,
    /// `UID EXPUNGE` and the codes COPYUID and APPENDUID (RFC 4315).
    UidPlus,
    /// Literals need not wait, whatever their length (RFC 7888).
    LiteralPlus,
    /// Literals need not wait up to 4096 octets (RFC 7888).
    LiteralMinus,
    /// `ID` (RFC 2971).
    Id,
    /// `NAMESPACE` (RFC 2342).
    Namespace,
    /// `UNSELECT` (RFC 3691).
    Unselect,
    /// Special-use attributes in LIST (RFC 6154); Exchange sends some without saying so.
    SpecialUse,
}

impl Capabilities {
    /// Collects what a server listed.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let words = words
            .into_iter()
            .map(|word| String::from_utf8_lossy(word).to_uppercase());
        Self(words.collect())
    }

    /// Whether the server can do this.
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(capability.name())
    }

    /// What the server listed, in upper case and sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Capability {
    fn name(self) -> &'static str {
        match self {
            Self::Xoauth2 => "AUTH=XOAUTH2",
            Self::SaslIr => "SASL-IR",
            Self::StartTls => "STARTTLS",
            Self::Idle => "IDLE",
            Self::Move => "MOVE",
            Self::UidPlus => "UIDPLUS",
            Self::LiteralPlus => "LITERAL+",
            Self::LiteralMinus => "LITERAL-",
            Self::Id => "ID",
            Self::Namespace => "NAMESPACE",
            Self::Unselect => "UNSELECT",
            Self::SpecialUse => "SPECIAL-USE",
        }
    }
}
