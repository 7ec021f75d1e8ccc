//! File names for attachments that cannot leave their folder or surprise a system.

use std::collections::BTreeSet;

/// A file name made of what a sender wrote: one component, no control or reserved character,
/// no leading or trailing dot, not too long, and never empty.
pub fn safe_file_name(name: Option<&str>, media_type: &str) -> String {
    let last = name
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let cleaned: String = last
        .chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect();
    let trimmed = cleaned.trim_matches([' ', '.']);
    let (stem, extension) = split(trimmed);
    let stem = if stem.is_empty() { "attachment" } else { stem };
    let extension = extension.unwrap_or_else(|| extension_of(media_type));
    let stem = if is_device(stem) {
        format!("_{stem}")
    } else {
        stem.to_owned()
    };
    let room = LONGEST - extension.len() - 1;
    let stem = shortened(&stem, room)
        .trim_end_matches([' ', '.'])
        .to_owned();
    if extension.is_empty() {
        stem
    } else {
        format!("{stem}.{extension}")
    }
}

/// Gives the attachments of one message names that differ, also on systems that do not tell
/// upper from lower case.
#[derive(Debug, Default)]
pub struct FileNames {
    given: BTreeSet<String>,
}

impl FileNames {
    /// The next name: that of [`safe_file_name`], with a number if it was given before.
    pub fn next(&mut self, name: Option<&str>, media_type: &str) -> String {
        let wanted = safe_file_name(name, media_type);
        let (stem, extension) = split(&wanted);
        let mut candidate = wanted.clone();
        let mut number = 2_u32;
        while !self.given.insert(candidate.to_lowercase()) {
            let end = extension.map_or_else(String::new, |extension| format!(".{extension}"));
            candidate = format!(
                "{} ({number}){end}",
                shortened(stem, LONGEST - end.len() - 13)
            );
            number += 1;
        }
        candidate
    }
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) => (stem, Some(extension)),
        _ => (name, None),
    }
}

fn is_extension(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

fn is_safe(c: char) -> bool {
    // What turns the direction of writing can make exe look like txt.
    let turns = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns && !"<>:\"|?*".contains(c)
}

/// Names that Windows gives to devices, whatever their extension.
fn is_device(stem: &str) -> bool {
    let first = stem
        .split('.')
        .next()
        .unwrap_or(stem)
        .trim_end()
        .to_ascii_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|device| {
        first
            .strip_prefix(device)
            // Windows takes the superscript digits of Latin-1 for digits here.
            .is_some_and(|n| n.chars().count() == 1 && n.chars().all(|c| "0123456789¹²³".contains(c)))
    });
    numbered || matches!(first.as_str(), "CON" | "PRN" | "AUX" | "NUL")
}

fn extension_of(media_type: &str) -> &'static str {
    EXTENSIONS
        .iter()
        .find(|(of, _)| *of == media_type)
        .map_or("", |(_, extension)| extension)
}

fn shortened(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// In octets; file systems take 255.
const LONGEST: usize = 200;

const EXTENSIONS: [(&str, &str); 10] = [
    ("application/pdf", "pdf"),
    ("application/zip", "zip"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("message/rfc822", "eml"),
    ("text/calendar", "ics"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/plain", "txt"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (written, safe) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\report.pdf", "report.pdf"),
            ("..", "attachment"),
            (".bashrc", "bashrc"),
            ("a\0b\r\n.txt", "a_b__.txt"),
            ("nul.txt", "_nul.txt"),
            ("com¹.txt", "_com¹.txt"),
            ("Rechnung März.pdf", "Rechnung März.pdf"),
            ("invoice\u{202e}fdp.exe", "invoice_fdp.exe"),
        ] {
            assert_eq!(safe_file_name(Some(written), "x/y"), safe);
        }
        assert_eq!(safe_file_name(None, "application/pdf"), "attachment.pdf");
    }

    #[test]
    fn equal_names_get_numbers() {
        let mut names = FileNames::default();
        let given: Vec<String> = ["a.txt", "A.TXT", "a.txt"]
            .map(|name| names.next(Some(name), "x/y"))
            .into();
        assert_eq!(given, ["a.txt", "A (2).TXT", "a (3).txt"]);
    }

    proptest! {
        #[test]
        fn every_name_is_one_harmless_component(name in ".{0,400}", kind in ".{0,20}") {
            let safe = safe_file_name(Some(&name), &kind);
            prop_assert!(!safe.is_empty() && safe.len() <= 255);
            prop_assert!(!safe.contains(['/', '\\', '\0']) && safe != "." && safe != "..");
            prop_assert!(!safe.starts_with('.'));
        }
    }
}
