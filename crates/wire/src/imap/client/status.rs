//! Reads status responses: tagged, untagged, and the bare code lines of Exchange.

use super::capabilities::Capabilities;
use super::event::{Code, Outcome, Reply, StatusKind, StatusLine};
use super::reader::Reader;
use super::uid_set::UidSet;

pub(super) use crate::words::words;

/// Reads `OK`, `NO` or `BAD` with an optional code and optional text: some servers leave the
/// text out, and some write it in Latin-1.
pub(super) fn reply(mut reader: Reader<'_>) -> Option<Reply> {
    let outcome = if reader.eat_word("OK") {
        Outcome::Ok
    } else if reader.eat_word("NO") {
        Outcome::No
    } else if reader.eat_word("BAD") {
        Outcome::Bad
    } else {
        return None;
    };
    let (code, text) = code_and_text(reader);
    Some(Reply {
        outcome,
        code,
        text,
    })
}

/// Reads what follows `* `, if it is a status.
pub(super) fn status_line(mut reader: Reader<'_>) -> Option<StatusLine> {
    let kind = KINDS
        .iter()
        .find(|(word, _)| reader.eat_word(word))
        .map(|(_, kind)| *kind)?;
    let (code, text) = code_and_text(reader);
    Some(StatusLine { kind, code, text })
}

/// Reads a line that is nothing but a code: Exchange answers a MOVE with `[COPYUID 55 31 6]`
/// (`MailKit` #115).
pub(super) fn bare_code(reader: Reader<'_>) -> Option<StatusLine> {
    match code_and_text(reader) {
        (None, _) => None,
        (code, text) => Some(StatusLine {
            kind: StatusKind::Ok,
            code,
            text,
        }),
    }
}

fn code_and_text(mut reader: Reader<'_>) -> (Option<Code>, String) {
    reader.skip_spaces();
    let rest = reader.rest();
    let inner = rest.strip_prefix(b"[").and_then(|rest| {
        let end = memchr::memchr(b']', rest)?;
        Some((&rest[..end], &rest[end + 1..]))
    });
    match inner {
        Some((inner, text)) => (Some(code(inner)), words(text)),
        None => (None, words(rest)),
    }
}

fn code(inner: &[u8]) -> Code {
    known_code(inner).unwrap_or_else(|| Code::Other(words(inner)))
}

fn known_code(inner: &[u8]) -> Option<Code> {
    let mut parts = inner
        .split(|octet| *octet == b' ')
        .filter(|part| !part.is_empty());
    let name = parts.next()?.to_ascii_uppercase();
    let mut text = || std::str::from_utf8(parts.next()?).ok();
    Some(match name.as_slice() {
        b"CAPABILITY" => Code::Capabilities(Capabilities::new(parts)),
        b"UIDVALIDITY" => Code::UidValidity(text()?.parse().ok()?),
        b"UIDNEXT" => Code::UidNext(text()?.parse().ok()?),
        b"APPENDUID" => Code::AppendUid {
            uidvalidity: text()?.parse().ok()?,
            uids: UidSet::parse(text()?)?,
        },
        b"COPYUID" => Code::CopyUid {
            uidvalidity: text()?.parse().ok()?,
            from: UidSet::parse(text()?)?,
            to: UidSet::parse(text()?)?,
        },
        b"READ-ONLY" => Code::ReadOnly,
        b"READ-WRITE" => Code::ReadWrite,
        b"TRYCREATE" => Code::TryCreate,
        b"NONEXISTENT" => Code::NonExistent,
        b"AUTHENTICATIONFAILED" => Code::AuthenticationFailed,
        b"UNAVAILABLE" => Code::Unavailable,
        b"LIMIT" => Code::Limit,
        b"ALERT" => Code::Alert,
        _ => return None,
    })
}

const KINDS: [(&str, StatusKind); 5] = [
    ("OK", StatusKind::Ok),
    ("NO", StatusKind::No),
    ("BAD", StatusKind::Bad),
    ("BYE", StatusKind::Bye),
    ("PREAUTH", StatusKind::PreAuth),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[u8]) -> Reply {
        reply(Reader::new(line)).expect("a status")
    }

    #[test]
    fn a_status_without_text_is_a_status() {
        assert_eq!(read(b"OK\r\n").outcome, Outcome::Ok);
        assert_eq!(read(b"NO [NONEXISTENT]\r\n").code, Some(Code::NonExistent));
    }

    #[test]
    fn latin_1_text_is_shown_as_well_as_it_can_be() {
        assert_eq!(
            read(b"NO Postfach nicht verf\xfcgbar\r\n").text,
            "Postfach nicht verf\u{fffd}gbar"
        );
    }

    #[test]
    fn an_unknown_code_is_kept_as_it_stands() {
        let code = Code::Other("Error=\"InvalidCredentials\" Proxy=\"a:1993\"".to_owned());
        let line = b"OK [Error=\"InvalidCredentials\" Proxy=\"a:1993\"] done\r\n";
        assert_eq!(
            read(line),
            Reply {
                outcome: Outcome::Ok,
                code: Some(code),
                text: "done".into()
            }
        );
    }

    #[test]
    fn exchanges_bare_copyuid_is_a_code() {
        let line = bare_code(Reader::new(b"[COPYUID 55 31 6]\r\n")).expect("a code");
        let (from, to) = (UidSet::one(31), UidSet::one(6));
        assert_eq!(
            line.code,
            Some(Code::CopyUid {
                uidvalidity: 55,
                from,
                to
            })
        );
    }
}
