//! The real email-oauth2-proxy, in a Python of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::PeerError;

/// The Python that has email-oauth2-proxy; [`EmailProxy::clients`] runs it and uses it.
#[derive(Debug)]
pub struct EmailProxy {
    python: PathBuf,
}

impl EmailProxy {
    /// Finds it where the test command installs it.
    pub fn installed() -> Result<Self, PeerError> {
        let folder = Path::new(FOLDER);
        let python = folder.join("venv/bin/python");
        if python.is_file() {
            Ok(Self { python })
        } else {
            Err(PeerError::NoPythonPackages {
                folder: folder.to_owned(),
            })
        }
    }

    /// Its Python, with nothing to do yet.
    pub fn python(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The program that starts it and uses it as clients do; what it is told stands there.
    pub fn clients(&self) -> Command {
        let mut command = self.python();
        command.arg(Path::new(FOLDER).join("clients.py"));
        command
    }
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/emailproxy");
