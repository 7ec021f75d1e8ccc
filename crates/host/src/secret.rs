//! Where a secret is found. A secret is never an argument and never stands in a configuration.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use gatepost_fault::{Fault, Next, Owner};
use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use crate::keyring::{self, KeyringProblem};
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
    /// In a keyring of the Linux kernel: the description of a key of the type `user`.
    Keyring(String),
}

impl SecretSource {
    /// Fetches the secret. `what` says in an error what it is for, such as
    /// `the client secret of registration contoso`.
    pub async fn fetch(&self, clock: &Clock, what: &str) -> Result<SecretString, SecretError> {
        let octets = self.fetch_octets(clock, what).await?;
        let text = std::str::from_utf8(&octets).map_err(|_| SecretError::NotText {
            what: what.to_owned(),
        })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(SecretError::Empty {
                what: what.to_owned(),
            });
        }
        Ok(SecretString::from(text))
    }

    /// Fetches what is there as it is, be it text or not.
    pub async fn fetch_octets(
        &self,
        clock: &Clock,
        what: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let absent = |name: &str| SecretError::NoVariable {
            what: what.to_owned(),
            name: name.to_owned(),
        };
        match self {
            Self::Env(name) => environment::text(name)
                .map(|text| Zeroizing::new(text.into_bytes()))
                .ok_or_else(|| absent(name)),
            Self::Keyring(name) => keyring::read(name).map_err(|problem| SecretError::Keyring {
                what: what.to_owned(),
                name: name.clone(),
                problem,
            }),
            Self::Command(words) => from_command(words, clock, what).await,
            Self::File(_) | Self::Systemd(_) => {
                let path = self.path().ok_or_else(|| absent(CREDENTIALS))?;
                files::read_private(&path, MOST).map_err(|source| SecretError::File {
                    what: what.to_owned(),
                    source,
                })
            }
        }
    }

    /// The file it is in, if it is in one.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Systemd(name) => Some(environment::path(CREDENTIALS)?.join(name)),
            Self::Env(_) | Self::Command(_) | Self::Keyring(_) => None,
        }
    }
}

/// Where it is found, for a sentence.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                write!(f, "the program {program}")
            }
            Self::Systemd(name) => write!(f, "the systemd credential {name}"),
            Self::Keyring(name) => write!(f, "the key {name} of the kernel's keyring"),
        }
    }
}

async fn from_command(
    words: &[String],
    clock: &Clock,
    what: &str,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
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
    Ok(octets)
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
    /// The kernel's keyring did not give it.
    #[error("{what} should be the key {name} of the kernel's keyring: {problem}")]
    Keyring {
        /// What the secret is for.
        what: String,
        /// The description of the key.
        name: String,
        /// What is wrong.
        problem: KeyringProblem,
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
    pub const CODES: &'static [&'static str] = &[
        "secret_missing",
        "secret_command_failed",
        "keyring_unusable",
    ];
}

impl Fault for SecretError {
    fn code(&self) -> &'static str {
        match self {
            Self::File { source, .. } => source.code(),
            Self::Command { .. } => "secret_command_failed",
            Self::Keyring { problem, .. } if *problem != KeyringProblem::Absent => {
                "keyring_unusable"
            }
            Self::Keyring { .. }
            | Self::NoVariable { .. }
            | Self::Empty { .. }
            | Self::NotText { .. } => "secret_missing",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

/// Where systemd puts what `LoadCredential=` names.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

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
    async fn a_key_that_is_not_in_the_keyring_is_named_with_the_way_to_put_it_there() {
        let source = SecretSource::Keyring("gatepost-nobody-put-it-there".to_owned());
        let error = source.fetch(&Clock::system(), "the secret of x").await;
        let error = error.expect_err("nobody put it there");
        let text = error.to_string();
        assert!(text.contains("the secret of x"), "{text}");
        assert!(text.contains("gatepost-nobody-put-it-there"), "{text}");
        if keyring::read("gatepost-nobody-put-it-there") == Err(KeyringProblem::Unsupported) {
            assert_eq!(error.code(), "keyring_unusable");
        } else {
            assert_eq!(error.code(), "secret_missing");
            assert!(text.contains("keyctl padd user"), "{text}");
        }
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
