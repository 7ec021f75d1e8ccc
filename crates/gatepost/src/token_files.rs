//! Files with tokens that are kept fresh, for programs that read a file and ask nobody: Postfix
//! with sasl-xoauth2, Dovecot as a proxy.

use std::time::Duration;

use gatepost_host::{FileError, Stop, files};
use gatepost_oauth::TokenSource as _;
use zeroize::Zeroizing;

use crate::config::{Readers, TokenFileSettings};
use crate::failure::Failure;
use crate::present::Present;

/// Keeps one file fresh.
#[derive(Debug, Clone)]
pub struct TokenFile {
    settings: TokenFileSettings,
    present: Present,
}

impl TokenFile {
    /// The file that `settings` describe, with tokens of what is in force at the time.
    pub fn new(settings: TokenFileSettings, present: Present) -> Self {
        Self { settings, present }
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
            let clock = self.present.get().clock.clone();
            if stop.or(clock.sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }

    /// Asks the keeper, which answers from memory, and writes what is new.
    async fn refresh(&self, written: &mut Option<Zeroizing<String>>) -> Result<(), Failure> {
        let gatepost = self.present.get();
        let config = &gatepost.config;
        // A reload may just have taken the mailbox away, and is about to end this too.
        let Some(mailbox) = config.mailboxes.get(&self.settings.mailbox) else {
            return Ok(());
        };
        let audience = self.settings.purpose.audience();
        let token = gatepost.keeper(mailbox).token(audience).await?;
        if written.as_ref().is_some_and(|old| **old == token.expose()) {
            return Ok(());
        }
        let registration = config.registration(&mailbox.registration);
        let whose = (mailbox.address.as_str(), registration);
        let now = gatepost.clock.now();
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
