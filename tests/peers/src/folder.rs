//! The temporary folder of a counterpart and the files in it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt, chown};
use std::path::Path;

use tempfile::TempDir;

use crate::PeerError;

/// A new temporary folder that counterparts under other users may enter.
pub(crate) fn temporary(prefix: &str) -> Result<TempDir, PeerError> {
    let folder = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .map_err(PeerError::system("cannot make a temporary folder"))?;
    // Dovecot's own processes leave root behind and must still reach their files.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
        .map_err(PeerError::file(folder.path()))?;
    Ok(folder)
}

/// Makes a folder with everything above it.
pub(crate) fn make(path: &Path) -> Result<(), PeerError> {
    fs::create_dir_all(path).map_err(PeerError::file(path))
}

/// Makes a folder, with everything above it, that only its owner may enter.
pub(crate) fn private(path: &Path) -> Result<(), PeerError> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(PeerError::file(path))
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), PeerError> {
    fs::write(path, content).map_err(PeerError::file(path))
}

/// Writes a whole file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<(), PeerError> {
    write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(PeerError::file(path))
}

/// Gives a file or folder to the user that counterparts run as, if we are root.
pub(crate) fn give(path: &Path, owner: Owner) -> Result<(), PeerError> {
    match owner {
        Owner::Ourselves => Ok(()),
        Owner::Other { uid, gid } => {
            chown(path, Some(uid), Some(gid)).map_err(PeerError::file(path))
        }
    }
}

/// Who owns the mail of a counterpart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {
    /// The user that runs the tests.
    Ourselves,
    /// Another user: mail servers refuse to serve root's mail.
    Other { uid: u32, gid: u32 },
}

impl Owner {
    /// The user that may own mail here: ourselves, or nobody when we are root.
    pub(crate) fn of_this_process() -> Self {
        if rustix::process::geteuid().is_root() {
            Self::Other {
                uid: NOBODY,
                gid: NOBODY,
            }
        } else {
            Self::Ourselves
        }
    }
}

/// `nobody` and `nogroup` on Debian.
const NOBODY: u32 = 65_534;
