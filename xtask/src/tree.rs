//! The files of the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::command;

/// Every file that is tracked, or would be, by its path from the root with `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its size in octets.
    pub(crate) size: u64,
    /// Its content, if it is text.
    pub(crate) text: Option<String>,
}

impl Tree {
    /// Reads the repository that this program was built from.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let listed = command::output(
            Command::new("git")
                .args([
                    "ls-files",
                    "--cached",
                    "--others",
                    "--exclude-standard",
                    "-z",
                ])
                .current_dir(root()),
        )?;
        let mut tree = Self::default();
        for path in listed.split_terminator('\0') {
            let on_disk = root().join(path);
            // Tracked and deleted, or a link to nowhere: not part of what stands.
            if !on_disk.is_file() {
                continue;
            }
            let content = std::fs::read(&on_disk).with_context(|| format!("cannot read {path}"))?;
            let size = content.len() as u64;
            tree.files.insert(
                path.to_owned(),
                File {
                    size,
                    text: String::from_utf8(content).ok(),
                },
            );
        }
        Ok(tree)
    }

    /// A tree of texts, for tests of the checks.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| {
            let file = File {
                size: text.len() as u64,
                text: Some((*text).to_owned()),
            };
            ((*path).to_owned(), file)
        });
        Self {
            files: files.collect(),
        }
    }

    /// Every file, in the order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Every text whose path ends so, in the order of their paths.
    pub(crate) fn texts<'a>(&'a self, ending: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .filter_map(|(path, file)| Some((path.as_str(), file.text.as_deref()?)))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// Whether there is a file or a folder at this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the repository")
        .to_owned()
}
