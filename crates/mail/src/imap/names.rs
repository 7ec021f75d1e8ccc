//! Folder names between the server and people: `/` separates levels for us, whatever it is
//! for the server.

use gatepost_wire::imap::client::{Capabilities, Listed, WireName};

use crate::{FolderName, SpecialUse};

/// What separates the levels of a name on this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delimiter(pub(super) Option<char>);

impl Delimiter {
    pub(super) fn for_server(self, folder: &FolderName) -> WireName {
        match self.0 {
            Some(delimiter) if delimiter != '/' => {
                WireName::from(folder.as_str().replace('/', &delimiter.to_string()))
            }
            _ => WireName::from(folder.as_str()),
        }
    }

    pub(super) fn for_people(self, name: &str) -> FolderName {
        match self.0 {
            Some(delimiter) if delimiter != '/' => FolderName::new(name.replace(delimiter, "/")),
            _ => FolderName::new(name),
        }
    }
}

/// What a folder is for, if its attributes say so. Exchange sends these attributes for personal
/// accounts without announcing SPECIAL-USE (RFC 6154 §2).
pub(super) fn special_use(listed: &Listed) -> Option<SpecialUse> {
    listed.attributes.iter().find_map(|attribute| {
        USES.iter()
            .find(|(word, _)| attribute.eq_ignore_ascii_case(word))
            .map(|(_, of)| *of)
    })
}

/// Whether the folder can be opened (RFC 9051 §7.3.1).
pub(super) fn is_selectable(listed: &Listed) -> bool {
    !listed.attributes.iter().any(|attribute| {
        attribute.eq_ignore_ascii_case("\\Noselect")
            || attribute.eq_ignore_ascii_case("\\NonExistent")
    })
}

/// The capabilities as one word list for the log.
pub(super) fn capability_words(capabilities: &Capabilities) -> String {
    capabilities.iter().collect::<Vec<_>>().join(" ")
}

const USES: [(&str, SpecialUse); 7] = [
    ("\\All", SpecialUse::All),
    ("\\Archive", SpecialUse::Archive),
    ("\\Drafts", SpecialUse::Drafts),
    ("\\Flagged", SpecialUse::Flagged),
    ("\\Junk", SpecialUse::Junk),
    ("\\Sent", SpecialUse::Sent),
    ("\\Trash", SpecialUse::Trash),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_separated_by_a_slash_for_us() {
        let dot = Delimiter(Some('.'));
        assert_eq!(dot.for_people("Kunden.Alt"), FolderName::new("Kunden/Alt"));
        assert_eq!(
            dot.for_server(&FolderName::new("Kunden/Alt")),
            "Kunden.Alt".into()
        );
        let none = Delimiter(None);
        assert_eq!(none.for_server(&FolderName::new("a/b")), "a/b".into());
        assert_eq!(dot.for_people("inbox"), FolderName::inbox());
    }
}
