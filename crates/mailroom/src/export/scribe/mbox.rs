//! A file for each folder: mboxrd.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use gatepost_host::files;
use gatepost_mail::FolderName;
use jiff::Timestamp;

use super::super::ExportError;
use super::super::manifest::{Entry, Place, relative};
use super::super::plan::Item;
use super::{MOST_TOGETHER, make_folder};
use crate::spool::hexadecimal;

/// One file with the messages of a folder.
pub(super) struct Mbox {
    root: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    /// Where the next message begins.
    end: u64,
    writing: Option<Writing>,
    written: Vec<Entry>,
}

struct Writing {
    item: Item,
    /// Of the message as it came.
    digest: Context,
    size: u64,
    /// Of what stands in the file.
    stored: Context,
    length: u64,
    quoting: Quoting,
}

impl Mbox {
    /// Opens the file, and cuts off what lies behind `end`: a run that was interrupted wrote it
    /// and recorded nothing of it.
    pub(super) fn open(root: &Path, folder: &Path, end: u64) -> Result<Self, ExportError> {
        let mut path = root.join(folder).into_os_string();
        path.push(".mbox");
        let path = PathBuf::from(path);
        if let Some(parent) = path.parent() {
            make_folder(root, parent)?;
        }
        let failed = ExportError::io("open", &path);
        let opened = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let mut file = options.open(&path)?;
            if file.metadata()?.len() > end {
                file.set_len(end)?;
            }
            file.seek(SeekFrom::Start(end))?;
            files::sync_folder_of(&path)?;
            Ok(file)
        };
        let file = opened().map_err(failed)?;
        Ok(Self {
            root: root.to_owned(),
            file: BufWriter::with_capacity(BUFFER, file),
            path,
            end,
            writing: None,
            written: Vec::new(),
        })
    }

    pub(super) fn begin(&mut self, item: Item) -> Result<(), ExportError> {
        self.forget()?;
        let at = item.received_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let first = format!("From MAILER-DAEMON {}\n", at.strftime("%a %b %e %T %Y"));
        self.writing = Some(Writing {
            item,
            digest: Context::new(&SHA256),
            size: 0,
            stored: Context::new(&SHA256),
            length: 0,
            quoting: Quoting::default(),
        });
        self.store(first.as_bytes())
    }

    pub(super) fn octets(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        let writing = self.writing.as_mut().ok_or(ExportError::Stopped)?;
        writing.digest.update(octets);
        writing.size += count(octets);
        let mut quoted = Vec::with_capacity(octets.len() + 64);
        writing.quoting.pass(octets, &mut quoted);
        self.store(&quoted)
    }

    /// The message is whole. It is kept by [`keep`](Self::keep) or dropped by
    /// [`forget`](Self::forget).
    pub(super) fn end(&mut self, folder: &FolderName) -> Result<Entry, ExportError> {
        let writing = self.writing.as_mut().ok_or(ExportError::Stopped)?;
        let mut rest = Vec::new();
        writing.quoting.end(&mut rest);
        self.store(&rest)?;
        let writing = self.writing.as_ref().ok_or(ExportError::Stopped)?;
        Ok(Entry {
            folder: folder.clone(),
            key: writing.item.key.clone(),
            received_at: writing.item.received_at,
            flags: writing.item.flags.clone(),
            place: Place {
                file: relative(&self.path, &self.root),
                offset: self.end,
                length: writing.length,
                stored_sha256: Some(hexadecimal(writing.stored.clone().finish().as_ref())),
                size: writing.size,
                sha256: hexadecimal(writing.digest.clone().finish().as_ref()),
            },
        })
    }

    /// Keeps the message that ended; answers whether enough are kept to make them durable.
    pub(super) fn keep(&mut self, entry: Entry) -> bool {
        self.writing = None;
        self.end += entry.place.length;
        self.written.push(entry);
        self.written.len() >= MOST_TOGETHER
    }

    /// Removes what was written of a message.
    pub(super) fn forget(&mut self) -> Result<(), ExportError> {
        if self.writing.take().is_none() {
            return Ok(());
        }
        let back = |this: &mut Self| {
            this.file.seek(SeekFrom::Start(this.end))?;
            this.file.get_ref().set_len(this.end)
        };
        back(self).map_err(ExportError::io("shorten", &self.path))
    }

    /// Makes what is kept durable.
    pub(super) fn commit(&mut self) -> Result<Vec<Entry>, ExportError> {
        let flushed = self.file.flush();
        let synced = flushed.and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(ExportError::io("sync", &self.path))?;
        Ok(std::mem::take(&mut self.written))
    }

    fn store(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        let writing = self.writing.as_mut().ok_or(ExportError::Stopped)?;
        writing.stored.update(octets);
        writing.length += count(octets);
        let written = self.file.write_all(octets);
        written.map_err(ExportError::io("write", &self.path))
    }
}

