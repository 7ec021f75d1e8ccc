//! The characters of a file that does not say how it is encoded.

use std::borrow::Cow;

/// The text of a file: UTF-8, with or without a mark at its beginning, or else Windows-1252, in
/// which every octet means something.
pub fn decode(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(_) => octets.iter().map(|octet| windows_1252(*octet)).collect(),
    }
}

/// The character of an octet; the five that Windows-1252 leaves open mean what they mean in
/// ISO 8859-1, as everywhere on the web.
fn windows_1252(octet: u8) -> char {
    match octet {
        0x80..=0x9f => HIGH_CONTROLS[usize::from(octet - 0x80)],
        other => char::from(other),
    }
}

const HIGH_CONTROLS: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_goes_before_windows_1252() {
        assert_eq!(decode("Größe".as_bytes()), "Größe");
        assert_eq!(decode(b"\xef\xbb\xbf[a]"), "[a]");
        assert_eq!(decode(b"Gr\xf6\xdfe \x80 \x81"), "Größe € \u{81}");
    }
}
