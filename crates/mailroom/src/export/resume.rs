//! What an interrupted run left behind.

use std::collections::BTreeSet;
use std::path::Path;

use super::manifest::Place;
use super::{ExportError, Format};

/// The names of files, without what a mail reader may change of them.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Takes in the name of an exported message.
    pub(super) fn add(&mut self, place: &Place) {
        if let Some(name) = Path::new(&place.file).file_name() {
            self.0.insert(stem(&name.to_string_lossy()).to_owned());
        }
    }

    /// Removes files of a folder that were named or begun and never recorded: their messages come
    /// again. Only names that an export gives are touched, and none that is recorded in any folder:
    /// people move messages, too.
    pub(super) fn remove_others_from(
        &self,
        path: &Path,
        format: Format,
    ) -> Result<(), ExportError> {
        for part in parts(format) {
            remove_from(&path.join(part), &self.0)?;
        }
        Ok(())
    }
}

fn parts(format: Format) -> &'static [&'static str] {
    match format {
        Format::Maildir => &["tmp", "cur"],
        Format::Eml => &[""],
        // What is behind the last recorded message is cut off when the file is opened.
        Format::Mbox => &[],
    }
}

fn remove_from(folder: &Path, recorded: &BTreeSet<String>) -> Result<(), ExportError> {
    let failed = || ExportError::io("look into", folder);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed())?,
    };
    for entry in entries {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_ours(&name) && !recorded.contains(stem(&name)) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(ExportError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// What stays the same of a name when a mail reader adds flags to it, or when it is finished.
fn stem(name: &str) -> &str {
    let name = name.strip_prefix('.').unwrap_or(name);
    let mut parts = name.match_indices('.').map(|(at, _)| at);
    let end = parts.nth(1).unwrap_or(name.len());
    &name[..end]
}

/// Whether [`message_name`](super::names::message_name) stands in it.
fn is_ours(name: &str) -> bool {
    let Some((seconds, id)) = stem(name).split_once('.') else {
        return false;
    };
    seconds.parse::<i64>().is_ok()
        && id.len() == 32
        && id.bytes().all(|octet| octet.is_ascii_hexdigit())
}
