//! Why somebody is turned away: exact for the log, and nothing of it for the peer.

use jiff::Timestamp;

use crate::Protocol;

/// Why a login was turned away. The sentence is for the log; whoever is turned away hears
/// [`Turned::SAID`], or [`Turned::SAID_LATER`] if it should come again, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Turned {
    /// No login is called this.
    #[error("unknown login")]
    UnknownLogin,
    /// The password is none that opens the mailbox.
    #[error("wrong password")]
    WrongPassword,
    /// The name opens a mailbox that has no app password.
    #[error("the mailbox has no app password")]
    NoAppPassword,
    /// The login name has been wrong too often.
    #[error("login locked out until {until:.0}")]
    LoginLockedOut {
        /// When it may try again.
        until: Timestamp,
    },
    /// The address has been wrong too often.
    #[error("address locked out until {until:.0}")]
    AddressLockedOut {
        /// When it may try again.
        until: Timestamp,
    },
    /// The password is right, and not for this protocol.
    #[error("password not for {protocol}")]
    WrongProtocol {
        /// What was spoken.
        protocol: Protocol,
    },
    /// The password is right, and not from this address.
    #[error("password not for this network")]
    WrongNetwork,
    /// The password is right, and over.
    #[error("password expired at {at:.0}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// The password is right, and for another login name.
    #[error("password for another login")]
    WrongLogin,
    /// Too many logins are being looked at.
    #[error("too many logins at once")]
    Busy,
    /// It could not be looked up who may come in; the text is the store's own sentence.
    #[error("app passwords cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl Turned {
    /// What a client is told whose login is not good.
    pub const SAID: &'static str = "Authentication failed";
    /// What a client is told that did nothing wrong and may come again.
    pub const SAID_LATER: &'static str = "Temporary authentication failure, try again later";

    /// Whether the login was not looked at, through no fault of its own: the client is told to
    /// come again ([`Turned::SAID_LATER`]; RFC 4954 §6, 454; RFC 5530 §3, UNAVAILABLE).
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Unreadable { .. })
    }

    /// What the client is told.
    pub fn said(&self) -> &'static str {
        if self.is_temporary() {
            Self::SAID_LATER
        } else {
            Self::SAID
        }
    }

    /// The name of a reason for which no password was looked at, so that the answer came at once.
    pub(crate) fn at_once(&self) -> Option<&'static str> {
        match self {
            Self::LoginLockedOut { .. } => Some("login locked out"),
            Self::AddressLockedOut { .. } => Some("address locked out"),
            Self::Busy => Some("busy"),
            Self::Unreadable { .. } => Some("unreadable"),
            Self::UnknownLogin
            | Self::WrongPassword
            | Self::NoAppPassword
            | Self::WrongProtocol { .. }
            | Self::WrongNetwork
            | Self::Expired { .. }
            | Self::WrongLogin => None,
        }
    }

    /// Whether the connection should end with it: whoever is locked out is not listened to.
    pub fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::LoginLockedOut { .. } | Self::AddressLockedOut { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_hears_nothing_of_the_reason() {
        let until = Timestamp::UNIX_EPOCH;
        for turned in [
            Turned::UnknownLogin,
            Turned::WrongPassword,
            Turned::NoAppPassword,
            Turned::LoginLockedOut { until },
            Turned::AddressLockedOut { until },
            Turned::WrongProtocol {
                protocol: Protocol::Imap,
            },
            Turned::WrongNetwork,
            Turned::Expired { at: until },
            Turned::WrongLogin,
        ] {
            assert_eq!(turned.said(), "Authentication failed", "{turned}");
        }
        assert_eq!(Turned::Busy.said(), Turned::SAID_LATER);
    }

    #[test]
    fn times_are_told_to_the_second() {
        let until = Timestamp::new(1_000_000_000, 421_437_574).expect("a time");
        let said = Turned::LoginLockedOut { until }.to_string();
        assert_eq!(said, "login locked out until 2001-09-09T01:46:40Z");
    }
}
