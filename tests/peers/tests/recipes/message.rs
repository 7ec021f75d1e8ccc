//! Messages to compare, and what programs on the way may add to them.

/// Messages that programs like to damage, with line ends as they lie on a disk.
pub(crate) fn awkward() -> Vec<Vec<u8>> {
    let long = "All work and no play makes Jack a dull boy.\n".repeat(8_000);
    vec![
        with_head(
            "plain",
            "Hello Bob.\n.\n..two dots\nFrom here on\n\n\nthe end\n",
        ),
        with_head("eight bits", "Z\u{e4}hlung \u{2014} \u{20ac} 12\n"),
        [
            with_head("Latin", "").as_slice(),
            b"caf\xe9 in another encoding than it says\n",
        ]
        .concat(),
        with_head("long", &long),
    ]
}

/// The octets without the header fields `names`, and with line ends of Unix.
pub(crate) fn without(names: &[&str], octets: &[u8]) -> Vec<u8> {
    let octets = unix(octets);
    let end = octets
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .map_or(octets.len(), |at| at + 1);
    let (head, rest) = octets.split_at(end);
    let mut kept = Vec::with_capacity(octets.len());
    let mut keeping = true;
    for line in head.split_inclusive(|octet| *octet == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            keeping = !names.iter().any(|name| is_field(name, line));
        }
        if keeping {
            kept.extend_from_slice(line);
        }
    }
    kept.extend_from_slice(rest);
    kept
}

/// What stands behind the first empty line.
pub(crate) fn body(octets: &[u8]) -> Vec<u8> {
    let octets = unix(octets);
    let at = octets.windows(2).position(|pair| pair == b"\n\n");
    at.map_or_else(Vec::new, |at| octets[at + 2..].to_vec())
}

/// The octets with line ends of Unix.
pub(crate) fn unix(octets: &[u8]) -> Vec<u8> {
    let mut kept = octets.to_vec();
    let mut at = 0;
    kept.retain(|octet| {
        at += 1;
        *octet != b'\r' || octets.get(at) != Some(&b'\n')
    });
    kept
}

/// What servers put in front of a message that they take or deliver (RFC 5321 §4.4).
pub(crate) const TRACE: &[&str] = &["Return-Path", "Delivered-To", "Received"];

fn is_field(name: &str, line: &[u8]) -> bool {
    line.get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        && line.get(name.len()) == Some(&b':')
}

fn with_head(subject: &str, text: &str) -> Vec<u8> {
    let id = subject.replace(' ', "-");
    format!(
        "From: Ada <ada@contoso.com>\nTo: Bob <bob@contoso.com>\nSubject: {subject}\n\
         Message-ID: <{id}@contoso.com>\nDate: Sun, 22 Nov 2026 08:00:00 +0000\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\n{text}"
    )
    .into_bytes()
}

#[test]
fn fields_are_removed_with_their_continuations() {
    let message = b"Received: by x\r\n\tfor y\r\nSubject: a\r\n b\r\n\r\nReceived: in the body\r\n";
    assert_eq!(
        without(TRACE, message),
        b"Subject: a\n b\n\nReceived: in the body\n"
    );
}
