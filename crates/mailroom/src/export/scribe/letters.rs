//! A file for each message: Maildir and eml.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use gatepost_mail::{Flag, FolderName};
use jiff::Timestamp;

use super::super::manifest::{Entry, Place, relative};
use super::super::plan::Item;
use super::super::{ExportError, Format, names};
use super::{MOST_TOGETHER, make_folder};
use crate::durable;
use crate::spool::hexadecimal;

/// One folder of files.
pub(super) struct Letters {
    root: PathBuf,
    format: Format,
    /// Where files are while they are written.
    unfinished: PathBuf,
    /// Where they are in the end.
    finished: PathBuf,
    /// Opened before any of them was written.
    watched: File,
    writing: Option<Writing>,
    written: Vec<Written>,
}

struct Writing {
    item: Item,
    name: String,
    path: PathBuf,
    file: File,
    digest: Context,
    size: u64,
}

struct Written {
    file: File,
    from: PathBuf,
    entry: Entry,
}

impl Letters {
    pub(super) fn open(root: &Path, folder: &Path, format: Format) -> Result<Self, ExportError> {
        let folder = root.join(folder);
        make_folder(root, &folder)?;
        let (unfinished, finished) = match format {
            Format::Maildir => {
                for part in ["tmp", "new", "cur"] {
                    make_folder(root, &folder.join(part))?;
                }
                (folder.join("tmp"), folder.join("cur"))
            }
            Format::Eml | Format::Mbox => (folder.clone(), folder),
        };
        Ok(Self {
            root: root.to_owned(),
            format,
            watched: File::open(&finished).map_err(ExportError::io("open", &finished))?,
            unfinished,
            finished,
            writing: None,
            written: Vec::new(),
        })
    }

    pub(super) fn begin(&mut self, folder: &FolderName, item: Item) -> Result<(), ExportError> {
        self.forget()?;
        let seconds = item.received_at.map_or(0, Timestamp::as_second);
        let name = names::message_name(folder, &item.key, seconds);
        let path = self.unfinished.join(match self.format {
            Format::Maildir => name.clone(),
            Format::Eml | Format::Mbox => format!(".{name}.part"),
        });
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options
            .open(&path)
            .map_err(ExportError::io("make", &path))?;
        self.writing = Some(Writing {
            item,
            name,
            path,
            file,
            digest: Context::new(&SHA256),
            size: 0,
        });
        Ok(())
    }

    pub(super) fn octets(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        let writing = self.writing.as_mut().ok_or(ExportError::Stopped)?;
        writing.digest.update(octets);
        writing.size += u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let written = writing.file.write_all(octets);
        written.map_err(ExportError::io("write", &writing.path))
    }

    /// The message is whole. It is kept by [`keep`](Self::keep) or dropped by
    /// [`forget`](Self::forget).
    pub(super) fn end(&mut self, folder: &FolderName) -> Result<Entry, ExportError> {
        let writing = self.writing.as_ref().ok_or(ExportError::Stopped)?;
        if let Some(at) = writing.item.received_at {
            // A convenience for people; file systems that cannot do it lose nothing.
            let _ = writing.file.set_modified(time_of(at.as_second()));
        }
        let name = match self.format {
            Format::Maildir => format!(
                "{}.gatepost,S={}:2,{}",
                writing.name,
                writing.size,
                letters_of(&writing.item.flags)
            ),
            Format::Eml | Format::Mbox => format!("{}.eml", writing.name),
        };
        Ok(Entry {
            folder: folder.clone(),
            key: writing.item.key.clone(),
            received_at: writing.item.received_at,
            flags: writing.item.flags.clone(),
            place: Place {
                file: relative(&self.finished.join(name), &self.root),
                offset: 0,
                length: writing.size,
                stored_sha256: None,
                size: writing.size,
                sha256: hexadecimal(writing.digest.clone().finish().as_ref()),
            },
        })
    }

    /// Keeps the message that ended; answers whether enough are kept to make them durable.
    pub(super) fn keep(&mut self, entry: Entry) -> bool {
        if let Some(writing) = self.writing.take() {
            self.written.push(Written {
                file: writing.file,
                from: writing.path,
                entry,
            });
        }
        self.written.len() >= MOST_TOGETHER
    }

    /// Removes what was written of a message.
    pub(super) fn forget(&mut self) -> Result<(), ExportError> {
        match self.writing.take() {
            Some(Writing { path, .. }) => {
                std::fs::remove_file(&path).map_err(ExportError::io("remove", &path))
            }
            None => Ok(()),
        }
    }

    /// Makes what is kept durable, under its name.
    pub(super) fn commit(&mut self) -> Result<Vec<Entry>, ExportError> {
        let written = std::mem::take(&mut self.written);
        if written.is_empty() {
            return Ok(Vec::new());
        }
        let open = written.iter().map(|one| &one.file);
        durable::sync_all(&self.watched, open).map_err(ExportError::io("sync", &self.finished))?;
        let mut entries = Vec::with_capacity(written.len());
        for Written { from, entry, .. } in written {
            let to = self.root.join(&entry.place.file);
            std::fs::rename(&from, &to).map_err(ExportError::io("name", &to))?;
            entries.push(entry);
        }
        let synced = self.watched.sync_all();
        synced.map_err(ExportError::io("sync", &self.finished))?;
        Ok(entries)
    }
}

impl Drop for Letters {
    fn drop(&mut self) {
        // The next run would remove it too.
        let _ = self.forget();
    }
}

fn time_of(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH - distance
    } else {
        SystemTime::UNIX_EPOCH + distance
    }
}

/// The letters of flags in a Maildir, in alphabetical order.
fn letters_of(flags: &[Flag]) -> String {
    let letter = |flag: &Flag| match flag {
        Flag::Draft => Some('D'),
        Flag::Flagged => Some('F'),
        Flag::Answered => Some('R'),
        Flag::Seen => Some('S'),
        Flag::Deleted => Some('T'),
        Flag::Keyword(_) => None,
    };
    let mut letters: Vec<char> = flags.iter().filter_map(letter).collect();
    letters.sort_unstable();
    letters.dedup();
    letters.into_iter().collect()
}
