//! ENVELOPE (RFC 3501 §7.4.2).

use super::address::{Address, addresses};
use super::fields;
use super::text::{push_nstring, push_string};

/// Writes the envelope of a message from its header.
pub(super) fn push_envelope(out: &mut Vec<u8>, header: &[u8]) {
    out.push(b'(');
    push_nstring(out, fields::first(header, "Date").as_deref());
    out.push(b' ');
    push_nstring(out, fields::first(header, "Subject").as_deref());
    let from = fields::first(header, "From");
    for name in ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"] {
        let own = fields::first(header, name);
        // Sender and Reply-To that are missing or empty are those of From.
        let value = match name {
            "Sender" | "Reply-To" => own.filter(|value| !value.is_empty()).or(from.clone()),
            _ => own,
        };
        out.push(b' ');
        push_addresses(out, value.as_deref().unwrap_or_default());
    }
    for name in ["In-Reply-To", "Message-ID"] {
        out.push(b' ');
        push_nstring(out, fields::first(header, name).as_deref());
    }
    out.push(b')');
}

fn push_addresses(out: &mut Vec<u8>, value: &[u8]) {
    let addresses = addresses(value);
    if addresses.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for address in addresses {
        match address {
            Address::Mailbox {
                name,
                local,
                domain,
            } => {
                out.push(b'(');
                push_nstring(out, name.as_deref().map(str::as_bytes));
                out.extend_from_slice(b" NIL ");
                push_string(out, local.as_bytes());
                out.push(b' ');
                push_string(out, domain.as_bytes());
                out.push(b')');
            }
            Address::GroupStart(name) => {
                out.extend_from_slice(b"(NIL NIL ");
                push_string(out, name.as_bytes());
                out.extend_from_slice(b" NIL)");
            }
            Address::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_ten_members() {
        let mut out = Vec::new();
        push_envelope(
            &mut out,
            b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nSubject: \"hi\"\r\nFrom: A <a@x.test>\r\n\
              To: b@y.test\r\nMessage-ID: <1@x.test>\r\n\r\n",
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            concat!(
                r#"("Mon, 7 Feb 1994 21:52:25 -0800" "\"hi\"" (("A" NIL "a" "x.test")) "#,
                r#"(("A" NIL "a" "x.test")) (("A" NIL "a" "x.test")) ((NIL NIL "b" "y.test")) "#,
                r#"NIL NIL NIL "<1@x.test>")"#
            )
        );
    }
}
