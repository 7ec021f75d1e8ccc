//! How exported messages look as files.

use std::path::Path;

/// How exported messages look as files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Maildir for each folder, a file for each message, octet for octet, with its flags in the
    /// name (<https://cr.yp.to/proto/maildir.html>).
    Maildir,
    /// A file for each folder (mboxrd, RFC 4155): lines end in LF, and `>` is put before lines
    /// that look like the beginning of a message.
    Mbox,
    /// A file `.eml` for each message, octet for octet.
    Eml,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Maildir, Self::Mbox, Self::Eml];

    /// What the command line and the manifest call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maildir => "maildir",
            Self::Mbox => "mbox",
            Self::Eml => "eml",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    /// Whether a folder cannot have this name, since the format has another use for it.
    pub(super) fn reserves(self, name: &str) -> bool {
        let ends_with = |wanted: &str| {
            let extension = Path::new(name).extension();
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
        };
        match self {
            Self::Maildir => ["cur", "new", "tmp"].contains(&name.to_ascii_lowercase().as_str()),
            Self::Mbox => ends_with("mbox"),
            Self::Eml => ends_with("eml"),
        }
    }
}
