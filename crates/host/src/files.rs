//! Files that nobody else may read: secrets, keys, databases, spooled mail.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use gatepost_fault::{After, Fault, Next, Owner};
use zeroize::Zeroizing;

/// Makes `folder` and its parents, the last one readable by its owner only.
pub fn make_private_folder(folder: &Path) -> Result<(), FileError> {
    let make = |path: &Path| {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let is_file = || io::Error::new(error.kind(), "a file of that name is there");
                path.is_dir().then_some(()).ok_or_else(is_file)
            }
            other => other,
        }
    };
    make(folder).map_err(|error| FileError::io("make the folder", folder, error))
}

/// Writes a file of mode 0600 so that after a crash either the old or the new content is there,
/// whole: a temporary file beside it, fsync, rename, fsync of the folder.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_with_mode(0o600, path, content)
}

/// The same with mode 0640, for a file that the programs of one group read.
pub fn write_for_group(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_with_mode(0o640, path, content)
}

fn write_with_mode(mode: u32, path: &Path, content: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::io("write", path, error);
    let (temporary, mut file) = create_beside(path).map_err(failed)?;
    let written = (|| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        sync_folder_of(path)
    })();
    written.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        failed(error)
    })
}

/// Makes a new file of mode 0600 and writes it durably; an existing file is an error and is
/// left alone. After a crash it is there whole, or not at all.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::io("make", path, error);
    let (temporary, mut file) = create_beside(path).map_err(failed)?;
    let written = (|| {
        file.write_all(content)?;
        file.sync_all()?;
        // Unlike `rename`, it never takes the place of another file.
        std::fs::hard_link(&temporary, path)
    })();
    let _ = std::fs::remove_file(&temporary);
    match written {
        Ok(()) => {}
        // There are file systems on which a file has one name only.
        Err(error) if has_no_links(&error) => write_new(path, content).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    }
    sync_folder_of(path).map_err(|error| {
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

/// Whether it says that the file system knows no links: EPERM (`link(2)`), or not supported.
fn has_no_links(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error())
}

/// Makes it in its place. A file that cannot be written whole is removed again.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

/// Reads a file that must be readable by its owner only (mode 0600 or stricter; a group may
/// read it if it belongs to root, as systemd and Kubernetes mount secrets), at most `most` octets.
pub fn read_private(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(|error| FileError::io("read", path, error))?;
    let metadata = file
        .metadata()
        .map_err(|error| FileError::io("read", path, error))?;
    let open_to_others = metadata.mode() & 0o007 != 0;
    let open_to_group = metadata.mode() & 0o070 != 0 && metadata.uid() != 0;
    if open_to_others || open_to_group {
        return Err(FileError::TooOpen {
            path: path.to_owned(),
            mode: metadata.mode() & 0o777,
        });
    }
    read_at_most(file, path, most)
}

/// Reads a file that may be public, at most `most` octets.
pub fn read_public(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(|error| FileError::io("read", path, error))?;
    read_at_most(file, path, most)
}

/// How a file looks from outside; another content has another stamp, and so have other
/// permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
    number: u64,
}

/// The stamp of a file, if it is there. A link counts as what it leads to: Kubernetes changes
/// the link and not the file.
pub fn stamp(path: &Path) -> Option<FileStamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(FileStamp {
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        size: metadata.size(),
        number: metadata.ino(),
    })
}

/// Makes the entry of `path` in its folder durable.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn read_at_most(file: File, path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let mut content = Zeroizing::new(Vec::new());
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit)
        .read_to_end(&mut content)
        .map_err(|error| FileError::io("read", path, error))?;
    if content.len() > most {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            most,
        });
    }
    Ok(content)
}

/// Makes a new file of mode 0600. What stands there is not opened, not even through a link.
fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Makes a file beside `path` that nobody else writes: not another thread, nor another process,
/// and not who left one there before.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0;
    loop {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.{number}.new", std::process::id()));
        let temporary = path.with_file_name(name);
        match create_new(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_BESIDE => {
                number += 1;
            }
            made => return made.map(|file| (temporary, file)),
        }
    }
}

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others may read a file that holds a secret.
    #[error("{} holds a secret and others may read it (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is larger than anything of its kind.
    #[error("{} is larger than {most} octets; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in octets.
        most: usize,
    },
}

impl FileError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &[
        "disk_full",
        "file_missing",
        "file_unusable",
        "file_readable_by_others",
        "file_too_large",
    ];

    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Fault for FileError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk_full",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => "file_missing",
            Self::Io { .. } => "file_unusable",
            Self::TooOpen { .. } => "file_readable_by_others",
            Self::TooLarge { .. } => "file_too_large",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Next::Retry(After::Backoff)
            }
            _ => Next::Reconfigure,
        }
    }
}

/// Files that crashed or concurrent writers may have left beside one.
const MOST_BESIDE: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_privately_is_read_privately() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        write_private(&path, b"one").expect("a writable folder");
        write_private(&path, b"two").expect("a writable folder");
        assert_eq!(
            read_private(&path, 10).expect("a private file").as_slice(),
            b"two"
        );
        let mode = std::fs::metadata(&path)
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("the folder")
            .collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
    }

    #[test]
    fn a_group_reads_what_is_written_for_it_and_others_do_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        write_for_group(&path, b"one").expect("a writable folder");
        let metadata = std::fs::metadata(&path).expect("the file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn what_stands_where_the_temporary_file_would_is_not_written_through() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, victim) = (folder.path().join("secret"), folder.path().join("victim"));
        std::fs::write(&victim, "mine").expect("a writable folder");
        for name in [
            format!(".secret.{}.new", std::process::id()),
            format!(".secret.{}.0.new", std::process::id()),
        ] {
            std::os::unix::fs::symlink(&victim, folder.path().join(name)).expect("a link");
        }
        write_private(&path, b"one").expect("a writable folder");
        let left = std::fs::read(&victim).expect("it is there");
        assert_eq!(left, b"mine");
        assert!(!path.is_symlink());
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "x").expect("a writable folder");
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        let error = read_private(&path, 10).expect_err("it is world-readable");
        assert_eq!(error.code(), "file_readable_by_others");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn other_permissions_are_another_stamp() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        create_private(&path, b"first").expect("a new file");
        let before = stamp(&path);
        // The file system's clock ticks every few milliseconds.
        let differs = (0..100_000_u32).any(|_| {
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
            stamp(&path) != before
        });
        assert!(differs);
    }

    #[test]
    fn an_existing_file_is_never_overwritten_by_create() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        create_private(&path, b"first").expect("a new file");
        create_private(&path, b"second").expect_err("it exists");
        assert_eq!(
            read_private(&path, 10).expect("a private file").as_slice(),
            b"first"
        );
        let left = std::fs::read_dir(folder.path()).expect("the folder");
        assert_eq!(left.count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_system_without_links_gets_the_file_all_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        let refused = io::Error::from_raw_os_error(rustix::io::Errno::PERM.raw_os_error());
        assert!(has_no_links(&refused));
        assert!(!has_no_links(&io::ErrorKind::AlreadyExists.into()));
        write_new(&path, b"first").expect("a new file");
        write_new(&path, b"second").expect_err("it exists");
        assert_eq!(
            read_private(&path, 10).expect("a private file").as_slice(),
            b"first"
        );
    }
}
