//! Whether a program could be started, without starting it.

use std::io;
use std::path::Path;

use gatepost_host::environment;
use rustix::fs::{Access, access};

/// Whether the operating system would start `program`, and what it would say if not. A bare name
/// is looked up in `PATH`, as it is when it runs.
pub fn is_startable(program: &Path) -> io::Result<()> {
    if program.components().count() > 1 {
        return executable(program);
    }
    let folders = environment::path("PATH").unwrap_or_default();
    let somewhere =
        std::env::split_paths(&folders).any(|folder| executable(&folder.join(program)).is_ok());
    if somewhere {
        Ok(())
    } else {
        let reason = "no folder of PATH has it; write its whole path";
        Err(io::Error::new(io::ErrorKind::NotFound, reason))
    }
}

fn executable(program: &Path) -> io::Result<()> {
    if std::fs::metadata(program)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(program, Access::EXEC_OK)?)
}
