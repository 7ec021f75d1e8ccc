//! Opens sessions, with a second token if the first is refused.

use std::fmt;

use async_trait::async_trait;
use gatepost_oauth::AccessToken;

use super::TRANSPORT;
use super::connect::connect;
use super::session::Session;
use super::settings::SmtpSettings;
use super::sign_in::sign_in;
use crate::{MailError, Submit, SubmitError, SubmitOpener};

/// Opens sessions that submit messages for one mailbox by SMTP, as often as it is asked.
pub struct SmtpOpener {
    settings: SmtpSettings,
}

impl SmtpOpener {
    /// Keeps what is needed to open; nothing is connected yet.
    pub fn new(settings: SmtpSettings) -> Self {
        Self { settings }
    }

    async fn session(&self, token: &AccessToken) -> Result<Session, SubmitError> {
        let skew = || self.settings.tokens.clock_skew();
        let mut link = connect(&self.settings)
            .await
            .map_err(|error| error.with_skew(skew()))?;
        sign_in(&mut link, &self.settings.sign_in_as, token).await?;
        Ok(Session::new(link))
    }
}

#[async_trait]
impl SubmitOpener for SmtpOpener {
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        let tokens = &self.settings.tokens;
        let token = tokens.token(TRANSPORT.audience).await;
        let token = token.map_err(MailError::from)?;
        let refused = match self.session(&token).await {
            Ok(session) => return Ok(Box::new(session)),
            Err(refused @ SubmitError::Session(MailError::SignInRefused { .. })) => refused,
            Err(other) => return Err(other),
        };
        // It may have been revoked, or have run out on the way: one fresh token decides.
        tokens.refused(&token);
        let fresh = tokens.token(TRANSPORT.audience).await;
        let fresh = fresh.map_err(MailError::from)?;
        if fresh.expose() == token.expose() {
            return Err(refused);
        }
        Ok(Box::new(self.session(&fresh).await?))
    }
}

impl fmt::Debug for SmtpOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpOpener")
            .field("host", &self.settings.host)
            .field("port", &self.settings.port)
            .field("mailbox", &self.settings.mailbox)
            .field("sign_in_as", &self.settings.sign_in_as)
            .finish_non_exhaustive()
    }
}
