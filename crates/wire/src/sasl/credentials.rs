//! With what a client signs in.

use secrecy::SecretString;

use super::{Xoauth2, decode};

/// With what a client signs in.
#[derive(Debug)]
pub enum Credentials {
    /// A mailbox and an access token (XOAUTH2).
    Bearer {
        /// The mailbox to open.
        user: String,
        /// The token that opens it.
        token: SecretString,
    },
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: SecretString,
    },
}

impl Credentials {
    /// Reads the base64 of an XOAUTH2 message.
    pub fn xoauth2(base64: &[u8]) -> Option<Self> {
        let message = Xoauth2::parse(base64).ok()?;
        let (user, token) = (message.user().to_owned(), message.token().clone());
        Some(Self::Bearer { user, token })
    }

    /// Reads the base64 of a PLAIN message: `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
    /// Nobody may act for somebody else here.
    pub fn plain(base64: &[u8]) -> Option<Self> {
        let octets = decode(base64)?;
        let text = std::str::from_utf8(&octets).ok()?;
        let mut fields = text.split('\0');
        let (actor, user, password) = (fields.next()?, fields.next()?, fields.next()?);
        let good =
            fields.next().is_none() && !user.is_empty() && (actor.is_empty() || actor == user);
        let password = SecretString::from(password);
        good.then(|| Self::Password {
            user: user.to_owned(),
            password,
        })
    }
}
