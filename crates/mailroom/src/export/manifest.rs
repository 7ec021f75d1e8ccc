//! The manifest: a line of JSON for each message that is exported, behind a line that says of
//! what.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use gatepost_host::files;
use gatepost_mail::{Flag, FolderName, MessageKey};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::resume::Names;
use super::{Export, ExportError};

/// The open manifest of one export. Nobody else writes into it meanwhile.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) path: PathBuf,
    file: File,
    is_begun: bool,
    folders: BTreeMap<FolderName, BTreeMap<MessageKey, Place>>,
    /// The files that were ever recorded, also those that are lost: somebody may have moved them.
    pub(super) names: Names,
}

/// Where an exported message is, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The file, relative to the folder of the export.
    pub(super) file: String,
    /// Where it begins in a file that holds several messages.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(super) offset: u64,
    /// How many octets of the file it takes.
    pub(super) length: u64,
    /// The SHA-256 over these octets of the file, in hexadecimal digits, where they differ from
    /// those of the message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) stored_sha256: Option<String>,
    /// The size of the message in octets.
    pub(super) size: u64,
    /// The SHA-256 of the message as the server sent it, in hexadecimal digits.
    pub(super) sha256: String,
}

/// What is written of an exported message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) folder: FolderName,
    pub(super) key: MessageKey,
    pub(super) received_at: Option<Timestamp>,
    pub(super) flags: Vec<Flag>,
    #[serde(flatten)]
    pub(super) place: Place,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    Export(Head),
    Message(Entry),
    Skipped {
        folder: FolderName,
        key: MessageKey,
        why: String,
    },
    /// Its file is lost or damaged: what was written of it before does not hold any more.
    Lost {
        folder: FolderName,
        key: MessageKey,
    },
}

/// Of what it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    version: u32,
    mailbox: String,
    format: String,
}

impl Head {
    fn of(export: &Export) -> Self {
        Self {
            version: VERSION,
            mailbox: export.mailbox.clone(),
            format: export.format.name().to_owned(),
        }
    }
}

impl Manifest {
    /// Opens the manifest of this export; [`begin`](Self::begin) makes the folder its own.
    pub(super) fn open(export: &Export) -> Result<Self, ExportError> {
        files::make_private_folder(&export.to)?;
        let path = export.to.join(NAME);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let file = options
            .open(&path)
            .map_err(ExportError::io("open", &path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| ExportError::Busy {
            path: export.to.clone(),
        })?;
        let head = Head::of(export);
        let mut manifest = Self {
            path,
            file,
            is_begun: false,
            folders: BTreeMap::new(),
            names: Names::default(),
        };
        manifest.is_begun = manifest.read(&head, export)? > 0;
        if !manifest.is_begun {
            expect_empty(&export.to)?;
        }
        Ok(manifest)
    }

    /// Says of what it is, unless it does already.
    pub(super) fn begin(&mut self, export: &Export) -> Result<(), ExportError> {
        if !self.is_begun {
            self.write(&[Line::Export(Head::of(export))])?;
            let root = files::sync_folder_of(&export.to);
            let synced = root.and_then(|()| files::sync_folder_of(&self.path));
            synced.map_err(ExportError::io("sync the folder of", &self.path))?;
            self.is_begun = true;
        }
        Ok(())
    }

    /// Whether this message is exported.
    pub(super) fn holds(&self, folder: &FolderName, key: &MessageKey) -> bool {
        self.of(folder).is_some_and(|of| of.contains_key(key))
    }

    /// What is exported of a folder.
    pub(super) fn of(&self, folder: &FolderName) -> Option<&BTreeMap<MessageKey, Place>> {
        self.folders.get(folder)
    }

    /// Everything that is exported.
    pub(super) fn places(&self) -> impl Iterator<Item = (&FolderName, &MessageKey, &Place)> {
        self.folders
            .iter()
            .flat_map(|(folder, of)| of.iter().map(move |(key, place)| (folder, key, place)))
    }

    /// Records what is durable, durably.
    pub(super) fn record(&mut self, entries: Vec<Entry>) -> Result<(), ExportError> {
        let lines: Vec<Line> = entries.into_iter().map(Line::Message).collect();
        self.write(&lines)?;
        for line in lines {
            self.remember(line);
        }
        Ok(())
    }

    /// Records that a message cannot be had. It is tried again by the next run.
    pub(super) fn skip(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
        why: &str,
    ) -> Result<(), ExportError> {
        self.write(&[Line::Skipped {
            folder: folder.clone(),
            key: key.clone(),
            why: why.to_owned(),
        }])
    }

    /// Records that messages have no file any more.
    pub(super) fn forget<'a>(
        &mut self,
        lost: impl Iterator<Item = (&'a FolderName, &'a MessageKey)>,
    ) -> Result<(), ExportError> {
        let lines: Vec<Line> = lost
            .map(|(folder, key)| Line::Lost {
                folder: folder.clone(),
                key: key.clone(),
            })
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        self.write(&lines)?;
        for line in lines {
            self.remember(line);
        }
        Ok(())
    }

