//! Sessions of our own with a counterpart, by the transport that Gatepost has.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Clock, Trust};
use gatepost_mail::Addresses;
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_mail::pop3::{Pop3Opener, Pop3Settings};
use gatepost_mail::smtp::{SmtpOpener, SmtpSettings, SmtpTimeLimits};
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use rustls::ClientConfig;

use crate::{Dovecot, IdentityEndpoint, PeerError, Postfix};

/// What opens `mailbox` at a counterpart with one token.
#[derive(Debug)]
pub struct Sessions<'a> {
    /// The counterpart.
    pub dovecot: &'a Dovecot,
    /// Whose authority signed its certificate.
    pub identity: &'a IdentityEndpoint,
}

impl Sessions<'_> {
    /// An opener of `mailbox` that shows `token`, protected as `security` says.
    pub fn opener(
        &self,
        mailbox: &str,
        token: &str,
        security: Security,
    ) -> Result<ImapOpener, PeerError> {
        let address = match security {
            Security::ImplicitTls => self.dovecot.imaps(),
            Security::StartTls => self.dovecot.imap(),
        };
        Ok(ImapOpener::new(ImapSettings {
            host: "localhost".to_owned(),
            port: address.port(),
            security,
            tls: tls(self.identity)?,
            addresses: Addresses::new(),
            mailbox: mailbox.to_owned(),
            tokens: Arc::new(HeldToken::new(token)),
            clock: Clock::system(),
            quirks: Quirks::default(),
            limits: TimeLimits::default(),
            largest_message: ImapSettings::LARGEST_MESSAGE,
        }))
    }
}

impl Sessions<'_> {
    /// The same over POP3.
    pub fn pop3_opener(
        &self,
        mailbox: &str,
        token: &str,
        security: Security,
    ) -> Result<Pop3Opener, PeerError> {
        let address = match security {
            Security::ImplicitTls => self.dovecot.pop3s(),
            Security::StartTls => self.dovecot.pop3(),
        };
        Ok(Pop3Opener::new(Pop3Settings {
            host: "localhost".to_owned(),
            port: address.port(),
            security,
            tls: tls(self.identity)?,
            addresses: Addresses::new(),
            mailbox: mailbox.to_owned(),
            tokens: Arc::new(HeldToken::new(token)),
            clock: Clock::system(),
            poll_every: Duration::from_millis(200),
            limits: TimeLimits::default(),
            largest_message: Pop3Settings::LARGEST_MESSAGE,
        }))
    }
}

/// What submits messages to a counterpart with one token.
#[derive(Debug)]
pub struct Submissions<'a> {
    /// The counterpart.
    pub postfix: &'a Postfix,
    /// Whose authority signed its certificate.
    pub identity: &'a IdentityEndpoint,
}

impl Submissions<'_> {
    /// An opener for `mailbox` that shows `token`, protected as `security` says.
    pub fn opener(
        &self,
        mailbox: &str,
        token: &str,
        security: Security,
    ) -> Result<SmtpOpener, PeerError> {
        let address = match security {
            Security::ImplicitTls => self.postfix.submissions(),
            Security::StartTls => self.postfix.submission(),
        };
        Ok(SmtpOpener::new(SmtpSettings {
            host: "localhost".to_owned(),
            port: address.port(),
            security,
            tls: tls(self.identity)?,
            addresses: Addresses::new(),
            mailbox: mailbox.to_owned(),
            sign_in_as: mailbox.to_owned(),
            tokens: Arc::new(HeldToken::new(token)),
            clock: Clock::system(),
            limits: SmtpTimeLimits::default(),
        }))
    }
}

fn tls(identity: &IdentityEndpoint) -> Result<Arc<ClientConfig>, PeerError> {
    let authority = identity.authority().certificate_file();
    let tls = Trust::with_authority(authority).and_then(|trust| trust.client_config());
    tls.map_err(PeerError::unexpected("cannot trust the test's authority"))
}

/// One token, whoever asks.
pub struct HeldToken(String);

impl HeldToken {
    /// This one.
    pub fn new(token: &str) -> Self {
        Self(token.to_owned())
    }
}

impl fmt::Debug for HeldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldToken")
    }
}

#[async_trait]
impl TokenSource for HeldToken {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let expires_at = Clock::system().now() + Duration::from_hours(1);
        Ok(AccessToken::new(
            self.0.clone().into(),
            audience,
            expires_at,
        ))
    }

    fn refused(&self, _: &AccessToken) {}
}
