//! Words of a header that are not ASCII (RFC 2047).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whose octets the characters of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// The text as it stands.
    Utf8,
    /// Each character stands for the octet of its number; nobody knows what they mean
    /// (RFC 1428 §3).
    Unknown,
}

impl Charset {
    /// Reads octets.
    pub(crate) fn read(octets: &[u8]) -> (String, Self) {
        match std::str::from_utf8(octets) {
            Ok(text) => (text.to_owned(), Self::Utf8),
            Err(_) => (
                octets.iter().copied().map(char::from).collect(),
                Self::Unknown,
            ),
        }
    }

    /// The name, as parameters and encoded words have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Unknown => "unknown-8bit",
        }
    }

    /// The octets of a character.
    pub(crate) fn octets(self, c: char, out: &mut Vec<u8>) {
        match self {
            Self::Unknown => out.push(u8::try_from(u32::from(c)).unwrap_or(b'?')),
            Self::Utf8 => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// A text as encoded words of at most 75 characters, of which none holds half a character
/// (RFC 2047 §2, §5).
pub(crate) fn encoded_words(text: &str, charset: Charset) -> Vec<String> {
    let room = LONGEST - "=??B??=".len() - charset.name().len();
    let room = room / 4 * 3;
    let mut words = Vec::new();
    let mut waiting = Vec::new();
    let mut one = Vec::new();
    for c in text.chars() {
        one.clear();
        charset.octets(c, &mut one);
        if waiting.len() + one.len() > room {
            words.push(word(&waiting, charset));
            waiting.clear();
        }
        waiting.extend_from_slice(&one);
    }
    words.push(word(&waiting, charset));
    words
}

/// A name as it stands before an address in angle brackets (RFC 5322 §3.4): as it is, in quotation
/// marks, or encoded. Control characters are left out.
pub fn phrase(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let is_atom =
        |c: char| c.is_ascii_alphanumeric() || c == ' ' || "!#$%&'*+-/=?^_`{|}~".contains(c);
    // Some decode what looks encoded even between quotation marks.
    if !name.is_ascii() || name.contains("=?") {
        return encoded_words(&name, Charset::Utf8).join(" ");
    }
    if name.chars().all(is_atom) && name.trim() == name {
        return name;
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn word(octets: &[u8], charset: Charset) -> String {
    format!("=?{}?B?{}?=", charset.name(), STANDARD.encode(octets))
}

const LONGEST: usize = 75;

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    #[test]
    fn a_name_is_read_as_it_was() {
        for name in [
            "Ada",
            "Ada Lovelace",
            "Größe",
            "O'Neil, \"Jo\" (x) \\ <y>",
            "=?utf-8?B?eA==?=",
            "名前".repeat(60).as_str(),
        ] {
            let written = format!("From: {} <a@x.test>\r\n\r\n", phrase(name));
            assert!(written.is_ascii(), "{written}");
            let parsed = MessageParser::default().parse_headers(written.as_bytes());
            let parsed = parsed.expect("a header");
            let from = parsed.from().and_then(|from| from.first()).expect("one");
            assert_eq!(from.name(), Some(name), "{written}");
            assert_eq!(from.address(), Some("a@x.test"));
        }
    }

    #[test]
    fn no_word_is_longer_than_allowed() {
        for word in encoded_words(&"ö€😀".repeat(50), Charset::Utf8) {
            assert!(word.len() <= 75, "{word}");
        }
    }
}
