//! Fields of a header in ASCII.

use super::addresses::ascii_address;
use super::{Obstacle, parameters};
use crate::content::encoded_words::{Charset, encoded_words};

/// What is done to a header.
pub(super) struct Rewriting {
    /// Whether its fields become ASCII.
    pub(super) of_headers: bool,
    /// What Content-Transfer-Encoding says from now on.
    pub(super) transfer: Option<&'static str>,
    /// Fields that are added.
    pub(super) additions: Vec<&'static str>,
}

impl Rewriting {
    /// Writes the header that `octets` are.
    pub(super) fn write(&self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Obstacle> {
        let (fields, has_end) = match octets.strip_suffix(b"\r\n") {
            Some(b"") => (&b""[..], true),
            Some(fields) if fields.ends_with(b"\r\n") => (fields, true),
            _ => (octets, false),
        };
        let mut transfer = self.transfer;
        for field in split(fields) {
            let name = name(field);
            if self.transfer.is_some() && name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
                if let Some(transfer) = transfer.take() {
                    put(out, &format!("{TRANSFER_ENCODING}: {transfer}\r\n"));
                }
            } else if self.of_headers && !field.is_ascii() {
                put(out, &rewritten(name, field)?);
            } else {
                out.extend_from_slice(field);
            }
        }
        for addition in &self.additions {
            put(out, &format!("{addition}\r\n"));
        }
        if let Some(transfer) = transfer {
            put(out, &format!("{TRANSFER_ENCODING}: {transfer}\r\n"));
        }
        if has_end || !self.additions.is_empty() || self.transfer.is_some() {
            put(out, "\r\n");
        }
        Ok(())
    }
}

/// A field that is not ASCII, in ASCII.
fn rewritten(name: &str, field: &[u8]) -> Result<String, Obstacle> {
    let colon = memchr::memchr(b':', field).map_or(field.len(), |at| at + 1);
    let (value, charset) = Charset::read(&field[colon..]);
    let value = value.replace("\r\n", "");
    let value = value.trim();
    let is = |names: &[&str]| names.iter().any(|one| one.eq_ignore_ascii_case(name));
    if is(IDENTIFIERS) {
        let field = name.to_owned();
        return Err(Obstacle::Identifier { field });
    }
    let written = if is(PARAMETERS) {
        parameters::ascii(value, charset)
    } else {
        let words = if is(STRUCTURED) {
            structured(name, value)?
        } else {
            unstructured(value)
        };
        folded(name.len() + 2, &words, charset)
    };
    Ok(format!("{name}: {written}\r\n"))
}

/// A piece of a value.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Blank(String),
    /// As it stands.
    Plain(String),
    /// Stands as encoded words.
    Word(String),
}

fn unstructured(value: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let is_blank = |c: char| c == ' ' || c == '\t';
        let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
        if blanks > 0 {
            pieces.push(Piece::Blank(rest[..blanks].to_owned()));
            rest = &rest[blanks..];
            continue;
        }
        let (word, behind) = rest.split_at(rest.find(is_blank).unwrap_or(rest.len()));
        pieces.push(plain_or_word(word));
        rest = behind;
    }
    pieces
}

fn plain_or_word(text: &str) -> Piece {
    if text.is_ascii() {
        Piece::Plain(text.to_owned())
    } else {
        Piece::Word(text.to_owned())
    }
}

/// Phrases, comments and addresses (RFC 5322 §3.2, §3.4).
fn structured(field: &str, value: &str) -> Result<Vec<Piece>, Obstacle> {
    let mut pieces = Vec::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\t' => rest.len() - rest.trim_start_matches([' ', '\t']).len(),
            '"' => end_of(rest, ('"', '"')),
            '(' => end_of(rest, ('(', ')')),
            '<' => rest.find('>').map_or(rest.len(), |at| at + 1),
            ',' | ';' | ':' => 1,
            _ => rest
                .find([' ', '\t', '"', '(', '<', ',', ';', ':'])
                .unwrap_or(rest.len()),
        };
        let (text, behind) = rest.split_at(length.max(first.len_utf8()));
        rest = behind;
        match first {
            ' ' | '\t' => pieces.push(Piece::Blank(text.to_owned())),
            _ if text.is_ascii() => pieces.push(Piece::Plain(text.to_owned())),
            '"' if behind.starts_with('@') => return Err(no_address(field, text)),
            '"' => pieces.push(Piece::Word(unquoted(text))),
            '(' => {
                pieces.push(Piece::Plain("(".to_owned()));
                let text = text.strip_suffix(')').unwrap_or(text);
                pieces.extend(
                    unstructured(&text[1..])
                        .into_iter()
                        .map(|piece| match piece {
                            Piece::Word(text) => Piece::Word(unescaped(&text)),
                            other => other,
                        }),
                );
                pieces.push(Piece::Plain(")".to_owned()));
            }
            '<' => {
                let address = text.trim_matches(['<', '>', ' ']);
                let ascii = ascii_address(address).ok_or_else(|| no_address(field, address))?;
                pieces.push(Piece::Plain(format!("<{ascii}>")));
            }
            _ if text.contains('@') => {
                let ascii = ascii_address(text).ok_or_else(|| no_address(field, text))?;
                pieces.push(Piece::Plain(ascii));
            }
            _ => pieces.push(Piece::Word(text.to_owned())),
        }
    }
    Ok(pieces)
}

