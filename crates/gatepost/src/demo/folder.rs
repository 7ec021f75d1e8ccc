//! The folder of a demonstration: what is in it is what a real one would have.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gatepost_host::{Chance, FileError, files};
use gatepost_sandbox::Sandbox;
use gatepost_sandbox::tenant::{CLIENT_ID, TENANT_ID};

use super::DemoError;
use crate::failure::Failure;
use crate::usage::UsageError;

/// The folder of a demonstration.
#[derive(Debug)]
pub(super) enum DemoFolder {
    /// It stays when the demonstration ends.
    Kept(PathBuf),
    /// It goes with the demonstration.
    Temporary(PathBuf),
}

impl DemoFolder {
    /// Makes the folder, or takes an empty one.
    pub(super) fn make(wish: Option<PathBuf>, chance: &Chance) -> Result<Self, Failure> {
        let name = format!("gatepost-demo-{}", chance.token(6));
        let folder = wish.map_or_else(
            || Self::Temporary(std::env::temp_dir().join(name)),
            |path| Self::Kept(std::path::absolute(&path).unwrap_or(path)),
        );
        files::make_private_folder(folder.path()).map_err(UsageError::named)?;
        let mut entries = std::fs::read_dir(folder.path()).map_err(|source| {
            let path = folder.path().to_owned();
            FileError::Io {
                action: "read the folder",
                path,
                source,
            }
        })?;
        if entries.next().is_some() {
            return Err(DemoError::FolderInUse {
                path: folder.path().to_owned(),
            }
            .into());
        }
        Ok(folder)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Temporary(path) => path,
        }
    }

    /// The configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.path().join("gatepost.toml")
    }

    /// Where the sandbox keeps its keys.
    pub(super) fn sandbox(&self) -> PathBuf {
        self.path().join("sandbox")
    }

    /// What other programs need to use the sandbox.
    pub(super) fn env_file(&self) -> PathBuf {
        self.path().join("sandbox.env")
    }

    /// Where mail goes.
    pub(super) fn maildir(&self) -> PathBuf {
        self.path().join("copies")
    }

    /// What the program writes.
    pub(super) fn program_output(&self) -> PathBuf {
        self.path().join("arrivals.txt")
    }

    /// Writes the configuration for `sandbox`, the program it starts, and a letter to deliver.
    pub(super) fn furnish(&self, sandbox: &Sandbox) -> Result<(), FileError> {
        let program = self.path().join("on-mail.sh");
        files::write_private(&program, PROGRAM.as_bytes())?;
        let executable = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&program, executable).map_err(|source| FileError::Io {
            action: "make executable",
            path: program,
            source,
        })?;
        files::write_private(&self.path().join("letter.eml"), LETTER.as_bytes())?;
        files::write_private(&self.config(), config(sandbox).as_bytes())
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// The configuration of the demonstration: a real one but for its cloud.
fn config(sandbox: &Sandbox) -> String {
    let (certificate, private_key) = sandbox.app_files();
    CONFIG
        .replace("@LOGIN@", &sandbox.login())
        .replace(
            "@IMAP@",
            &format!("localhost:{}", sandbox.addresses().imap.port()),
        )
        .replace("@CA@", &sandbox.ca_file().display().to_string())
        .replace("@TENANT@", TENANT_ID)
        .replace("@CLIENT_ID@", CLIENT_ID)
        .replace("@CERTIFICATE@", &certificate.display().to_string())
        .replace("@PRIVATE_KEY@", &private_key.display().to_string())
}

const CONFIG: &str = include_str!("gatepost.toml");
const PROGRAM: &str = include_str!("on-mail.sh");
const LETTER: &str = include_str!("letter.eml");
