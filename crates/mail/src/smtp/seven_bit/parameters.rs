//! Parameters of a field in ASCII (RFC 2231 §3, §4).

use std::collections::BTreeMap;

use super::fields::unquoted;
use crate::content::encoded_words::Charset;

/// `type; name=value; …` with every value in ASCII, each that was not on a line of its own.
pub(super) fn ascii(value: &str, charset: Charset) -> String {
    let mut out = String::new();
    let pieces = pieces(value);
    let sections: Vec<Option<Section<'_>>> = pieces.iter().map(|piece| section(piece)).collect();
    let mut divided = BTreeMap::<String, Vec<&Section<'_>>>::new();
    for one in sections.iter().flatten() {
        divided
            .entry(one.name.to_ascii_lowercase())
            .or_default()
            .push(one);
    }
    // They are divided anew, as only the first names the charset.
    divided.retain(|_, all| all.iter().any(|one| !one.value.is_ascii()));
    for (number, piece) in pieces.into_iter().enumerate() {
        let piece = piece.trim();
        if piece.is_empty() {
            continue;
        }
        if let Some(one) = &sections[number]
            && let Some(all) = divided.get_mut(&one.name.to_ascii_lowercase())
        {
            // At the place of the first; the others find nothing left.
            let mut all = std::mem::take(all);
            if !all.is_empty() {
                all.sort_by_key(|one| one.number);
                let values: String = all.iter().map(|one| one.value.as_str()).collect();
                out.push(';');
                out.push_str(&parameter(one.name, &values, charset));
            }
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

/// A section of a parameter that was divided and not encoded, `name*1="value"` (RFC 2231 §3).
struct Section<'a> {
    name: &'a str,
    number: u32,
    value: String,
}

fn section(piece: &str) -> Option<Section<'_>> {
    let (name, value) = piece.trim().split_once('=')?;
    let (name, number) = name.trim().split_once('*')?;
    Some(Section {
        name,
        number: number.parse().ok().filter(|_| name.is_ascii())?,
        value: unquoted(value.trim()),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_was_divided_names_its_charset_once_and_first() {
        for (value, expected) in [
            (
                "attachment; filename*0=\"ä\"; filename*1=\"ö.pdf\"",
                "attachment;\r\n\tfilename*=utf-8''%C3%A4%C3%B6.pdf",
            ),
            (
                "attachment; filename*1=\"ö\"; x=y; filename*0=a",
                "attachment;\r\n\tfilename*=utf-8''a%C3%B6;\r\n\tx=y",
            ),
            (
                "attachment; filename*0=a; filename*1=b; title=ö",
                "attachment;\r\n\tfilename*0=a;\r\n\tfilename*1=b;\r\n\ttitle*=utf-8''%C3%B6",
            ),
        ] {
            assert_eq!(ascii(value, Charset::Utf8), expected, "{value}");
        }
    }
}
