//! Looks at what the sinks have, from outside.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::folder::DemoFolder;

/// Sees the Maildir and what the program wrote.
#[derive(Debug)]
pub(super) struct Observer {
    maildir: PathBuf,
    program_output: PathBuf,
    /// Where all of it is.
    pub(super) folder: PathBuf,
}

impl Observer {
    pub(super) fn new(folder: &DemoFolder) -> Self {
        Self {
            maildir: folder.maildir(),
            program_output: folder.program_output(),
            folder: folder.path().to_owned(),
        }
    }

    /// How many messages are in the Maildir.
    pub(super) fn copies(&self) -> usize {
        self.files().count()
    }

    /// The messages in the Maildir, with line ends as they are on the wire.
    pub(super) fn messages(&self) -> BTreeSet<Vec<u8>> {
        self.files()
            .filter_map(|path| std::fs::read(path).ok())
            .map(|raw| on_the_wire(&raw))
            .collect()
    }

    /// The lines that the program wrote.
    pub(super) fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.program_output).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let new = std::fs::read_dir(self.maildir.join("new"));
        new.into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
    }
}

/// A message with CRLF line ends, whichever it had.
pub(super) fn on_the_wire(raw: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(raw.len());
    for (at, octet) in raw.iter().enumerate() {
        if *octet == b'\n' && (at == 0 || raw[at - 1] != b'\r') {
            whole.push(b'\r');
        }
        whole.push(*octet);
    }
    whole
}
