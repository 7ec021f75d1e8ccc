//! Files with tokens that are kept fresh, for programs that read a file and ask nobody: Postfix
//! with sasl-xoauth2, Dovecot as a proxy.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{FileError, Stop, files};
use gatepost_oauth::TokenSource as _;
use zeroize::Zeroizing;

use crate::compose::Gatepost;
use crate::config::{Readers, TokenFileSettings};
use crate::failure::Failure;

/// Keeps one file fresh.
#[derive(Debug, Clone)]
pub struct TokenFile {
    settings: TokenFileSettings,
    gatepost: Arc<Gatepost>,
}

impl TokenFile {
    /// The file that `settings` describe, with tokens of `gatepost`.
    pub fn new(settings: TokenFileSettings, gatepost: Arc<Gatepost>) -> Self {
        Self { settings, gatepost }
    }

    /// Writes the file anew whenever its token was renewed, until `stop`. A failure leaves what is
    /// there, is told once, and is tried again.
    pub async fn run(self, stop: Stop) {
        let (mailbox, path) = (&self.settings.mailbox, self.settings.path.display());
        let mut written = None;
        let mut told = None;
        loop {
            let Some(done) = stop.or(self.refresh(&mut written)).await else {
                return;
            };
            let failed = done.as_ref().err().map(Failure::code);
            if let Err(failure) = done
                && told != failed
            {
                tracing::error!(
                    mailbox,
                    code = failure.code(),
                    "the token file {path} is not fresh: {failure}"
                );
            }
            told = failed;
            if stop.or(self.gatepost.clock.sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }

    /// Asks the keeper, which answers from memory, and writes what is new.
    async fn refresh(&self, written: &mut Option<Zeroizing<String>>) -> Result<(), Failure> {
        let config = &self.gatepost.config;
        let mailbox = &config.mailboxes[&self.settings.mailbox];
        let audience = self.settings.purpose.audience();
        let token = self.gatepost.keeper(mailbox).token(audience).await?;
        if written.as_ref().is_some_and(|old| **old == token.expose()) {
            return Ok(());
        }
        let registration = config.registration(&mailbox.registration);
        let whose = (mailbox.address.as_str(), registration);
        let now = self.gatepost.clock.now();
        let mut text = self.settings.form.written(&token, whose, now)?;
        text.push('\n');
        self.write(text.as_bytes())?;
        *written = Some(Zeroizing::new(token.expose().to_owned()));
        Ok(())
    }

    fn write(&self, text: &[u8]) -> Result<(), FileError> {
        let path = &self.settings.path;
        match self.settings.readers {
            Readers::Owner => files::write_private(path, text),
            Readers::Group => files::write_for_group(path, text),
        }
    }
}

/// A token is renewed minutes before it ends, so the file never holds one that is about to.
const LOOK: Duration = Duration::from_secs(20);
