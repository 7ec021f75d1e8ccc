//! Programs that Debian's packages bring.

use std::path::{Path, PathBuf};

use crate::PeerError;

/// Finds a program, or a file of a library, of a package. Servers are in folders that are often not in `PATH`.
pub fn program(name: &'static str, package: &'static str) -> Result<PathBuf, PeerError> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
        .ok_or(PeerError::Missing {
            program: name,
            package,
        })
}

const FOLDERS: &[&str] = &[
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/lib/dovecot",
    "/usr/lib/postfix/sbin",
    "/usr/lib/git-core",
    "/usr/share/perl5",
    "/usr/lib/x86_64-linux-gnu/sasl2",
    "/usr/lib/aarch64-linux-gnu/sasl2",
];
