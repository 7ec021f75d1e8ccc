//! A file system that is really full.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::PeerError;

/// A small file system over one folder of a running program, which alone sees it. It lives in a
/// mount namespace, and that in a user namespace unless the test runs as root: so nobody needs
/// privileges, where the kernel gives user namespaces to everybody. Where it does not, only root
/// can run such a test, and for others the program does not start.
///
/// A limit on the size of files (`RLIMIT_FSIZE`) would not do instead: it ends in a signal or in
/// EFBIG, which is not what a full disk answers.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// The command that mounts a file system of so many MiB over `folder` and becomes `program`.
    pub(crate) fn below(program: &Command, (folder, mebibytes): (&Path, u32)) -> Command {
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args(["--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o size=\"$1\"m,mode=700 small \"$2\" && shift 2 && exec \"$@\"")
            .args(["sh", &mebibytes.to_string()])
            .arg(folder)
            .arg(program.get_program())
            .args(program.get_args());
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        command
    }

    /// The disk that the process sees over `folder`.
    pub(crate) fn of(process: u32, folder: &Path) -> Self {
        let root = PathBuf::from(format!("/proc/{process}/root"));
        let inside = folder.strip_prefix("/").unwrap_or(folder);
        Self {
            folder: root.join(inside),
        }
    }

    /// The folder, as it is seen from outside.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves no octet free.
    pub fn fill(&self) -> Result<(), PeerError> {
        let path = self.folder.join(FILLER);
        let mut filler = File::create(&path).map_err(PeerError::file(&path))?;
        loop {
            match filler.write_all(&[b'x'; 4_096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(PeerError::file(&path)(error)),
            }
        }
    }

    /// Gives the room back.
    pub fn free(&self) -> Result<(), PeerError> {
        let path = self.folder.join(FILLER);
        fs::remove_file(&path).map_err(PeerError::file(&path))
    }
}

const FILLER: &str = "filler";
