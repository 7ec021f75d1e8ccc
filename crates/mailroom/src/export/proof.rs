//! The proof: what was there, what is exported, what is missing and why.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use gatepost_host::files;
use gatepost_mail::FolderName;
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
    /// How many messages the server had that were wanted, when the run began.
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
    pub(super) earlier: u64,
    pub(super) gone: u64,
    pub(super) skipped: Vec<Skipped>,
}

impl Tally {
    pub(super) fn new(folder: FolderName, on_server: u64, earlier: u64) -> Self {
        Self {
            folder,
            on_server,
            earlier,
            gone: 0,
            skipped: Vec::new(),
        }
    }

    fn into_proof(self, manifest: &Manifest) -> FolderProof {
        let skipped = u64::try_from(self.skipped.len()).unwrap_or(u64::MAX);
        let places = manifest.of(&self.folder).into_iter().flatten();
        FolderProof {
            exported: self.on_server - self.earlier - self.gone - skipped,
            octets: places.map(|(_, place)| place.size).sum(),
            folder: self.folder,
            on_server: self.on_server,
            earlier: self.earlier,
            gone: self.gone,
            skipped: self.skipped,
        }
    }
}

impl Proof {
    /// Looks at the files, and writes down what came of it.
    pub(super) fn make(
        export: &Export,
        manifest: &Manifest,
        tallies: Vec<Tally>,
        began_at: Timestamp,
    ) -> Result<Self, ExportError> {
        let tallies = tallies.into_iter();
        let folders: Vec<FolderProof> = tallies.map(|one| one.into_proof(manifest)).collect();
        let places = manifest.places();
        let damaged: Vec<String> = places
            .filter_map(|(_, _, place)| fault_of(export, place))
            .collect();
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

/// What is wrong with an exported message.
fn fault_of(export: &Export, place: &Place) -> Option<String> {
    match look(export, place) {
        Ok(true) => None,
        Ok(false) => Some(format!("{}: it was changed", place.file)),
        Err(error) => Some(format!("{}: {error}", place.file)),
    }
}

fn look(export: &Export, place: &Place) -> io::Result<bool> {
    let mut file = open(export, place)?;
    let size = file.metadata()?.len();
    let is_there = match export.format {
        Format::Mbox => size >= place.offset + place.length,
        Format::Maildir | Format::Eml => size == place.length,
    };
    if !is_there || export.verification == Verification::Sizes {
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

/// Opens the file of a message, also if a mail reader has given it other flags.
fn open(export: &Export, place: &Place) -> io::Result<File> {
    let path = export.to.join(&place.file);
    match (File::open(&path), export.format) {
        (Err(error), Format::Maildir) if error.kind() == io::ErrorKind::NotFound => {
            let name = Path::new(&place.file).file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            let name = name.split(":2,").next().unwrap_or_default();
            let cur = path.parent().unwrap_or(&export.to);
            for entry in std::fs::read_dir(cur)? {
                let entry = entry?;
                let found = entry.file_name();
                if found.to_string_lossy().split(":2,").next() == Some(name) {
                    return File::open(entry.path());
                }
            }
            Err(error)
        }
        (opened, _) => opened,
    }
}

/// The name of the file with the proof.
const NAME: &str = "gatepost-export.json";
