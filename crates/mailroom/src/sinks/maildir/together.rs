//! Deliveries that are under way at the same time share their syncs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use crate::durable;

/// One file on its way into the Maildir.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) content: Content,
}

/// What is to be in the file.
pub(super) enum Content {
    /// These octets.
    AtHand(Bytes),
    /// What was written into the file in `tmp` already.
    Written(File),
}

/// Whoever has the turn delivers everything that waits, the others find their file delivered.
#[derive(Debug)]
pub(super) struct Together {
    root: PathBuf,
    waiting: Mutex<Vec<Waiting>>,
    turn: Semaphore,
}

struct Waiting {
    job: Job,
    done: oneshot::Sender<io::Result<()>>,
}

impl Together {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            waiting: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Delivers a file durably.
    pub(super) async fn deliver(self: &Arc<Self>, job: Job) -> io::Result<()> {
        let (done, mut delivered) = oneshot::channel();
        self.queue().push(Waiting { job, done });
        let turn = self.turn.acquire().await;
        let _turn = turn.expect("the semaphore is never closed");
        if let Ok(result) = delivered.try_recv() {
            return result;
        }
        let batch = std::mem::take(&mut *self.queue());
        let root = self.root.clone();
        // The rest of the batch is told even if this delivery is given up meanwhile.
        tokio::task::spawn_blocking(move || deliver_all(&root, batch));
        delivered
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the delivery panicked")))
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.job.name)
    }
}

/// Writes and syncs every file in `tmp`, renames those into `new`, syncs `new`.
fn deliver_all(root: &Path, batch: Vec<Waiting>) {
    let mut written = Vec::with_capacity(batch.len());
    let new = File::open(root.join("new"));
    for Waiting { job, done } in batch {
        match write(root, job) {
            Ok((file, name)) => written.push(Written { file, name, done }),
            Err(error) => tell(done, Err(error)),
        }
    }
    let files = written.iter().map(|one| &one.file);
    let new = new.and_then(|new| durable::sync_all(&new, files).map(|()| new));
    let mut renamed = Vec::with_capacity(written.len());
    for Written { name, done, .. } in written {
        let moved = new.as_ref().map_err(same).and_then(|_| {
            std::fs::rename(root.join("tmp").join(&name), root.join("new").join(&name))
        });
        match moved {
            Ok(()) => renamed.push(done),
            Err(error) => tell(done, Err(error)),
        }
    }
    let synced = new.and_then(|new| new.sync_all());
    for done in renamed {
        tell(done, synced.as_ref().copied().map_err(same));
    }
}

/// A file that is whole in `tmp`.
struct Written {
    file: File,
    name: String,
    done: oneshot::Sender<io::Result<()>>,
}

fn write(root: &Path, job: Job) -> io::Result<(File, String)> {
    let file = match job.content {
        Content::Written(file) => file,
        Content::AtHand(octets) => {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(root.join("tmp").join(&job.name))?;
            file.write_all(&octets)?;
            file
        }
    };
    Ok((file, job.name))
}

fn tell(done: oneshot::Sender<io::Result<()>>, result: io::Result<()>) {
    // Nobody waits for a delivery that was given up.
    let _ = done.send(result);
}

fn same(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
