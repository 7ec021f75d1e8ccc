//! Opens sessions, with a second token if the first is refused.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gatepost_host::Elapsed;
use gatepost_oauth::AccessToken;

use super::TRANSPORT;
use super::connect::connect;
use super::idles::Idles;
use super::session::Session;
use super::settings::ImapSettings;
use super::sign_in::sign_in;
use crate::{MailError, Mailbox, Opener};

/// Opens one mailbox over IMAP, as often as it is asked.
pub struct ImapOpener {
    settings: ImapSettings,
    idles: Arc<Idles>,
}

impl ImapOpener {
    /// Keeps what is needed to open; nothing is connected yet.
    pub fn new(settings: ImapSettings) -> Self {
        Self {
            settings,
            idles: Arc::default(),
        }
    }

    async fn session(&self, token: &AccessToken) -> Result<Session, MailError> {
        let settings = &self.settings;
        let skew = || settings.tokens.clock_skew();
        let mut link = connect(settings)
            .await
            .map_err(|error| error.with_skew(skew()))?;
        match settings
            .clock
            .within(settings.limits.login, sign_in(&mut link, token))
            .await
        {
            Ok(signed_in) => {
                let mut session = Session::new(link, signed_in?, settings.largest_message);
                session.idles = Arc::clone(&self.idles);
                Ok(session)
            }
            Err(Elapsed) => Err(link.silent("the sign-in", settings.limits.login)),
        }
    }
}

#[async_trait]
impl Opener for ImapOpener {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let tokens = &self.settings.tokens;
        let token = tokens.token(TRANSPORT.audience).await?;
        let refused = match self.session(&token).await {
            Ok(session) => return Ok(Box::new(session)),
            Err(refused @ MailError::SignInRefused { .. }) => refused,
            Err(other) => return Err(other),
        };
        // It may have been revoked, or have run out on the way: one fresh token decides.
        tokens.refused(&token);
        let fresh = tokens.token(TRANSPORT.audience).await?;
        if fresh.expose() == token.expose() {
            return Err(refused);
        }
        Ok(Box::new(self.session(&fresh).await?))
    }
}

impl fmt::Debug for ImapOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapOpener")
            .field("host", &self.settings.host)
            .field("port", &self.settings.port)
            .field("mailbox", &self.settings.mailbox)
            .finish_non_exhaustive()
    }
}
