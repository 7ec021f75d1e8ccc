//! Writes strings the way IMAP wants them.

pub(super) use crate::words::one_line;

/// Writes a string: quoted where that is possible, else as a literal (RFC 3501 §4.3).
pub(super) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    if text.len() <= LONGEST_QUOTED && text.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        out.push(b'"');
        for octet in text {
            if matches!(octet, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*octet);
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
        out.extend_from_slice(text);
    }
}

/// Writes a string or `NIL` (RFC 3501 §4.5).
pub(super) fn push_nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

const LONGEST_QUOTED: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_string(&mut out, text);
        out
    }

    #[test]
    fn strings_are_quoted_or_literals() {
        assert_eq!(written(br#"a "b" \"#), br#""a \"b\" \\""#);
        assert_eq!(written("é".as_bytes()), "{2}\r\né".as_bytes());
        assert_eq!(written(b"a\r\nb"), b"{4}\r\na\r\nb");
    }
}
