//! The thread that writes files, beside the task that fetches: what comes from the server is
//! written, made durable together with its neighbours, and recorded.

mod letters;
mod mbox;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gatepost_host::files;
use gatepost_mail::{FolderName, MessageKey};
use tokio::sync::{mpsc, oneshot};

use super::manifest::{Entry, Manifest, Place};
use super::names;
use super::plan::{Item, Planned, Present};
use super::proof::{Looks, Verification};
use super::{Export, ExportError, Format};
use letters::Letters;
use mbox::Mbox;

/// The thread that writes files, and the way to it.
pub(super) struct Scribe {
    pieces: mpsc::Sender<Piece>,
    written: oneshot::Receiver<Result<(Manifest, Again), ExportError>>,
}

/// How many messages of each folder stood there already under a key of before.
pub(super) type Again = BTreeMap<FolderName, u64>;

/// What the scribe is told, in this order: a folder, and of each message its beginning, octets
/// and end. A beginning without an end before the next one is forgotten.
pub(super) enum Piece {
    Folder { name: FolderName, present: Present },
    Begin(Item),
    Octets(Bytes),
    End,
    Skip { key: MessageKey, why: String },
}

impl Scribe {
    /// Starts the thread. It owns the manifest until its end.
    #[expect(
        clippy::disallowed_methods,
        reason = "it lives as long as the export and waits for the disk, so it is a thread of its own"
    )]
    pub(super) fn start(export: &Export, manifest: Manifest) -> Self {
        let (pieces, incoming) = mpsc::channel(MOST_PIECES);
        let desk = Desk {
            root: export.to.clone(),
            format: export.format,
            manifest,
            again: Vec::new(),
            counted: Again::new(),
            folder: None,
        };
        let (done, written) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody waits for an export that was given up.
            let _ = done.send(desk.work(incoming));
        });
        Self { pieces, written }
    }

    /// What follows belongs to this folder.
    pub(super) async fn enter(&mut self, planned: &mut Planned) -> Result<(), ExportError> {
        self.tell(Piece::Folder {
            name: planned.name.clone(),
            present: Arc::clone(&planned.present),
        })
        .await
    }

    /// The message cannot be had.
    pub(super) async fn skip(&mut self, key: &MessageKey, why: &str) -> Result<(), ExportError> {
        self.tell(Piece::Skip {
            key: key.clone(),
            why: why.to_owned(),
        })
        .await
    }

    pub(super) async fn tell(&self, piece: Piece) -> Result<(), ExportError> {
        let told = self.pieces.send(piece).await;
        told.map_err(|_| ExportError::Stopped)
    }

    /// Whether the thread has ended: it could not write.
    pub(super) fn has_ended(&self) -> bool {
        self.pieces.is_closed()
    }

    /// Makes the rest durable, records it, and gives the manifest back, with what stood there
    /// already.
    pub(super) async fn end(self) -> Result<(Manifest, Again), ExportError> {
        drop(self.pieces);
        self.written.await.unwrap_or(Err(ExportError::Stopped))
    }
}

/// Where the scribe works.
struct Desk {
    root: PathBuf,
    format: Format,
    manifest: Manifest,
    /// Messages that stand there already under a key of before.
    again: Vec<Entry>,
    counted: Again,
    folder: Option<Open>,
}

/// The folder that is written into.
struct Open {
    name: FolderName,
    shelf: Shelf,
    /// Recorded messages whose keys the server does not know any more, by their SHA-256: after
    /// the folder was renumbered they come again under other keys.
    orphans: BTreeMap<String, Vec<MessageKey>>,
}

enum Shelf {
    Letters(Letters),
    Mbox(Mbox),
}

impl Desk {
    fn work(
        mut self,
        mut incoming: mpsc::Receiver<Piece>,
    ) -> Result<(Manifest, Again), ExportError> {
        while let Some(piece) = incoming.blocking_recv() {
            match piece {
                Piece::Folder { name, present } => {
                    self.leave()?;
                    self.folder = Some(self.enter(name, &present)?);
                }
                Piece::Begin(item) => match self.open()? {
                    (name, Shelf::Letters(letters)) => letters.begin(name, item)?,
                    (_, Shelf::Mbox(mbox)) => mbox.begin(item)?,
                },
                Piece::Octets(octets) => match self.open()?.1 {
                    Shelf::Letters(letters) => letters.octets(&octets)?,
                    Shelf::Mbox(mbox) => mbox.octets(&octets)?,
                },
                Piece::End => self.end_message()?,
                Piece::Skip { key, why } => {
                    let (name, _) = self.open()?;
                    let name = name.clone();
                    self.manifest.skip(&name, &key, &why)?;
                }
            }
        }
        self.leave()?;
        Ok((self.manifest, self.counted))
    }

