//! Makes many files durable at once.

use std::fs::File;
use std::io;

/// Makes all `files` durable. A few are synced one by one. Many are synced with their whole file
/// system, which is one commit of its journal instead of one for each; `folder` was opened before
/// the files were written, so a write that failed since then is reported (syncfs(2), Linux 5.8).
pub(crate) fn sync_all<'a>(
    folder: &File,
    files: impl ExactSizeIterator<Item = &'a File>,
) -> io::Result<()> {
    if files.len() >= MANY {
        return Ok(rustix::fs::syncfs(folder)?);
    }
    for file in files {
        file.sync_all()?;
    }
    Ok(())
}

/// From how many files on it pays to sync the whole file system.
const MANY: usize = 8;
