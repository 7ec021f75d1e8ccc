//! The folder that holds everything Gatepost keeps, and who may use it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_host::{Clock, FileError, files};

use crate::StoreError;

/// The folder that holds the database, the key and the lock: `state` in the configuration.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

/// The right to be the one `gatepost serve` of a state folder. It ends with the process,
/// however that ends, since the operating system holds it (`flock`).
#[derive(Debug)]
pub(crate) struct ServeLock(
    #[expect(dead_code, reason = "the lock lives as long as the file is open")] File,
);

impl StateFolder {
    /// Names a folder; it need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("gatepost.db")
    }

    /// The key file that is made on first use, unless the key comes from elsewhere.
    pub fn key(&self) -> PathBuf {
        self.0.join("gatepost.key")
    }

    /// The sealed files of messages that are too large for the database.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// The file that the one `gatepost serve` holds locked; it contains the process id.
    pub fn lock(&self) -> PathBuf {
        self.0.join("gatepost.lock")
    }

    /// Makes the folder, and sees to it that nobody else can look into it.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        files::make_private_folder(&self.0)?;
        let metadata = std::fs::metadata(&self.0).map_err(|source| FileError::Io {
            action: "look at",
            path: self.0.clone(),
            source,
        })?;
        if metadata.mode() & STICKY != 0 {
            return Err(StoreError::Shared {
                folder: self.0.clone(),
            });
        }
        keep_private(&self.0, 0o700)
    }

    /// Makes an empty database file that only its owner may read. SQLite gives the files
    /// beside it (`-wal`, `-shm`) the same permissions.
    pub(crate) fn prepare_database(&self) -> Result<(), StoreError> {
        let path = self.database();
        if !path.exists() {
            match files::create_private(&path, b"") {
                // Another process made it in the meantime.
                Err(FileError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
        keep_private(&path, 0o600)
    }

    /// Takes the lock, or says who has it. A verb that brings the schema up to date has it for
    /// a moment only.
    pub(crate) async fn lock_soon(
        &self,
        clock: &Clock,
    ) -> Result<Result<ServeLock, String>, StoreError> {
        for _ in 0..TRIES {
            if let Ok(lock) = self.try_lock()? {
                return Ok(Ok(lock));
            }
            clock.sleep(STEP).await;
        }
        self.try_lock()
    }

    /// Takes the lock at once, or says who has it.
    pub(crate) fn try_lock(&self) -> Result<Result<ServeLock, String>, StoreError> {
        let path = self.lock();
        let failed = |source| {
            StoreError::File(FileError::Io {
                action: "lock",
                path: path.clone(),
                source,
            })
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(Err(named_in(&mut file))),
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Ok(ServeLock(file)))
    }
}

/// Takes away what group and others may do with `path`.
fn keep_private(path: &Path, mode: u32) -> Result<(), StoreError> {
    let failed = |action| {
        move |source| {
            StoreError::File(FileError::Io {
                action,
                path: path.to_owned(),
                source,
            })
        }
    };
    let metadata = std::fs::metadata(path).map_err(failed("look at"))?;
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(failed("make private"))?;
    }
    Ok(())
}

fn named_in(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(PID_DIGITS).read_to_string(&mut text);
    match text.trim() {
        pid if read.is_ok() && !pid.is_empty() => format!("pid {pid}"),
        _ => "its pid is not known yet".to_owned(),
    }
}

const PID_DIGITS: u64 = 20;
/// Everybody may make files in a folder with this bit, as in `/tmp`, and keeps their own.
const STICKY: u32 = 0o1000;
const STEP: Duration = Duration::from_millis(50);
/// One second's worth of steps.
const TRIES: u32 = 20;
