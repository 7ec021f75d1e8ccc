//! Takes off what a part was encoded in for its way (RFC 2045 §6), while its octets come.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A part that is being decoded. What is no code is passed over or left as it is, since people
/// would rather have most of a file than none.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// `7bit`, `8bit`, `binary`, and what nobody knows.
    Identity,
    /// Less than four letters, which do not make three octets yet, and what else stands there.
    Base64(Vec<u8>),
    /// A line whose end is still to come.
    QuotedPrintable(Vec<u8>),
}

impl Decoder {
    /// One for the value of `Content-Transfer-Encoding`.
    pub(crate) fn of(encoding: Option<&str>) -> Self {
        let encoding = encoding.unwrap_or_default().trim();
        if encoding.eq_ignore_ascii_case("base64") {
            Self::Base64(Vec::new())
        } else if encoding.eq_ignore_ascii_case("quoted-printable") {
            Self::QuotedPrintable(Vec::new())
        } else {
            Self::Identity
        }
    }

    /// Adds what the next octets mean to `out`.
    pub(crate) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Identity => out.extend_from_slice(octets),
            Self::Base64(letters) => base64(octets, letters, out),
            Self::QuotedPrintable(line) => {
                for piece in octets.split_inclusive(|octet| *octet == b'\n') {
                    line.extend_from_slice(piece);
                    if piece.ends_with(b"\n") {
                        quoted_printable(line, out);
                        line.clear();
                    } else if line.len() >= LONGEST_LINE {
                        // Not within a code.
                        let kept = line.len() - 2;
                        let code = line[kept..].iter().position(|octet| *octet == b'=');
                        let rest = line.split_off(code.map_or(line.len(), |at| kept + at));
                        decoded(line, out);
                        *line = rest;
                    }
                }
            }
        }
    }

    /// Adds what is left.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Identity => {}
            Self::Base64(letters) => {
                let mixed = std::mem::take(letters);
                sifted(&mixed, letters, out);
                end_of_base64(letters, out);
            }
            Self::QuotedPrintable(line) => {
                quoted_printable(line, out);
                line.clear();
            }
        }
    }
}

/// Nearly all of it is letters and ends of lines, so that only what is not is looked at octet by
/// octet.
fn base64(octets: &[u8], letters: &mut Vec<u8>, out: &mut Vec<u8>) {
    let (mut rest, mut width) = (octets, 0);
    while !rest.is_empty() {
        // Mostly a line is as long as the one before it.
        if rest.get(width..width + 2) != Some(b"\r\n") {
            let end = memchr::memchr2(b'\r', b'\n', rest);
            width = end.unwrap_or(rest.len());
        }
        let (line, end) = rest.split_at(width);
        letters.extend_from_slice(line);
        rest = end
            .strip_prefix(b"\r\n")
            .unwrap_or(end.get(1..).unwrap_or_default());
    }
    let whole = letters.len() - letters.len() % 4;
    let before = out.len();
    if STRICT.decode_vec(&letters[..whole], out).is_ok() {
        letters.drain(..whole);
    } else {
        out.truncate(before);
        let mixed = std::mem::take(letters);
        sifted(&mixed, letters, out);
    }
}

/// Decodes what is code in `octets` behind the letters that were left.
fn sifted(octets: &[u8], letters: &mut Vec<u8>, out: &mut Vec<u8>) {
    for octet in octets {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => letters.push(*octet),
            // Behind it a second text may follow.
            b'=' => end_of_base64(letters, out),
            // "All line breaks or other characters not found in Table 1 must be ignored"
            // (RFC 2045 §6.8).
            _ => {}
        }
    }
    let whole = letters.len() - letters.len() % 4;
    let done = LENIENT.decode_vec(&letters[..whole], out);
    debug_assert!(done.is_ok(), "four letters are three octets");
    letters.drain(..whole);
}

fn end_of_base64(letters: &mut Vec<u8>, out: &mut Vec<u8>) {
    // A single letter is less than an octet.
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    let done = LENIENT.decode_vec(&*letters, out);
    debug_assert!(done.is_ok(), "padding and spare bits do not matter");
    letters.clear();
}

