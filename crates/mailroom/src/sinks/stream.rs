//! Writes each event as one line of JSON (NDJSON) to standard output or to the end of a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{SinkKind, payload, retry};
use crate::{Handover, Outcome, Sink};

/// The entry of this kind in the list of sinks.
pub const KIND: SinkKind = SinkKind {
    name: "stream",
    doc: "writes each event as a line of JSON to standard output or to a file",
};

/// Where the lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamTarget {
    /// The standard output of this process.
    Stdout,
    /// The end of this file, which is made with mode 0600 if it is missing. Every line is durable
    /// before its delivery is done.
    File(PathBuf),
}

/// A stream of lines.
#[derive(Debug)]
pub struct Stream {
    target: StreamTarget,
    /// One line at a time.
    turn: Arc<Mutex<()>>,
}

impl Stream {
    /// A sink that writes to `target`. The file is opened for each line, so that it may be
    /// rotated at any time.
    pub fn new(target: StreamTarget) -> Self {
        Self {
            target,
            turn: Arc::default(),
        }
    }

    async fn off_the_reactor(
        &self,
        work: impl FnOnce(&StreamTarget) -> io::Result<()> + Send + 'static,
    ) -> Outcome {
        let (target, turn) = (self.target.clone(), Arc::clone(&self.turn));
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            work(&target)
        });
        match done.await {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(error)) => retry(format!("{} cannot be written: {error}", self.name())),
            Err(error) => retry(format!("{} was not written: {error}", self.name())),
        }
    }

    fn name(&self) -> String {
        match &self.target {
            StreamTarget::Stdout => "standard output".to_owned(),
            StreamTarget::File(path) => path.display().to_string(),
        }
    }
}

#[async_trait]
impl Sink for Stream {
    async fn deliver(&self, handover: Handover<'_>) -> Outcome {
        let mut line = payload(&handover);
        line.push(b'\n');
        self.off_the_reactor(move |target| write(target, &line))
            .await
    }

    async fn probe(&self) -> Outcome {
        self.off_the_reactor(|target| match target {
            StreamTarget::Stdout => Ok(()),
            StreamTarget::File(_) => open(target).map(drop),
        })
        .await
    }
}

fn write(target: &StreamTarget, line: &[u8]) -> io::Result<()> {
    if *target == StreamTarget::Stdout {
        let mut stdout = io::stdout().lock();
        stdout.write_all(line)?;
        return stdout.flush();
    }
    let mut file = open(target)?;
    let length = file.seek(SeekFrom::End(0))?;
    // A line that was cut by a crash or a full disk is ended, and spoils no other.
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(line)?;
    file.sync_data()?;
    if let (0, StreamTarget::File(path)) = (length, target) {
        // It is new, and so is its name.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn open(target: &StreamTarget) -> io::Result<File> {
    let StreamTarget::File(path) = target else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path)
}
