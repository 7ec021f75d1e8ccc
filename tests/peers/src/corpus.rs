//! Messages as they should not be, and are.

use std::fmt::Write as _;

/// One message with a name to call it by.
#[derive(Debug, Clone)]
pub struct Specimen {
    /// What is odd about it.
    pub name: &'static str,
    /// Its octets, with CRLF.
    pub octets: Vec<u8>,
}

/// Every specimen, in a stable order: examples of RFC 5322, 2047 and 2049, broken structure,
/// broken encodings, 8-bit headers, zero octets, very long and very many lines.
pub fn corpus() -> Vec<Specimen> {
    let mut specimens: Vec<Specimen> = FILES
        .iter()
        .map(|(name, text)| Specimen {
            name,
            octets: text.replace('\n', "\r\n").into_bytes(),
        })
        .collect();
    specimens.extend(OCTETS.iter().map(|(name, octets)| Specimen {
        name,
        octets: octets.to_vec(),
    }));
    specimens.push(Specimen {
        name: "header-of-100-kilobytes",
        octets: long_header(),
    });
    specimens.push(Specimen {
        name: "headers-5000",
        octets: many_headers(),
    });
    specimens.push(Specimen {
        name: "multiparts-nested-100-deep",
        octets: nested(),
    });
    specimens.push(Specimen {
        name: "one-line-of-a-megabyte",
        octets: long_line(),
    });
    specimens
}

/// A message with one attachment that makes it exactly `octets` long (at least 1,000).
pub fn large_message(octets: usize) -> Vec<u8> {
    const LINE: &[u8] =
        b"R2F0ZXBvc3QgaXMgdGhlIGdhdGUgYmV0d2VlbiBzb2Z0d2FyZSBhbmQgbWFpbC4gIEhlbGxv\r\n";
    let mut message = b"From: a@example.com\r\nSubject: large\r\nMIME-Version: 1.0\r\n\
        Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=large.bin\r\n\r\n"
        .to_vec();
    message.reserve(octets);
    while message.len() < octets {
        let line = LINE.len().min(octets - message.len());
        message.extend_from_slice(&LINE[..line]);
    }
    message
}

fn long_header() -> Vec<u8> {
    format!(
        "From: a@example.com\r\nSubject: {}\r\n\r\nlong\r\n",
        "x".repeat(100_000)
    )
    .into_bytes()
}

fn many_headers() -> Vec<u8> {
    let mut text = String::from("From: a@example.com\r\n");
    for number in 0..5_000 {
        let _ = write!(text, "X-Header-{number}: value\r\n");
    }
    text.push_str("Subject: many\r\n\r\nmany\r\n");
    text.into_bytes()
}