    fn enter(&self, name: FolderName, present: &Present) -> Result<Open, ExportError> {
        let path = names::folder_path(&name, self.format);
        let folder = self.root.join(&path);
        let names = &self.manifest.names;
        names.remove_others_from(&folder, self.format)?;
        let place_of_files = match self.format {
            Format::Maildir | Format::Eml => {
                Shelf::Letters(Letters::open(&self.root, &path, self.format)?)
            }
            Format::Mbox => {
                let places = self.manifest.of(&name).into_iter().flatten();
                let ends = places.map(|(_, place)| place.offset + place.length);
                Shelf::Mbox(Mbox::open(&self.root, &path, ends.max().unwrap_or(0))?)
            }
        };
        let mut orphans: BTreeMap<String, Vec<MessageKey>> = BTreeMap::new();
        for (key, place) in self.manifest.of(&name).into_iter().flatten() {
            if !present.contains(key) {
                let same = orphans.entry(place.sha256.clone()).or_default();
                same.push(key.clone());
            }
        }
        Ok(Open {
            name,
            shelf: place_of_files,
            orphans,
        })
    }

    fn open(&mut self) -> Result<(&FolderName, &mut Shelf), ExportError> {
        let open = self.folder.as_mut().ok_or(ExportError::Stopped)?;
        Ok((&open.name, &mut open.shelf))
    }

    fn end_message(&mut self) -> Result<(), ExportError> {
        let open = self.folder.as_mut().ok_or(ExportError::Stopped)?;
        let ended = match &mut open.shelf {
            Shelf::Letters(letters) => letters.end(&open.name)?,
            Shelf::Mbox(mbox) => mbox.end(&open.name)?,
        };
        let known = open.orphans.get_mut(&ended.place.sha256);
        if let Some(old) = known.and_then(Vec::pop) {
            let place = self.manifest.of(&open.name).and_then(|of| of.get(&old));
            let looks = || Looks::at((&self.root, self.format), Verification::Hashes);
            if let Some(place) = place.filter(|place| looks().fault_of(place).is_none()) {
                let place = place.clone();
                return self.same_again(ended, place);
            }
        }
        let is_enough = match &mut open.shelf {
            Shelf::Letters(letters) => letters.keep(ended),
            Shelf::Mbox(mbox) => mbox.keep(ended),
        };
        if is_enough { self.commit() } else { Ok(()) }
    }

    /// The message stands there already, under a key of before.
    fn same_again(&mut self, ended: Entry, place: Place) -> Result<(), ExportError> {
        let (folder, files) = self.open()?;
        let folder = folder.clone();
        match files {
            Shelf::Letters(letters) => letters.forget()?,
            Shelf::Mbox(mbox) => mbox.forget()?,
        }
        *self.counted.entry(folder).or_default() += 1;
        self.again.push(Entry { place, ..ended });
        if self.again.len() >= MOST_TOGETHER {
            self.commit()?;
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), ExportError> {
        if self.folder.is_some() {
            self.commit()?;
            self.folder = None;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), ExportError> {
        let mut entries = match self.open()?.1 {
            Shelf::Letters(letters) => letters.commit()?,
            Shelf::Mbox(mbox) => mbox.commit()?,
        };
        entries.append(&mut self.again);
        if entries.is_empty() {
            return Ok(());
        }
        self.manifest.record(entries)
    }
}

/// Makes a folder of the export, and every entry on the way to it durable.
fn make_folder(root: &Path, folder: &Path) -> Result<(), ExportError> {
    files::make_private_folder(folder)?;
    let made = folder.ancestors().take_while(|made| *made != root);
    for above in made.filter_map(Path::parent) {
        let synced = std::fs::File::open(above).and_then(|above| above.sync_all());
        synced.map_err(ExportError::io("sync", above))?;
    }
    Ok(())
}

/// How many messages are made durable together.
const MOST_TOGETHER: usize = 512;
/// How many pieces wait for the disk. Each has at most [`super::intake::LARGEST_PIECE`] octets.
const MOST_PIECES: usize = 64;
