//! The env file: how other programs find a running sandbox.

use std::fmt;
use std::path::Path;

use gatepost_host::{FileError, files};
use secrecy::{ExposeSecret as _, SecretString};

/// The variables that describe a sandbox. Its text can be read by a shell, by systemd and by
/// [`EnvFile::read`].
pub struct EnvFile {
    variables: Vec<(String, SecretString)>,
}

impl EnvFile {
    pub(crate) fn of(variables: Vec<(&'static str, String)>) -> Self {
        let named = |(name, value)| (format!("{PREFIX}{name}"), SecretString::from(value));
        Self {
            variables: variables.into_iter().map(named).collect(),
        }
    }

    /// Reads what [`EnvFile::write`] wrote; other lines are passed over.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let octets = files::read_private(path, MOST)?;
        Ok(Self::parse(&String::from_utf8_lossy(&octets)))
    }

    /// Writes it where only its owner can read it, whole or not at all: who sees the file may
    /// connect.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let lines: Vec<String> = self
            .variables()
            .map(|(name, value)| format!("{name}={}\n", quoted(value)))
            .collect();
        let text = SecretString::from(lines.concat());
        files::write_private(path, text.expose_secret().as_bytes())
    }

    /// The value of a variable, by its whole name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.expose_secret())
    }

    /// Every variable with its value, in the order of the documentation.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
    }

    fn parse(text: &str) -> Self {
        let variables = text.lines().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.starts_with(PREFIX)
                .then(|| (name.to_owned(), unquoted(value).into()))
        });
        Self {
            variables: variables.collect(),
        }
    }
}

/// Shows the names only.
impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.variables.iter().map(|(name, _)| name))
            .finish()
    }
}

/// The value as a shell reads it back: in single quotes, unless every character is harmless.
fn quoted(value: &str) -> String {
    let harmless = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./:@,+%".contains(&octet);
    if value.bytes().all(harmless) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

fn unquoted(value: &str) -> String {
    let inner = value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace(r"'\''", "'"))
}

const PREFIX: &str = "GATEPOST_SANDBOX_";

/// More than a dozen lines of paths and secrets can fill.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sandbox.env");
        let values = ["plain-1.2/~x", "with space", "it's $HOME", ""];
        let names = ["LOGIN", "CA", "PASSWORD", "USER"];
        let variables = names.into_iter().zip(values.map(str::to_owned));
        EnvFile::of(variables.collect())
            .write(&path)
            .expect("a writable folder");
        let read = EnvFile::read(&path).expect("a private file");
        let got: Vec<&str> = read.variables().map(|(_, value)| value).collect();
        assert_eq!(got, values);
        assert_eq!(read.get("GATEPOST_SANDBOX_CA"), Some("with space"));
        assert!(!format!("{read:?}").contains("HOME"), "values are secrets");
    }

    #[test]
    fn a_shell_reads_the_same() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(
            quoted("https://localhost:8443/x"),
            "https://localhost:8443/x"
        );
    }
}