fn nested() -> Vec<u8> {
    let mut text = String::from("From: a@example.com\r\nSubject: deep\r\nMIME-Version: 1.0\r\n");
    for level in 0..100 {
        let _ = write!(
            text,
            "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        );
    }
    text.push_str("Content-Type: text/plain\r\n\r\nthe ground\r\n");
    for level in (0..100).rev() {
        let _ = write!(text, "--b{level}--\r\n");
    }
    text.into_bytes()
}

fn long_line() -> Vec<u8> {
    let mut octets = b"From: a@example.com\r\nSubject: one line\r\n\r\n".to_vec();
    octets.resize(octets.len() + 1024 * 1024, b'a');
    octets
}

/// Texts; their lines end in CRLF on the wire.
const FILES: &[(&str, &str)] = &[
    ("rfc5322-a.1.1", include_str!("../corpus/rfc5322-a.1.1.eml")),
    ("rfc5322-a.1.2", include_str!("../corpus/rfc5322-a.1.2.eml")),
    ("rfc5322-a.1.3", include_str!("../corpus/rfc5322-a.1.3.eml")),
    ("rfc5322-a.3", include_str!("../corpus/rfc5322-a.3.eml")),
    ("rfc5322-a.5", include_str!("../corpus/rfc5322-a.5.eml")),
    ("rfc5322-a.6.1", include_str!("../corpus/rfc5322-a.6.1.eml")),
    ("rfc5322-a.6.2", include_str!("../corpus/rfc5322-a.6.2.eml")),
    ("rfc5322-a.6.3", include_str!("../corpus/rfc5322-a.6.3.eml")),
    ("rfc2047-8", include_str!("../corpus/rfc2047-8.eml")),
    ("rfc2049-a", include_str!("../corpus/rfc2049-a.eml")),
    ("rfc2231-names", include_str!("../corpus/rfc2231-names.eml")),
    (
        "multipart-unterminated",
        include_str!("../corpus/multipart-unterminated.eml"),
    ),
    (
        "multipart-without-boundary",
        include_str!("../corpus/multipart-without-boundary.eml"),
    ),
    (
        "encodings-broken",
        include_str!("../corpus/encodings-broken.eml"),
    ),
    (
        "report-delivery-status",
        include_str!("../corpus/report-delivery-status.eml"),
    ),
    ("only-headers", include_str!("../corpus/only-headers.eml")),
    ("only-body", include_str!("../corpus/only-body.eml")),
    ("no-headers", include_str!("../corpus/no-headers.eml")),
    (
        "duplicate-headers",
        include_str!("../corpus/duplicate-headers.eml"),
    ),
    (
        "imap-words-in-the-body",
        include_str!("../corpus/imap-words-in-the-body.eml"),
    ),
];

/// What is no text, or must keep its line ends.
const OCTETS: &[(&str, &[u8])] = &[
    (
        "headers-in-latin-1",
        b"From: J\xfcrgen <a@example.com>\r\nSubject: Gr\xfc\xdfe aus K\xf6ln\r\n\r\nSch\xf6n\r\n",
    ),
    (
        "headers-in-utf-8",
        b"From: J\xc3\xbcrgen <j\xc3\xbcrgen@example.com>\r\nSubject: \xe4\xbd\xa0\xe5\xa5\xbd\r\n\r\nbody\r\n",
    ),
    (
        "headers-in-shift-jis",
        b"From: a@example.com\r\nSubject: \x93\xfa\x96{\x8c\xea\r\n\r\n\x93\xfa\x96{\r\n",
    ),
    ("zero-octets-in-the-body", b"From: a@example.com\r\nSubject: zero\r\n\r\na\0b\0\0c\r\n"),
    ("zero-octets-in-a-header", b"From: a@example.com\r\nSubject: ze\0ro\r\n\r\nbody\r\n"),
    ("every-octet", &EVERY_OCTET),
    ("a-lone-cr", b"From: a@example.com\r\nSubject: lone\r\n\r\na\rb\r\r\nc\r\n"),
    ("no-line-end-at-the-end", b"From: a@example.com\r\nSubject: cut\r\n\r\nno line end"),
    ("one-octet", b"x"),
];

/// A body of all 256 octets but CR and LF, whose fate depends on the server's storage.
const EVERY_OCTET: [u8; HEAD.len() + 256] = {
    let mut octets = [b' '; HEAD.len() + 256];
    let mut at = 0;
    while at < HEAD.len() {
        octets[at] = HEAD[at];
        at += 1;
    }
    let mut octet = 0;
    loop {
        if octet != b'\r' && octet != b'\n' {
            octets[at] = octet;
        }
        if octet == u8::MAX {
            break octets;
        }
        octet += 1;
        at += 1;
    }
};
const HEAD: &[u8] = b"Subject: every octet\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_corpus_is_used() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let files = std::fs::read_dir(folder)
            .expect("the corpus is there")
            .count();
        assert_eq!(files, FILES.len());
    }

    #[test]
    fn every_octet_is_there() {
        let body = &EVERY_OCTET[HEAD.len()..];
        assert_eq!((body[0], body[b'\r' as usize], body[255]), (0, b' ', 255));
    }

    #[test]
    fn a_large_message_has_its_size() {
        assert_eq!(large_message(50_000).len(), 50_000);
    }
}