    fn remember(&mut self, line: Line) {
        match line {
            Line::Message(Entry {
                folder, key, place, ..
            }) => {
                self.names.add(&place);
                self.folders.entry(folder).or_default().insert(key, place);
            }
            Line::Lost { folder, key } => {
                if let Some(of) = self.folders.get_mut(&folder) {
                    of.remove(&key);
                }
            }
            Line::Export(_) | Line::Skipped { .. } => {}
        }
    }

    /// Reads what an earlier run wrote; answers how many lines there were. What a crash left
    /// behind the last whole line is cut off.
    fn read(&mut self, wanted: &Head, export: &Export) -> Result<usize, ExportError> {
        let path = self.path.clone();
        let failed = |error| ExportError::io("read", &path)(error);
        let mut reader = BufReader::new(self.file.try_clone().map_err(failed)?);
        let (mut whole, mut number, mut line) = (0_u64, 0_usize, Vec::new());
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            whole += u64::try_from(read).unwrap_or(u64::MAX);
            let parsed = serde_json::from_slice(&line);
            let parsed = parsed.map_err(|error| self.damaged(number, error.to_string()))?;
            match parsed {
                Line::Export(head) if number == 1 => same(&head, wanted, export)?,
                Line::Export(_) => return Err(self.damaged(number, TWO_HEADS.to_owned())),
                _ if number == 1 => return Err(self.damaged(number, NO_HEAD.to_owned())),
                other => self.remember(other),
            }
        }
        let cut = self.file.set_len(whole);
        let sought = cut.and_then(|()| self.file.seek(SeekFrom::Start(whole)));
        sought.map_err(failed)?;
        Ok(number)
    }

    fn write(&mut self, lines: &[Line]) -> Result<(), ExportError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).expect("our own shapes are plain JSON");
            text.push(b'\n');
        }
        let written = self.file.write_all(&text);
        written
            .and_then(|()| self.file.sync_data())
            .map_err(ExportError::io("write", &self.path))
    }

    fn damaged(&self, line: usize, reason: String) -> ExportError {
        ExportError::Manifest {
            path: self.path.clone(),
            line,
            reason,
        }
    }
}

/// Refuses a folder with files that nobody knows of: an export removes and cuts off what it finds
/// and has not recorded.
fn expect_empty(folder: &Path) -> Result<(), ExportError> {
    let failed = || ExportError::io("look into", folder);
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        if name != NAME {
            return Err(ExportError::NotEmpty {
                path: folder.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

fn same(head: &Head, wanted: &Head, export: &Export) -> Result<(), ExportError> {
    if head == wanted {
        return Ok(());
    }
    let said = |head: &Head| format!("{} as {}", head.mailbox, head.format);
    Err(ExportError::Another {
        path: export.to.clone(),
        found: match head.version {
            VERSION => said(head),
            other => format!("{} (version {other})", said(head)),
        },
        wanted: said(wanted),
    })
}

/// The path of a file of the export, as the manifest names it.
pub(super) fn relative(path: &Path, root: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The name of the manifest.
pub(super) const NAME: &str = "gatepost-export.ndjson";
const VERSION: u32 = 1;
const NO_HEAD: &str = "the first line does not say what was exported";
const TWO_HEADS: &str = "a second beginning";
