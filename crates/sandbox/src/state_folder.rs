//! The folder that holds the sandbox's keys, certificates and passwords.

use std::path::{Path, PathBuf};

use gatepost_host::{Chance, files};
use rcgen::KeyPair;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::SandboxError;

/// A private folder. Without a wish where it is kept, it ends with the sandbox.
#[derive(Debug)]
pub(crate) enum StateFolder {
    /// The next run finds everything again.
    Kept(PathBuf),
    /// Removed on drop.
    Temporary(PathBuf),
}

/// The secrets of the imaginary tenant.
#[derive(Debug)]
pub(crate) struct Passwords {
    /// Everybody's password.
    pub(crate) person: SecretString,
    /// The app's secret.
    pub(crate) client_secret: SecretString,
    /// Opens the control API.
    pub(crate) control: SecretString,
}

#[derive(Serialize, Deserialize)]
struct PasswordFile {
    person: String,
    client_secret: String,
    control: String,
}

impl StateFolder {
    pub(crate) fn open(kept: Option<&Path>, chance: &Chance) -> Result<Self, SandboxError> {
        let folder = if let Some(path) = kept {
            Self::Kept(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
        } else {
            let name = format!("gatepost-sandbox-{}", chance.token(9));
            Self::Temporary(std::env::temp_dir().join(name))
        };
        files::make_private_folder(folder.path())?;
        Ok(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The key of this name; `make` makes it the first time.
    pub(crate) fn key(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<KeyPair, rcgen::Error>,
    ) -> Result<KeyPair, SandboxError> {
        let unusable = |error: rcgen::Error| SandboxError::Key {
            what: "a key of its state folder",
            reason: error.to_string(),
        };
        let path = self.file(name);
        if path.exists() {
            let pem = read_text(&path)?;
            return KeyPair::from_pem(&pem).map_err(unusable);
        }
        let key = make().map_err(unusable)?;
        let pem = SecretString::from(key.serialize_pem());
        files::create_private(&path, pem.expose_secret().as_bytes())?;
        Ok(key)
    }

    /// The PEM text of this name; `make` makes it the first time.
    pub(crate) fn certificate(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<String, SandboxError>,
    ) -> Result<String, SandboxError> {
        let path = self.file(name);
        if path.exists() {
            return read_text(&path);
        }
        let pem = make()?;
        files::create_private(&path, pem.as_bytes())?;
        Ok(pem)
    }

    /// The passwords, made the first time.
    pub(crate) fn passwords(&self, chance: &Chance) -> Result<Passwords, SandboxError> {
        let path = self.file("passwords.json");
        let kept: PasswordFile = if path.exists() {
            let unreadable = |error: serde_json::Error| SandboxError::Passwords {
                reason: format!("line {}, column {}", error.line(), error.column()),
            };
            serde_json::from_str(&read_text(&path)?).map_err(unreadable)?
        } else {
            // The form of Entra's own: a client secret has 40 characters, among them `~` and `.`.
            let fresh = PasswordFile {
                person: format!("{}.7a", chance.token(12)),
                client_secret: format!("{}~.{}", chance.token(3), chance.token(25)),
                control: chance.token(24),
            };
            let text = serde_json::to_vec_pretty(&fresh).expect("three strings are always JSON");
            files::create_private(&path, &text)?;
            fresh
        };
        Ok(Passwords {
            person: kept.person.into(),
            client_secret: kept.client_secret.into(),
            control: kept.control.into(),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Temporary(path) => path,
        }
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn read_text(path: &Path) -> Result<String, SandboxError> {
    let octets = files::read_private(path, MOST)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// No key, certificate or password file of ours is larger.
const MOST: usize = 64 * 1024;
