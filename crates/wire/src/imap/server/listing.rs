//! LIST and LSUB (RFC 3501 §6.3.8, §7.2.2).

use crate::imap::mailbox_name;

use super::text::push_string;
use super::{Attribute, Listed};

/// Which folders a listing wants, and how it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) which: Which,
    /// The pattern, with the reference before it.
    pub(super) pattern: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    Subscribed,
}

impl Listing {
    pub(super) fn name(&self) -> &'static str {
        match self.which {
            Which::All => "LIST",
            Which::Subscribed => "LSUB",
        }
    }

    /// Whether only the separator is asked for (RFC 3501 §6.3.8).
    pub(super) fn asks_for_separator(&self) -> bool {
        self.pattern.is_empty()
    }

    /// The lines of the answer.
    pub(super) fn push(&self, out: &mut Vec<u8>, folders: &[Listed]) {
        if self.asks_for_separator() {
            push_line(out, self.name(), &[Attribute::NoSelect], "");
            return;
        }
        let pattern = Pattern::new(&self.pattern);
        for folder in folders {
            let wanted = self.which == Which::All || folder.subscribed;
            if wanted && pattern.matches(&folder.name) {
                push_line(out, self.name(), &folder.attributes, &folder.name);
            }
        }
    }
}

impl Attribute {
    fn as_str(self) -> &'static str {
        match self {
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::NoSelect => "\\Noselect",
            Self::Drafts => "\\Drafts",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
            Self::Junk => "\\Junk",
            Self::Archive => "\\Archive",
        }
    }
}

/// Writes a folder's name as IMAP wants it. Exchange quotes only names that need it.
pub(super) fn push_folder(out: &mut Vec<u8>, name: &str) {
    let name = mailbox_name::encode_utf7(name);
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/-_.&+,@".contains(&octet);
    // Without quotes, a folder called NIL would be none (RFC 3501 §4.5).
    let is_nothing = name.is_empty() || name.eq_ignore_ascii_case("NIL");
    if !is_nothing && name.bytes().all(plain) {
        out.extend_from_slice(name.as_bytes());
    } else {
        push_string(out, name.as_bytes());
    }
}

fn push_line(out: &mut Vec<u8>, listing: &str, attributes: &[Attribute], name: &str) {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|attribute| attribute.as_str())
        .collect();
    out.extend_from_slice(format!("* {listing} ({}) \"/\" ", attributes.join(" ")).as_bytes());
    push_folder(out, name);
    out.extend_from_slice(b"\r\n");
}

/// A pattern with `*` for anything and `%` for anything on one level.
struct Pattern(Vec<char>);

impl Pattern {
    fn new(pattern: &str) -> Self {
        let mut folded: Vec<char> = pattern
            .to_lowercase()
            .chars()
            .take(LONGEST_PATTERN)
            .collect();
        // `**` says no more than `*`, but costs a row of the table below.
        folded.dedup_by(|next, before| *next == *before && matches!(*next, '*' | '%'));
        Self(folded)
    }

    /// By a table and not by backtracking: a pattern of many stars must not take long.
    fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let mut reached = vec![false; name.len() + 1];
        reached[0] = true;
        for wanted in &self.0 {
            let mut next = vec![false; name.len() + 1];
            for at in 0..=name.len() {
                let wild = match wanted {
                    '*' => true,
                    '%' => at == 0 || name[at - 1] != '/',
                    _ => false,
                };
                next[at] = if matches!(wanted, '*' | '%') {
                    reached[at] || (wild && at > 0 && next[at - 1])
                } else {
                    at > 0 && reached[at - 1] && name[at - 1] == *wanted
                };
            }
            reached = next;
        }
        reached[name.len()]
    }
}

/// No folder has a longer name.
const LONGEST_PATTERN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_levels_and_case() {
        let matches = |pattern: &str, name: &str| Pattern::new(pattern).matches(name);
        assert!(matches("*", "INBOX/a/b"));
        assert!(matches("%", "INBOX"));
        assert!(!matches("%", "INBOX/a"));
        assert!(matches("INBOX/%", "inbox/A"));
        assert!(!matches("INBOX/%", "INBOX/a/b"));
        assert!(matches("in*X", "INBOX"));
        assert!(matches("%/%", "a/b"));
        assert!(!matches("a", "ab"));
        assert!(!matches("", "a"));
    }

    #[test]
    fn names_are_quoted_and_encoded_where_they_need_it() {
        let mut out = Vec::new();
        let listing = Listing {
            which: Which::All,
            pattern: "*".to_owned(),
        };
        let folder = |name: &str| Listed {
            name: name.to_owned(),
            attributes: vec![Attribute::HasNoChildren],
            subscribed: true,
        };
        listing.push(
            &mut out,
            &[
                folder("INBOX"),
                folder("Sent Items"),
                folder("Entwürfe"),
                folder("nil"),
            ],
        );
        assert_eq!(
            String::from_utf8(out).expect("ASCII"),
            "* LIST (\\HasNoChildren) \"/\" INBOX\r\n\
             * LIST (\\HasNoChildren) \"/\" \"Sent Items\"\r\n\
             * LIST (\\HasNoChildren) \"/\" Entw&APw-rfe\r\n\
             * LIST (\\HasNoChildren) \"/\" \"nil\"\r\n"
        );
    }
}
