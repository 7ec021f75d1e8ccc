//! A connection that was signed in for somebody else, who goes on with it: the raw octets.
//!
//! A [`Destination`] says where a mailbox is and whose token opens it. To [`reach`] it takes no
//! token, so that can be done while it is still being decided who may come in; to [`enter`] it
//! does, and a second one if the first is refused.
//!
//! [`reach`]: Destination::reach
//! [`enter`]: Destination::enter

mod error;
mod imap;
mod pop3;
mod smtp;

use std::fmt;

use bytes::Bytes;
use gatepost_host::ReadAhead;
use gatepost_oauth::{AccessToken, Audience, TokenSource};
use gatepost_wire::smtp::Extensions;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::MailError;
use crate::connection::stream::Stream;
use crate::imap::ImapSettings;
use crate::pop3::Pop3Settings;
use crate::smtp::SmtpSettings;

pub use error::PassageError;

/// Where somebody wants to go on.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A mailbox over IMAP.
    Imap(ImapSettings),
    /// A mailbox over POP3.
    Pop3(Pop3Settings),
    /// Submission by SMTP.
    Smtp(SmtpSettings),
}

/// A server that was greeted over TLS. Nobody has signed in.
pub struct Reached(Link);

enum Link {
    Imap(crate::imap::Link),
    Pop3(crate::pop3::Link),
    Smtp(crate::smtp::Link),
}

/// A connection on which a mailbox is open, and whose next octets are somebody else's.
pub struct Passage {
    /// The connection.
    pub stream: Box<TlsStream<ReadAhead<TcpStream>>>,
    /// What the server said already behind its answer to the sign-in.
    pub read: Bytes,
    /// What the server told of itself.
    pub told: Told,
}

/// What a server told of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Over IMAP, with its answer to the sign-in: what CAPABILITY lists now, if it said so.
    Imap(Option<String>),
    /// Over POP3 nothing that holds behind the sign-in.
    Pop3,
    /// Over SMTP, in answer to EHLO.
    Smtp(Extensions),
}

impl Reached {
    /// What the server told in answer to EHLO; nothing over other protocols.
    pub fn extensions(&self) -> Option<&Extensions> {
        match &self.0 {
            Link::Smtp(link) => Some(link.client.extensions()),
            Link::Imap(_) | Link::Pop3(_) => None,
        }
    }
}

impl Destination {
    /// The server's name.
    pub fn host(&self) -> &str {
        match self {
            Self::Imap(settings) => &settings.host,
            Self::Pop3(settings) => &settings.host,
            Self::Smtp(settings) => &settings.host,
        }
    }

    /// Connects and greets the server.
    pub async fn reach(&self) -> Result<Reached, PassageError> {
        let link = match self {
            Self::Imap(settings) => Link::Imap(imap::reach(settings).await?),
            Self::Pop3(settings) => Link::Pop3(pop3::reach(settings).await?),
            Self::Smtp(settings) => Link::Smtp(smtp::reach(settings).await?),
        };
        Ok(Reached(link))
    }

    /// Signs in.
    pub async fn enter(&self, reached: Reached) -> Result<Passage, PassageError> {
        let token = self.token().await?;
        let refused = match self.sign_in(reached, &token).await {
            Err(error) if error.is_token_refused() => error,
            entered => return entered,
        };
        // It may have been revoked, or have run out on the way: one fresh token decides.
        self.tokens().refused(&token);
        let fresh = self.token().await?;
        if fresh.expose() == token.expose() {
            return Err(refused);
        }
        self.sign_in(self.reach().await?, &fresh).await
    }

    async fn sign_in(
        &self,
        reached: Reached,
        token: &AccessToken,
    ) -> Result<Passage, PassageError> {
        match (reached.0, self) {
            (Link::Imap(link), Self::Imap(settings)) => imap::enter(link, settings, token).await,
            (Link::Pop3(link), Self::Pop3(settings)) => pop3::enter(link, settings, token).await,
            (Link::Smtp(link), Self::Smtp(settings)) => smtp::enter(link, settings, token).await,
            // It was reached for somebody who wanted something else: this one begins anew.
            _ => Err(self.went_astray()),
        }
    }

    async fn token(&self) -> Result<AccessToken, PassageError> {
        let token = self.tokens().token(Audience::Exchange).await;
        Ok(token.map_err(MailError::from)?)
    }

    fn tokens(&self) -> &dyn TokenSource {
        match self {
            Self::Imap(settings) => &*settings.tokens,
            Self::Pop3(settings) => &*settings.tokens,
            Self::Smtp(settings) => &*settings.tokens,
        }
    }

    fn went_astray(&self) -> PassageError {
        let mailbox = match self {
            Self::Imap(settings) => &settings.mailbox,
            Self::Pop3(settings) => &settings.mailbox,
            Self::Smtp(settings) => &settings.mailbox,
        };
        MailError::Disconnected {
            host: self.host().to_owned(),
            mailbox: mailbox.clone(),
            reason: "the connection was made for another protocol".to_owned(),
        }
        .into()
    }
}

/// The connection, which is never handed out unprotected.
fn protected(stream: Stream) -> Option<Box<TlsStream<ReadAhead<TcpStream>>>> {
    match stream {
        Stream::Tls(stream) => Some(stream),
        Stream::Plain(_) => None,
        #[cfg(test)]
        Stream::Memory(_) => None,
    }
}

/// A certificate that is out of its time is explained by a clock that is wrong, if it is.
fn with_skew(error: impl Into<PassageError>, tokens: &dyn TokenSource) -> PassageError {
    match error.into() {
        PassageError::Mail(error) => error.with_skew(tokens.clock_skew()).into(),
        PassageError::Submit(error) => error.with_skew(tokens.clock_skew()).into(),
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reached").finish_non_exhaustive()
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
