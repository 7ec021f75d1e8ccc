//! Names of folders.

use std::fmt;

use super::MailboxError;

/// The name of a folder with all levels above it, `/` between them, in the spelling it was made
/// with. Exchange compares names without regard to case; so do `==` and the order here.
#[derive(Debug, Clone)]
pub struct FolderPath {
    spelt: String,
    folded: String,
}

impl FolderPath {
    /// Reads a name. Every spelling of `inbox` as the first level becomes `INBOX`
    /// (RFC 3501 §5.1); one `/` at the end is dropped (RFC 3501 §6.3.3).
    pub fn parse(name: &str) -> Result<Self, MailboxError> {
        let name = name.strip_suffix(SEPARATOR).unwrap_or(name);
        let refuse = |why| {
            Err(MailboxError::FolderName {
                folder: name.to_owned(),
                why,
            })
        };
        if name.len() > LONGEST_PATH {
            return refuse("it is longer than 1024 octets");
        }
        if name.split(SEPARATOR).any(str::is_empty) {
            return refuse("a level has no name");
        }
        if name.chars().any(char::is_control) {
            return refuse("it holds control characters");
        }
        let (first, rest) = name.split_once(SEPARATOR).unwrap_or((name, ""));
        let spelt = match (first.eq_ignore_ascii_case(INBOX), rest) {
            (true, "") => INBOX.to_owned(),
            (true, rest) => format!("{INBOX}{SEPARATOR}{rest}"),
            (false, _) => name.to_owned(),
        };
        Ok(Self {
            folded: spelt.to_lowercase(),
            spelt,
        })
    }

    /// The inbox.
    pub fn inbox() -> Self {
        Self {
            spelt: INBOX.to_owned(),
            folded: INBOX.to_lowercase(),
        }
    }

    /// The name as it was spelt.
    pub fn as_str(&self) -> &str {
        &self.spelt
    }

    /// The folder one level up; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        let (spelt, _) = self.spelt.rsplit_once(SEPARATOR)?;
        Some(Self {
            spelt: spelt.to_owned(),
            folded: spelt.to_lowercase(),
        })
    }

    /// Whether this folder is below `other`, at any depth.
    pub fn is_below(&self, other: &Self) -> bool {
        self.folded
            .strip_prefix(&other.folded)
            .is_some_and(|rest| rest.starts_with(SEPARATOR))
    }

    /// Sorts before every folder below this one and after all others that come before those.
    pub(super) fn first_below(&self) -> Self {
        Self {
            spelt: format!("{}{SEPARATOR}", self.spelt),
            folded: format!("{}{SEPARATOR}", self.folded),
        }
    }

    /// The same place below `to` as this folder has below `from`; `None` if it is neither
    /// `from` nor below it.
    pub fn rebased(&self, from: &Self, to: &Self) -> Option<Self> {
        if self != from && !self.is_below(from) {
            return None;
        }
        let levels = from.spelt.split(SEPARATOR).count();
        let spelt = self
            .spelt
            .split(SEPARATOR)
            .skip(levels)
            .fold(to.spelt.clone(), |path, level| path + "/" + level);
        Some(Self {
            folded: spelt.to_lowercase(),
            spelt,
        })
    }
}

impl PartialEq for FolderPath {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for FolderPath {}

impl PartialOrd for FolderPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FolderPath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelt)
    }
}

const INBOX: &str = "INBOX";
const SEPARATOR: char = '/';
const LONGEST_PATH: usize = 1024;