/// One line with its end, if it has one (RFC 2045 §6.7).
fn quoted_printable(line: &[u8], out: &mut Vec<u8>) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let end = &line[text.len()..];
    // Blanks at the end were added on the way.
    let blanks = text.iter().rev();
    let blanks = blanks.take_while(|octet| matches!(octet, b' ' | b'\t'));
    let text = &text[..text.len() - blanks.count()];
    // A line that is broken only for its way (`=` at its end) has none.
    let (text, end) = text
        .strip_suffix(b"=")
        .map_or((text, end), |text| (text, &b""[..]));
    decoded(text, out);
    out.extend_from_slice(end);
}

fn decoded(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let code = (*first == b'=').then(|| behind.get(..2)).flatten();
        let octet = code.and_then(|code| Some(digit(code[0])? << 4 | digit(code[1])?));
        if let Some(octet) = octet {
            out.push(octet);
            rest = &behind[2..];
        } else {
            out.push(*first);
            rest = behind;
        }
    }
}

fn digit(octet: u8) -> Option<u8> {
    let digit = char::from(octet).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Letters alone, four by four.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
/// Padding need not be there, and what is left over of the last letter does not matter.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Lines of code have 76 octets.
const LONGEST_LINE: usize = 4096;

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn decoded(encoding: &str, octets: &[u8], piece: usize) -> Vec<u8> {
        let mut decoder = Decoder::of(Some(encoding));
        let mut out = Vec::new();
        for octets in octets.chunks(piece) {
            decoder.push(octets, &mut out);
        }
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn what_other_programs_write_is_read() {
        for (encoding, given, meant) in [
            ("BASE64", "SGVs\r\nbG8=\r\n", "Hello"),
            ("base64", "SGVsbG8", "Hello"),
            ("base64", "SGVs bG8=SGk=", "HelloHi"),
            ("base64", "SGVsbG8=\r\n-- \r\nS", "Hello"),
            ("base64", "SGVs!bG8=\r\n SGVs\r\nbG8", "HelloHello"),
            ("base64", "====SGVs=bG8h\r\n", "Hello!"),
            (
                "quoted-printable",
                "M=C3=A4rz=\r\n und  \r\nApril=3d =\r\n",
                "M\u{e4}rz und\r\nApril= ",
            ),
            ("quoted-printable", "a = b =G1 =", "a = b =G1 "),
            ("8bit", "a=3D \r\n", "a=3D \r\n"),
        ] {
            for piece in 1..9 {
                let found = decoded(encoding, given.as_bytes(), piece);
                assert_eq!(String::from_utf8_lossy(&found), meant, "{given} by {piece}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let mut decoder = Decoder::of(Some("quoted-printable"));
        let mut out = Vec::new();
        for _ in 0..10_000 {
            decoder.push(b"=41", &mut out);
        }
        assert!(matches!(&decoder, Decoder::QuotedPrintable(line) if line.len() <= LONGEST_LINE));
        decoder.finish(&mut out);
        assert_eq!(out, [b'A'; 10_000]);
    }

    proptest! {
        #[test]
        fn octets_come_back(octets: Vec<u8>, width in 1_usize..90, piece in 1_usize..50) {
            let text = STANDARD.encode(&octets);
            let lines: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
            let lines = lines.join(&b"\r\n"[..]);
            prop_assert_eq!(decoded("base64", &lines, piece), octets);
        }

        #[test]
        fn letters_among_other_things_are_read_as_one_by_one(
            text in "([A-Za-z0-9+/]{0,30}[= !\r\n-]?){0,9}",
            piece in 1_usize..50,
        ) {
            let (mut letters, mut out) = (Vec::new(), Vec::new());
            sifted(text.as_bytes(), &mut letters, &mut out);
            end_of_base64(&mut letters, &mut out);
            prop_assert_eq!(decoded("base64", text.as_bytes(), piece), out);
        }

        #[test]
        fn nothing_panics(octets: Vec<u8>, piece in 1_usize..50) {
            for encoding in ["base64", "quoted-printable", "x"] {
                let whole = decoded(encoding, &octets, octets.len().max(1));
                prop_assert_eq!(decoded(encoding, &octets, piece), whole);
            }
        }
    }
}