impl Drop for Mbox {
    fn drop(&mut self) {
        // The next run would cut it off too.
        let _ = self.forget();
    }
}

/// Puts `>` before every line that is `From ` behind any number of `>`, and makes CRLF to LF. The
/// pieces may be cut anywhere.
#[derive(Debug)]
struct Quoting {
    /// The beginning of a line that may still become `From `.
    start: Option<Vec<u8>>,
    /// A CR that may be the first half of a line end.
    has_cr: bool,
    /// Whether something came since the last line end.
    is_in_line: bool,
}

impl Default for Quoting {
    fn default() -> Self {
        Self {
            start: Some(Vec::new()),
            has_cr: false,
            is_in_line: false,
        }
    }
}

impl Quoting {
    fn pass(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            if std::mem::take(&mut self.has_cr) && *octet != b'\n' {
                self.put(b'\r', out);
            }
            match octet {
                b'\r' => self.has_cr = true,
                b'\n' => {
                    self.release(out);
                    out.push(b'\n');
                    self.start = Some(Vec::new());
                    self.is_in_line = false;
                }
                other => self.put(*other, out),
            }
        }
    }

    /// Ends the message: with a line end if it had none, and an empty line.
    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.has_cr) {
            self.put(b'\r', out);
        }
        self.release(out);
        out.extend_from_slice(if self.is_in_line { b"\n\n" } else { b"\n" });
    }

    fn put(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.is_in_line = true;
        let Some(start) = &mut self.start else {
            out.push(octet);
            return;
        };
        // Any number of `>` needs no memory: only whether `From ` follows is open.
        let marks_only = start.is_empty();
        if octet == b'>' && marks_only {
            out.push(octet);
            return;
        }
        start.push(octet);
        if start == FROM {
            out.push(b'>');
            self.release(out);
        } else if !FROM.starts_with(start) {
            self.release(out);
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        if let Some(start) = self.start.take() {
            out.extend_from_slice(&start);
        }
    }
}

fn count(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}

const FROM: &[u8] = b"From ";
const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(pieces: &[&[u8]]) -> String {
        let (mut quoting, mut out) = (Quoting::default(), Vec::new());
        for piece in pieces {
            quoting.pass(piece, &mut out);
        }
        quoting.end(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_looks_like_a_beginning_is_marked() {
        for (message, stored) in [
            ("From me\r\n", ">From me\n\n"),
            (
                "a\r\n>From you\r\n>>From\r\nb",
                "a\n>>From you\n>>From\nb\n\n",
            ),
            ("Fro\rm\r\n", "Fro\rm\n\n"),
            ("From\r\n From x\r\n", "From\n From x\n\n"),
            ("", "\n"),
            ("Fr", "Fr\n\n"),
            ("a\r", "a\r\n\n"),
            (">", ">\n\n"),
        ] {
            assert_eq!(quoted(&[message.as_bytes()]), stored, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(message in "[From >\r\na]{0,40}", cut in 0_usize..40) {
            let (one, two) = message.as_bytes().split_at(cut.min(message.len()));
            prop_assert_eq!(quoted(&[one, two]), quoted(&[message.as_bytes()]));
            let lines = quoted(&[message.as_bytes()]);
            prop_assert!(!lines.lines().any(|line| line.starts_with("From ")));
        }
    }
}
