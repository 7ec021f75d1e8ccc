//! Folder names as paths: different folders never meet, and none leads out of the export.

use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use gatepost_mail::{FolderName, MessageKey};

use super::Format;
use crate::spool::hexadecimal;

/// The path of a folder within the export: a component for each level. What could surprise a
/// file system is written as `%` and hexadecimal digits.
pub(super) fn folder_path(folder: &FolderName, format: Format) -> PathBuf {
    folder
        .as_str()
        .split('/')
        .map(|level| component(level, format))
        .collect()
}

/// The first part of the name of a message's file: the same for the same message, always.
pub(super) fn message_name(folder: &FolderName, key: &MessageKey, seconds: i64) -> String {
    let digest = digest(&SHA256, format!("{folder}\n{key}").as_bytes());
    format!("{seconds}.{}", &hexadecimal(digest.as_ref())[..32])
}

fn component(level: &str, format: Format) -> String {
    let mut safe = String::with_capacity(level.len());
    for (at, c) in level.char_indices() {
        let ends = at + c.len_utf8() == level.len();
        let is_edge = (c == '.' && (at == 0 || ends)) || (c == ' ' && ends);
        if is_edge || c.is_control() || "%\\:*?\"<>|".contains(c) {
            escape(c, &mut safe);
        } else {
            safe.push(c);
        }
    }
    if safe.is_empty() {
        // An empty level, as in `a//b`.
        return "%".to_owned();
    }
    if format.reserves(&safe) {
        let first = safe.remove(0);
        let mut escaped = String::new();
        escape(first, &mut escaped);
        safe.insert_str(0, &escaped);
    }
    if safe.len() > LONGEST {
        let digest = digest(&SHA256, level.as_bytes());
        let mut end = LONGEST - 20;
        while !safe.is_char_boundary(end) {
            end -= 1;
        }
        safe.truncate(end);
        // No other component has a `%` before a `~`.
        safe.push_str("%~");
        safe.push_str(&hexadecimal(digest.as_ref())[..16]);
    }
    safe
}

fn escape(c: char, into: &mut String) {
    use std::fmt::Write as _;

    let mut octets = [0; 4];
    for octet in c.encode_utf8(&mut octets).bytes() {
        let _ = write!(into, "%{octet:02X}");
    }
}

/// In octets; file systems take 255, and an ending may follow.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Component;

    use super::*;

    #[test]
    fn odd_names_are_apart_and_stay_inside() {
        let long = "ü".repeat(150);
        let longer = format!("{long}x");
        let names = [
            "INBOX", "a/b", "a%2Fb", "..", ".", "../..", "/etc", "a//b", "a/%/b", "cur", "%63ur",
            "tmp/new", "Cur", "CON:", "a\u{7}b", "a%07b", "end.", "end ", "x.mbox", "x/y",
            "ümlaut", &long, &longer,
        ];
        for format in Format::ALL {
            let mut seen = BTreeSet::new();
            for name in names {
                let path = folder_path(&FolderName::new(name), *format);
                let inside = path.components().all(|c| matches!(c, Component::Normal(_)));
                assert!(inside, "{name} becomes {}", path.display());
                assert!(
                    path.components()
                        .all(|c| c.as_os_str().len() <= LONGEST + 2),
                    "{name} is too long"
                );
                assert!(
                    seen.insert(path.clone()),
                    "{name} meets another at {}",
                    path.display()
                );
            }
        }
    }
}
