//! Files that the configuration names: whether they are there, and private where they must be.

use gatepost_fault::Fault as _;
use gatepost_host::{FileError, SecretSource, files};

use super::Check;
use crate::config::Purpose;
use crate::config::raw::{Placed, RawSecret};

impl Check<'_> {
    /// Where a secret is found, its path made whole.
    pub(super) fn secret_source(&self, raw: &RawSecret) -> SecretSource {
        match raw {
            RawSecret::Env(name) => SecretSource::Env(name.clone()),
            RawSecret::File(path) => SecretSource::File(self.path(path)),
            RawSecret::Command(words) => SecretSource::Command(words.clone()),
            RawSecret::Systemd(name) => SecretSource::Systemd(name.clone()),
            RawSecret::Keyring(name) => SecretSource::Keyring(name.clone()),
        }
    }

    /// The same, after a look whether a file is there and private, and a program is named.
    pub(super) fn secret(&mut self, raw: &Placed<RawSecret>) -> SecretSource {
        let source = self.secret_source(raw);
        let read = match &source {
            SecretSource::File(path) => files::read_private(path, MOST).map(drop),
            SecretSource::Command(words) if words.is_empty() => {
                let sentence = "`command` names no program; write [\"PROGRAM\", \"ARGUMENT\", …]";
                self.report(raw, "config_wrong_value", sentence);
                Ok(())
            }
            _ => Ok(()),
        };
        self.unusable(raw, read);
        source
    }

    /// Where a certificate without its key is found: no secret, so others may read the file.
    pub(super) fn public(&mut self, raw: &Placed<RawSecret>) -> SecretSource {
        let source = self.secret_source(raw);
        if let SecretSource::File(path) = &source {
            self.unusable(raw, files::read_public(path, MOST).map(drop));
        }
        source
    }

    /// Reports a file that cannot be read, unless it is about to be made.
    fn unusable(&mut self, raw: &Placed<RawSecret>, read: Result<(), FileError>) {
        let Err(error) = read else { return };
        if self.purpose == Purpose::Work || error.code() != "file_missing" {
            self.report(raw, error.code(), error.to_string());
        }
    }
}

/// As much as a secret can have.
const MOST: usize = 64 * 1024;
