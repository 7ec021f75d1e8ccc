//! Mailbox names between the wire and people: modified UTF-7 (RFC 3501 §5.1.3) and UTF-8.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

/// Reads a mailbox name as it came over the wire.
///
/// Names in modified UTF-7 are decoded; octets beyond ASCII are taken as UTF-8, which servers
/// send after `ENABLE UTF8=ACCEPT` and some without asking. What is no well-formed modified
/// UTF-7 is kept as it stands, so that a mailbox never disappears because of its name.
pub fn decode(wire: &[u8]) -> String {
    let text = String::from_utf8_lossy(wire);
    decode_utf7(&text)
        .filter(|name| text.is_ascii() && encode_utf7(name) == text)
        .unwrap_or_else(|| text.into_owned())
}

/// Writes a mailbox name in modified UTF-7.
pub fn encode_utf7(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for c in name.chars() {
        if is_direct(c) {
            end_shift(&mut wire, &mut shifted);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    end_shift(&mut wire, &mut shifted);
    wire
}

fn decode_utf7(wire: &str) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((direct, after)) = rest.split_once('&') {
        name.push_str(direct);
        let (shifted, after) = after.split_once('-')?;
        if shifted.is_empty() {
            name.push('&');
        } else {
            let octets = MODIFIED_BASE64.decode(shifted).ok()?;
            let (units, []) = octets.as_chunks::<2>() else {
                return None;
            };
            let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
            for c in char::decode_utf16(units) {
                name.push(c.ok()?);
            }
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// Printable US-ASCII represents itself (RFC 3501 §5.1.3).
fn is_direct(c: char) -> bool {
    matches!(c, ' '..='~')
}

fn end_shift(wire: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        wire.push('&');
        MODIFIED_BASE64.encode_string(&*shifted, wire);
        wire.push('-');
        shifted.clear();
    }
}

/// `,` takes the place of `/`, and nothing is padded.
const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::IMAP_MUTF7, NO_PAD);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_rfc_and_of_exchange() {
        for (wire, name) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("Q&-A", "Q&A"),
            ("&2D3eAA-", "😀"),
            ("a&AAk-b", "a\tb"),
        ] {
            assert_eq!(decode(wire.as_bytes()), name);
            assert_eq!(encode_utf7(name), wire);
        }
    }

    #[test]
    fn what_is_not_modified_utf7_is_kept_as_it_stands() {
        for wire in ["R&D", "&", "&zz", "&AGE-", "&2D0-", "Entwürfe", "&AGEA-"] {
            assert_eq!(decode(wire.as_bytes()), wire);
        }
    }
}
