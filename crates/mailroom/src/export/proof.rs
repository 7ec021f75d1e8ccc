//! The proof: what was there, what is exported, what is missing and why.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use gatepost_host::files;
use gatepost_mail::{FolderName, MessageKey};
use jiff::Timestamp;
use serde::Serialize;

use super::manifest::{Manifest, Place};
use super::{Export, ExportError, Format};
use crate::spool::hexadecimal;

/// How thoroughly the files are looked at in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Whether each is there and has its size.
    Sizes,
    /// Every octet is read and its hash compared.
    Hashes,
}

/// What came of an export. It is written beside the files as `gatepost-export.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The mailbox.
    pub mailbox: String,
    /// The format of the files.
    pub format: &'static str,
    /// When this run began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether everything that was there and is not gone is exported, and found in the end.
    pub complete: bool,
    /// Whether the hashes were compared, and not only the sizes.
    pub hashes_compared: bool,
    /// Each folder.
    pub folders: Vec<FolderProof>,
    /// Files that are not as they were written, or not there, with what is wrong.
    pub damaged: Vec<String>,
}

/// What came of one folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FolderProof {
    /// The folder.
    pub folder: FolderName,
    /// How many messages the server had that were wanted.
    pub on_server: u64,
    /// How many this run exported.
    pub exported: u64,
    /// How many an earlier run had exported.
    pub earlier: u64,
    /// How many were deleted or moved before they could be fetched.
    pub gone: u64,
    /// What cannot be had.
    pub skipped: Vec<Skipped>,
    /// How many octets of messages are exported of this folder in all.
    pub octets: u64,
}

/// A message that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its name on the server.
    pub message: String,
    /// Why.
    pub why: String,
}

/// What is counted of a folder while it is exported.
#[derive(Debug)]
pub(super) struct Tally {
    folder: FolderName,
    pub(super) on_server: u64,
    pub(super) exported: u64,
    pub(super) earlier: u64,
    pub(super) gone: u64,
    pub(super) skipped: Vec<Skipped>,
}

impl Tally {
    pub(super) fn new(folder: FolderName, on_server: u64, earlier: u64) -> Self {
        Self {
            folder,
            on_server,
            exported: 0,
            earlier,
            gone: 0,
            skipped: Vec::new(),
        }
    }

    pub(super) fn folder(&self) -> &FolderName {
        &self.folder
    }

    fn into_proof(self, manifest: &Manifest) -> FolderProof {
        let places = manifest.of(&self.folder).into_iter().flatten();
        FolderProof {
            exported: self.exported,
            octets: octets_of(places.map(|(_, place)| place)),
            folder: self.folder,
            on_server: self.on_server,
            earlier: self.earlier,
            gone: self.gone,
            skipped: self.skipped,
        }
    }
}

/// The octets of messages, each counted once: after a folder was renumbered two names lead to one
/// place.
fn octets_of<'a>(places: impl Iterator<Item = &'a Place>) -> u64 {
    let of_each = places.map(|place| ((place.file.as_str(), place.offset), place.size));
    let of_each: BTreeMap<(&str, u64), u64> = of_each.collect();
    of_each.values().sum()
}

/// A message whose file is not there any more.
pub(super) struct Lost {
    folder: FolderName,
    key: MessageKey,
    file: String,
}

/// Forgets messages whose files are not there or have another size: they are fetched again, if the
/// server has them.
pub(super) fn forget_lost(
    export: &Export,
    manifest: &mut Manifest,
) -> Result<Vec<Lost>, ExportError> {
    let mut looks = Looks::new(export, Verification::Sizes);
    let mut lost = Vec::new();
    for (folder, key, place) in manifest.places() {
        if looks.fault_of(place).is_some() {
            lost.push(Lost {
                folder: folder.clone(),
                key: key.clone(),
                file: place.file.clone(),
            });
        }
    }
    let keys = lost.iter().map(|lost| (&lost.folder, &lost.key));
    manifest.forget(keys)?;
    Ok(lost)
}

