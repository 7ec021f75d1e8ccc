//! Parameters of a field in ASCII (RFC 2231 §3, §4).

use super::fields::unquoted;
use crate::content::encoded_words::Charset;

/// `type; name=value; …` with every value in ASCII, each that was not on a line of its own.
pub(super) fn ascii(value: &str, charset: Charset) -> String {
    let mut out = String::new();
    for (number, piece) in pieces(value).into_iter().enumerate() {
        let piece = piece.trim();
        if piece.is_empty() {
            continue;
        }
        if number > 0 {
            out.push(';');
        }
        match piece.split_once('=') {
            _ if piece.is_ascii() => {
                if number > 0 {
                    out.push_str("\r\n\t");
                }
                out.push_str(piece);
            }
            Some((name, value)) if name.is_ascii() && number > 0 => {
                let name = name.trim().trim_end_matches('*');
                out.push_str(&parameter(name, &unquoted(value.trim()), charset));
            }
            // Neither a type nor a name is anything but ASCII.
            _ => {
                let masked = piece.chars().map(|c| if c.is_ascii() { c } else { '?' });
                out.push_str("\r\n\t");
                out.extend(masked);
            }
        }
    }
    out
}

/// A parameter whose value is not ASCII, in as many sections as it takes.
fn parameter(name: &str, value: &str, charset: Charset) -> String {
    let mut sections = vec![format!("{}''", charset.name())];
    let mut octets = Vec::new();
    for c in value.chars() {
        octets.clear();
        charset.octets(c, &mut octets);
        let written: String = octets.iter().map(|octet| escaped(*octet)).collect();
        let full = |section: &String| section.len() + written.len() > LONGEST_SECTION;
        if sections.last().is_none_or(full) {
            sections.push(String::new());
        }
        if let Some(last) = sections.last_mut() {
            last.push_str(&written);
        }
    }
    if let [only] = &sections[..] {
        return format!("\r\n\t{name}*={only}");
    }
    let numbered = sections.iter().enumerate();
    let numbered = numbered.map(|(number, section)| format!("\r\n\t{name}*{number}*={section}"));
    numbered.collect::<Vec<_>>().join(";")
}

fn escaped(octet: u8) -> String {
    if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_') {
        return char::from(octet).to_string();
    }
    format!("%{octet:02X}")
}

/// What stands between semicolons that are not quoted.
fn pieces(value: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                pieces.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&value[start..]);
    pieces
}

const LONGEST_SECTION: usize = 60;
