//! Files with tokens that are kept fresh, for programs that read a file and ask nobody: Postfix
//! with sasl-xoauth2, Dovecot as a proxy.

use std::path::Path;
use std::time::Duration;

use gatepost_host::files::FileStamp;
use gatepost_host::{FileError, Stop, files};
use gatepost_oauth::{AccessToken, TokenSource as _};
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

    /// Writes the file anew whenever its token was renewed or somebody else removed or changed it,
    /// until `stop`. A failure leaves what is
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
    async fn refresh(&self, written: &mut Option<Written>) -> Result<(), Failure> {
        let gatepost = self.present.get();
        let config = &gatepost.config;
        // A reload may just have taken the mailbox away, and is about to end this too.
        let Some(mailbox) = config.mailboxes.get(&self.settings.mailbox) else {
            return Ok(());
        };
        let audience = self.settings.purpose.audience();
        let token = gatepost.keeper(mailbox).token(audience).await?;
        let path = &self.settings.path;
        if written.as_ref().is_some_and(|it| it.stands(&token, path)) {
            return Ok(());
        }
        let registration = config.registration(&mailbox.registration);
        let whose = (mailbox.address.as_str(), registration);
        let now = gatepost.clock.now();
        let mut text = self.settings.form.written(&token, whose, now)?;
        text.push('\n');
        self.write(text.as_bytes())?;
        *written = Some(Written::now(&token, path));
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

/// What was written, and how the file looked then.
struct Written {
    token: Zeroizing<String>,
    stamp: Option<FileStamp>,
}

impl Written {
    /// What was just written with `token`.
    fn now(token: &AccessToken, path: &Path) -> Self {
        Self {
            token: Zeroizing::new(token.expose().to_owned()),
            stamp: files::stamp(path),
        }
    }

    /// Whether the file still is as it was written, with this token.
    fn stands(&self, token: &AccessToken, path: &Path) -> bool {
        let untouched = self.stamp.is_some() && self.stamp == files::stamp(path);
        untouched && *self.token == token.expose()
    }
}

/// A token is renewed minutes before it ends, so the file never holds one that is about to.
const LOOK: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use gatepost_oauth::Audience;
    use jiff::Timestamp;

    use super::*;

    fn token(text: &str) -> AccessToken {
        AccessToken::new(text.into(), Audience::Exchange, Timestamp::MAX)
    }

    #[test]
    fn a_file_that_was_removed_or_changed_does_not_stand() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        let write = || files::write_private(&path, b"one").expect("a writable folder");
        write();
        let written = Written::now(&token("one"), &path);
        assert!(written.stands(&token("one"), &path));
        assert!(!written.stands(&token("two"), &path), "renewed");
        std::fs::write(&path, "damaged").expect("it is ours");
        assert!(!written.stands(&token("one"), &path), "damaged");
        std::fs::remove_file(&path).expect("it is ours");
        assert!(!written.stands(&token("one"), &path), "removed");
        let never = Written::now(&token("one"), &path);
        assert!(!never.stands(&token("one"), &path), "gone at once");
    }
}
