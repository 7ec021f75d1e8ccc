//! Where a secret is found. A secret is never an argument and never stands in a configuration.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gatepost_fault::{Fault, Next, Owner};
use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use crate::{Clock, FileError, environment, files};

/// Where a secret is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable.
    Env(String),
    /// In a file that only its owner may read. One trailing line end is not part of it.
    File(PathBuf),
    /// On the standard output of a program, started without a shell: the program and its
    /// arguments. One trailing line end is not part of it.
    Command(Vec<String>),
    /// In a file of `$CREDENTIALS_DIRECTORY`, as systemd's `LoadCredential=` provides it.
    Systemd(String),
}

impl SecretSource {
    /// Fetches the secret. `what` says in an error what it is for, such as
    /// `the client secret of registration contoso`.
    pub async fn fetch(&self, clock: &Clock, what: &str) -> Result<SecretString, SecretError> {
        let text =
            match self {
                Self::Env(name) => Zeroizing::new(environment::text(name).ok_or_else(|| {
                    SecretError::NoVariable {
                        what: what.to_owned(),
                        name: name.clone(),
                    }
                })?),
                Self::File(path) => from_file(path, what)?,
                Self::Command(words) => from_command(words, clock, what).await?,
                Self::Systemd(name) => {
                    let folder = environment::path("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                        SecretError::NoVariable {
                            what: what.to_owned(),
                            name: "CREDENTIALS_DIRECTORY".to_owned(),
                        }
                    })?;
                    from_file(&folder.join(name), what)?
                }
            };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(SecretError::Empty {
                what: what.to_owned(),
            });
        }
        Ok(SecretString::from(text))
    }
}

fn from_file(path: &Path, what: &str) -> Result<Zeroizing<String>, SecretError> {
    let octets = files::read_private(path, MOST).map_err(|source| SecretError::File {
        what: what.to_owned(),
        source,
    })?;
    as_text(&octets, what)
}

async fn from_command(
    words: &[String],
    clock: &Clock,
    what: &str,
) -> Result<Zeroizing<String>, SecretError> {
    let failed = |reason: String| SecretError::Command {
        what: what.to_owned(),
        program: words.first().cloned().unwrap_or_default(),
        reason,
    };
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| failed("no program is named".to_owned()))?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it says of its trouble is for the operator, who started Gatepost.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let stdout = child
        .stdout
        .take()
        .expect("standard output was piped just above");
    let mut octets = Zeroizing::new(Vec::with_capacity(MOST + 1));
    let run = async {
        stdout
            .take(MOST as u64 + 1)
            .read_to_end(&mut octets)
            .await?;
        child.wait().await
    };
    let status = clock
        .within(COMMAND_LIMIT, run)
        .await
        .map_err(|_| {
            failed(format!(
                "it ran longer than {} seconds",
                COMMAND_LIMIT.as_secs()
            ))
        })?
        .map_err(|error| failed(error.to_string()))?;
    // A flood first: it ends with a broken pipe, which says less.
    if octets.len() > MOST {
        return Err(failed(format!("it wrote more than {MOST} octets")));
    }
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    as_text(&octets, what)
}

fn as_text(octets: &[u8], what: &str) -> Result<Zeroizing<String>, SecretError> {
    std::str::from_utf8(octets)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| SecretError::NotText {
            what: what.to_owned(),
        })
}

/// Why a secret could not be fetched. The secret itself is never part of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("{what} should be in the environment variable {name}, which is not set or empty")]
    NoVariable {
        /// What the secret is for.
        what: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be used.
    #[error("{what}: {source}")]
    File {
        /// What the secret is for.
        what: String,
        /// What is wrong with the file.
        source: FileError,
    },
    /// The program did not give it.
    #[error("{what} should come from the program {program}: {reason}")]
    Command {
        /// What the secret is for.
        what: String,
        /// The program.
        program: String,
        /// What went wrong.
        reason: String,
    },
    /// It is empty.
    #[error("{what} is empty where it should be found")]
    Empty {
        /// What the secret is for.
        what: String,
    },
    /// It is no text.
    #[error("{what} is not UTF-8 text where it should be found")]
    NotText {
        /// What the secret is for.
        what: String,
    },
}

impl SecretError {
    /// Every code this error answers; those of [`FileError`] come on top.
    pub const CODES: &'static [&'static str] = &["secret_missing", "secret_command_failed"];
}

impl Fault for SecretError {
    fn code(&self) -> &'static str {
        match self {
            Self::File { source, .. } => source.code(),
            Self::Command { .. } => "secret_command_failed",
            Self::NoVariable { .. } | Self::Empty { .. } | Self::NotText { .. } => "secret_missing",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

/// No client secret, password or key is larger.
const MOST: usize = 64 * 1024;
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn command(script: &str) -> SecretSource {
        SecretSource::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()])
    }

    #[tokio::test]
    async fn a_program_gives_a_secret_without_its_line_end() {
        let secret = command("printf 'p ss\\r\\n'")
            .fetch(&Clock::system(), "it")
            .await;
        assert_eq!(
            secret.expect("the program ends well").expose_secret(),
            "p ss"
        );
    }

    #[tokio::test]
    async fn a_program_that_fails_or_floods_is_named() {
        for (script, reason) in [
            ("exit 3", "status: 3"),
            ("head -c 10000000 /dev/zero", "more than 65536 octets"),
            ("true", "empty"),
        ] {
            let error = command(script)
                .fetch(&Clock::system(), "the secret of x")
                .await;
            let error = error
                .expect_err("the program gives nothing usable")
                .to_string();
            assert!(error.contains("the secret of x"), "{error}");
            assert!(error.contains(reason), "{error}");
        }
    }
}
