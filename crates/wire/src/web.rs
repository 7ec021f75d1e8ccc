//! What web browsers send to any port that a page names: to servers that go by lines, the lines of
//! such a request that mean nothing to them are no reason to distrust those that do.

/// Whether a line that is no command is one of HTTP: a request, or the header `Host` behind it
/// (RFC 9112 §3, §3.2). A page of the web makes its visitors' browsers send such, with whatever
/// lines it likes in the body, to servers that trust their network; so nothing that comes behind
/// may be listened to.
pub(crate) fn is_http(line: &[u8]) -> bool {
    let end = line.iter().position(|octet| matches!(octet, b' ' | b'\t'));
    let (word, rest) = line.split_at(end.unwrap_or(line.len()));
    let is_request = METHODS.contains(&word) && !rest.trim_ascii().is_empty();
    let is_host = line
        .first_chunk()
        .is_some_and(|beginning: &[u8; 5]| beginning.eq_ignore_ascii_case(b"Host:"));
    is_request || is_host
}

/// What the client hears, behind the code of a protocol.
pub(crate) const REFUSED: &str = "This is no web server, closing";

/// Those of RFC 9110 §9 and RFC 5789, and the preface of HTTP/2 (RFC 9113 §3.4).
const METHODS: [&[u8]; 10] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_what_mail_programs_send() {
        for line in [
            "GET / HTTP/1.1",
            "POST /x?y HTTP/1.0",
            "PUT / HTTP/1.1",
            "CONNECT mail.example:25 HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "PRI * HTTP/2.0",
            "GET /",
            "Host: localhost:2525",
            "host:localhost",
        ] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "GET",
            "get / http/1.1",
            "GETQUOTAROOT INBOX",
            "a1 GET / HTTP/1.1",
            "HELO host",
            "Hosted: x",
            "Subject: x",
            "hos",
        ] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }
}
