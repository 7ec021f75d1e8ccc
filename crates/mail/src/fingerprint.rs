//! Tells a message by its header when the server has forgotten the keys.

use aws_lc_rs::digest::{Context, SHA256};

/// The SHA-256 over Message-ID, Date, From and Subject as they stand in `header`, without the
/// folding of long lines (RFC 5322 §2.2.3). Octets behind the header do no harm.
pub fn fingerprint(header: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for name in FIELDS {
        // Each value is preceded by its length, so that no two headers are written alike.
        match field(header, name) {
            Some(value) => {
                context.update(&(value.len() as u64).to_be_bytes());
                context.update(&value);
            }
            None => context.update(&u64::MAX.to_be_bytes()),
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The unfolded value of the first field of this name.
fn field(header: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut value: Option<Vec<u8>> = None;
    for line in header.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let folded = matches!(line[0], b' ' | b'\t');
        match &mut value {
            Some(value) if folded => value.extend_from_slice(line),
            Some(_) => break,
            None if folded => {}
            None => value = value_of(line, name).map(<[u8]>::to_vec),
        }
    }
    value.map(|value| value.trim_ascii().to_vec())
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.trim_ascii_start().strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

const FIELDS: [&[u8]; 4] = [b"Message-ID", b"Date", b"From", b"Subject"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_other_fields_and_the_body_do_not_matter() {
        let plain = b"From: a@b.example\r\nSubject: one two\r\nMessage-ID: <1@b.example>\r\n\r\nx";
        let other = b"Received: x\r\nmessage-id:<1@b.example>\nSUBJECT: one\r\n two\r\nFrom:  a@b.example\r\n\r\nDate: y";
        assert_eq!(fingerprint(plain), fingerprint(other));
    }

    #[test]
    fn each_field_matters() {
        let of = |header: &str| fingerprint(header.as_bytes());
        let all = [
            of(""),
            of("Subject: \r\n"),
            of("Subject: 1\r\n"),
            of("Date: 1\r\n"),
            of("From: 1\r\n"),
            of("Message-ID: 1\r\n"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "number {at} is not told apart");
        }
    }
}
