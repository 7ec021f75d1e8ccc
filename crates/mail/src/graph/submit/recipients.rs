//! Who gets a message, by its header and by its envelope.

use std::collections::BTreeSet;

use gatepost_wire::smtp::Envelope;
use mail_parser::{Address, MessageParser};

/// The `Bcc` field, with its line end, that names those whom only the envelope has; empty if there
/// is none. The error is a sentence: somebody stands in the header alone.
pub(super) fn missing(header: &[u8], envelope: &Envelope) -> Result<String, String> {
    let wanted: Vec<&str> = envelope
        .recipients
        .iter()
        .map(|recipient| recipient.path.as_str())
        .collect();
    if wanted.is_empty() {
        return Err("its envelope names no recipient".to_owned());
    }
    let named = named(header);
    let known: BTreeSet<String> = wanted.iter().map(|one| one.to_lowercase()).collect();
    if let Some(other) = named.iter().find(|one| !known.contains(*one)) {
        return Err(format!(
            "its header names {other}, who is not among its recipients, and Graph sends to everybody in the header: send it by SMTP, or take {other} out of To and Cc"
        ));
    }
    let hidden = wanted
        .iter()
        .filter(|one| !named.contains(&one.to_lowercase()));
    let hidden: BTreeSet<&str> = hidden.copied().collect();
    if hidden.is_empty() {
        return Ok(String::new());
    }
    let hidden: Vec<String> = hidden.iter().map(|one| format!("<{one}>")).collect();
    // One on each line, so that no line is too long (RFC 5322 §2.1.1).
    Ok(format!("Bcc: {}\r\n", hidden.join(",\r\n ")))
}

/// Everybody whom the header names, in lower case.
fn named(header: &[u8]) -> BTreeSet<String> {
    let Some(parsed) = MessageParser::default().parse_headers(header) else {
        return BTreeSet::new();
    };
    let fields = [parsed.to(), parsed.cc(), parsed.bcc()];
    let addresses = fields.into_iter().flatten().flat_map(Address::iter);
    let addresses = addresses.filter_map(|one| one.address());
    addresses.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::envelope;

    #[test]
    fn only_those_who_are_named_nowhere_become_bcc() {
        let header =
            b"To: Bob <BOB@contoso.com>, Team: carol@contoso.com;\r\nCc: dan@contoso.com\r\n\r\n";
        let all = ["bob@contoso.com", "carol@contoso.com", "Dan@contoso.com"];
        assert_eq!(
            missing(header, &envelope("ada@contoso.com", &all)).as_deref(),
            Ok("")
        );
        let more = [&all[..], &["z@fabrikam.com", "eve@fabrikam.com"]].concat();
        let field = "Bcc: <eve@fabrikam.com>,\r\n <z@fabrikam.com>\r\n";
        assert_eq!(
            missing(header, &envelope("ada@contoso.com", &more)).as_deref(),
            Ok(field)
        );
        let bcc = b"Bcc: bob@contoso.com\r\n\r\n";
        assert_eq!(
            missing(bcc, &envelope("ada@contoso.com", &all[..1])).as_deref(),
            Ok("")
        );
        let none = missing(
            b"Subject: x\r\n\r\n",
            &envelope("ada@contoso.com", &all[..1]),
        );
        assert_eq!(none.as_deref(), Ok("Bcc: <bob@contoso.com>\r\n"));
    }

    #[test]
    fn nobody_gets_a_message_who_is_not_meant_to() {
        let header = b"To: bob@contoso.com, carol@contoso.com\r\n\r\n";
        let refused = missing(header, &envelope("ada@contoso.com", &["bob@contoso.com"]));
        assert!(
            refused
                .expect_err("carol would get it")
                .contains("carol@contoso.com")
        );
        missing(header, &envelope("ada@contoso.com", &[])).expect_err("nobody is to get it");
    }
}