impl Proof {
    /// Looks at the files, and writes down what came of it.
    pub(super) fn make(
        export: &Export,
        mut manifest: Manifest,
        (tallies, lost): (Vec<Tally>, Vec<Lost>),
        began_at: Timestamp,
    ) -> Result<Self, ExportError> {
        let tallies = tallies.into_iter();
        let folders: Vec<FolderProof> = tallies.map(|one| one.into_proof(&manifest)).collect();
        let not_again = lost
            .into_iter()
            .filter(|lost| !manifest.holds(&lost.folder, &lost.key))
            .map(|lost| {
                let (file, folder) = (lost.file, lost.folder);
                format!("{file}: it is lost, and its message was not among those that {folder} has")
            });
        let mut damaged: Vec<String> = not_again.collect();
        let mut looks = Looks::new(export, export.verification);
        let mut faulty = Vec::new();
        for (folder, key, place) in manifest.places() {
            if let Some(fault) = looks.fault_of(place) {
                damaged.push(fault);
                faulty.push((folder.clone(), key.clone()));
            }
        }
        // The next run fetches them again.
        manifest.forget(faulty.iter().map(|(folder, key)| (folder, key)))?;
        let proof = Self {
            mailbox: export.mailbox.clone(),
            format: export.format.name(),
            began_at,
            ended_at: export.clock.now(),
            complete: damaged.is_empty() && folders.iter().all(|one| one.skipped.is_empty()),
            hashes_compared: export.verification == Verification::Hashes,
            folders,
            damaged,
        };
        let text = serde_json::to_vec_pretty(&proof).expect("our own shapes are plain JSON");
        files::write_private(&export.to.join(NAME), &text)?;
        Ok(proof)
    }
}

/// Looks at exported messages, one after the other.
pub(super) struct Looks<'a> {
    root: &'a Path,
    format: Format,
    verification: Verification,
    /// What is in the folder that was looked into last: a mail reader may have given files other
    /// flags.
    names: Option<(PathBuf, BTreeMap<String, PathBuf>)>,
}

impl<'a> Looks<'a> {
    pub(super) fn new(export: &'a Export, verification: Verification) -> Self {
        Self::at((&export.to, export.format), verification)
    }

    pub(super) fn at((root, format): (&'a Path, Format), verification: Verification) -> Self {
        Self {
            root,
            format,
            verification,
            names: None,
        }
    }

    /// What is wrong with an exported message.
    pub(super) fn fault_of(&mut self, place: &Place) -> Option<String> {
        match self.is_right(place) {
            Ok(true) => None,
            Ok(false) => Some(format!("{}: it was changed", place.file)),
            Err(error) => Some(format!("{}: {error}", place.file)),
        }
    }

    fn is_right(&mut self, place: &Place) -> io::Result<bool> {
        let mut file = self.open(place)?;
        let size = file.metadata()?.len();
        let is_there = match self.format {
            Format::Mbox => size >= place.offset + place.length,
            Format::Maildir | Format::Eml => size == place.length,
        };
        if !is_there || self.verification == Verification::Sizes {
            return Ok(is_there);
        }
        file.seek(SeekFrom::Start(place.offset))?;
        let mut octets = file.take(place.length);
        let (mut digest, mut buffer) = (Context::new(&SHA256), vec![0; 64 * 1024]);
        loop {
            let read = octets.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
        }
        let wanted = place.stored_sha256.as_ref().unwrap_or(&place.sha256);
        Ok(hexadecimal(digest.finish().as_ref()) == *wanted)
    }

    fn open(&mut self, place: &Place) -> io::Result<File> {
        let path = self.root.join(&place.file);
        match (File::open(&path), self.format) {
            (Err(error), Format::Maildir) if error.kind() == io::ErrorKind::NotFound => {
                match self.renamed(&path)? {
                    Some(path) => File::open(path),
                    None => Err(error),
                }
            }
            (opened, _) => opened,
        }
    }

    /// The file in the same folder whose name differs in its flags only.
    fn renamed(&mut self, path: &Path) -> io::Result<Option<PathBuf>> {
        let without_flags = |name: &OsStr| {
            let name = name.to_string_lossy();
            name.split(":2,").next().unwrap_or_default().to_owned()
        };
        let folder = path.parent().unwrap_or(self.root);
        if self.names.as_ref().is_none_or(|(of, _)| of != folder) {
            let mut names = BTreeMap::new();
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                names.insert(without_flags(&entry.file_name()), entry.path());
            }
            self.names = Some((folder.to_owned(), names));
        }
        let names = self.names.as_ref().map(|(_, names)| names);
        let wanted = without_flags(path.file_name().unwrap_or_default());
        Ok(names.and_then(|names| names.get(&wanted)).cloned())
    }
}

/// The name of the file with the proof.
const NAME: &str = "gatepost-export.json";