fn no_address(field: &str, address: &str) -> Obstacle {
    Obstacle::Address {
        field: field.to_owned(),
        address: address.to_owned(),
    }
}

/// Where a quoted string or a comment ends, with all comments in it.
fn end_of(text: &str, (open, close): (char, char)) -> usize {
    let (mut depth, mut is_escaped) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == close && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ if c == open => depth += 1,
            _ => {}
        }
    }
    text.len()
}

pub(super) fn unquoted(text: &str) -> String {
    let text = text.strip_prefix('"').unwrap_or(text);
    unescaped(text.strip_suffix('"').unwrap_or(text))
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut is_escaped = false;
    for c in text.chars() {
        if c == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            out.push(c);
            is_escaped = false;
        }
    }
    out
}

/// Writes pieces in lines of 76 octets, the first of which has `column` octets already.
fn folded(mut column: usize, pieces: &[Piece], charset: Charset) -> String {
    let mut out = String::new();
    let mut blank = "";
    let mut before: Option<&Piece> = None;
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        at += 1;
        let texts = match piece {
            Piece::Blank(text) => {
                blank = text;
                continue;
            }
            Piece::Plain(text) => vec![text.clone()],
            Piece::Word(first) => {
                // Blanks between encoded words are none (RFC 2047 §6.2): those that are to be
                // seen are encoded, too.
                let mut whole = first.clone();
                while let [Piece::Blank(blank), Piece::Word(next), ..] = &pieces[at..] {
                    whole = format!("{whole}{blank}{next}");
                    at += 2;
                }
                if matches!(before, Some(Piece::Plain(text)) if is_encoded(text)) {
                    whole = format!("{blank}{whole}");
                }
                encoded_words(&whole, charset)
            }
        };
        if blank.is_empty() && needs_blank(before, piece) {
            blank = " ";
        }
        for text in texts {
            if !blank.is_empty() {
                if column + blank.len() + text.len() > LINE && column > 1 {
                    out.push_str("\r\n");
                    column = 0;
                }
                out.push_str(blank);
                column += blank.len();
            }
            out.push_str(&text);
            column += text.len();
            blank = " ";
        }
        blank = "";
        before = Some(piece);
    }
    out
}

/// An encoded word stands between blanks, but for the brackets of a comment (RFC 2047 §5).
fn needs_blank(before: Option<&Piece>, piece: &Piece) -> bool {
    match (before, piece) {
        (Some(Piece::Word(_)), Piece::Plain(text)) => text != ")",
        (Some(Piece::Plain(text)), Piece::Word(_)) => text != "(",
        (Some(Piece::Word(_)), Piece::Word(_)) => true,
        _ => false,
    }
}

fn is_encoded(text: &str) -> bool {
    text.starts_with("=?") && text.ends_with("?=")
}

/// The fields of a header, each with its continuations.
fn split(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if octets.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            let line = memchr::memchr(b'\n', &octets[end..]);
            end = line.map_or(octets.len(), |length| end + length + 1);
            if !matches!(octets.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (field, rest) = octets.split_at(end);
        octets = rest;
        Some(field)
    })
}

/// The name of a field; names are ASCII (RFC 5322 §2.2).
fn name(field: &[u8]) -> &str {
    let colon = memchr::memchr(b':', field).unwrap_or(0);
    std::str::from_utf8(&field[..colon]).map_or("", str::trim_end)
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

const TRANSFER_ENCODING: &str = "Content-Transfer-Encoding";
const PARAMETERS: &[&str] = &["Content-Type", "Content-Disposition"];
const IDENTIFIERS: &[&str] = &[
    "Message-ID",
    "Resent-Message-ID",
    "In-Reply-To",
    "References",
    "Content-ID",
];
const STRUCTURED: &[&str] = &[
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Return-Path",
    "Errors-To",
    "Disposition-Notification-To",
    "Return-Receipt-To",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Keywords",
    "Date",
    "Resent-Date",
    "Received",
];
/// In octets (RFC 2047 §2).
const LINE: usize = 76;
