//! The parameters behind the addresses of MAIL and RCPT, written and read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{
    Body, Envelope, Extension, Extensions, Headers, Notify, Occasion, Occasions, Path, PathError,
    Recipient, Returned, ReversePath, Sender,
};

/// Why the arguments of MAIL or RCPT cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is no `FROM:` or `TO:`.
    Syntax,
    /// The address is none.
    Address(PathError),
    /// A parameter that nobody knows (RFC 5321 §4.1.1.11), or its value.
    Parameter,
}

/// Whether something is longer than the standard allows (RFC 3461 §4.2, §4.4).
pub(super) fn is_too_long(envelope: &Envelope) -> bool {
    let id = envelope.sender.envelope_id.as_deref();
    let originals = envelope
        .recipients
        .iter()
        .map(|recipient| &recipient.original);
    id.is_some_and(|id| xtext(id).len() > LONGEST_ENVELOPE_ID)
        || originals
            .flatten()
            .any(|original| original_text(original).len() > LONGEST_ORIGINAL)
}

/// The line of MAIL. Of the parameters only those are written that the server takes; those
/// without which the message could not pass are for the caller to check.
pub(super) fn write_mail(sender: &Sender, offered: &Extensions) -> String {
    let mut line = format!("MAIL FROM:{}", sender.path);
    if let Some(size) = sender.size.filter(|_| offered.takes_size()) {
        let _ = write!(line, " SIZE={size}");
    }
    line.push_str(match sender.body {
        Body::SevenBit => "",
        Body::EightBitMime => " BODY=8BITMIME",
        Body::BinaryMime => " BODY=BINARYMIME",
    });
    if sender.headers == Headers::Utf8 {
        line.push_str(" SMTPUTF8");
    }
    if offered.has(&Extension::Dsn) {
        line.push_str(match sender.returned {
            None => "",
            Some(Returned::Full) => " RET=FULL",
            Some(Returned::Headers) => " RET=HDRS",
        });
        if let Some(id) = &sender.envelope_id {
            let _ = write!(line, " ENVID={}", xtext(id));
        }
    }
    line.push_str("\r\n");
    line
}

/// The line of RCPT.
pub(super) fn write_rcpt(recipient: &Recipient, offered: &Extensions) -> String {
    let mut line = format!("RCPT TO:{}", recipient.path);
    if offered.has(&Extension::Dsn) {
        match &recipient.notify {
            None => {}
            Some(Notify::Never) => line.push_str(" NOTIFY=NEVER"),
            Some(Notify::On(occasions)) => {
                let names: Vec<&str> = occasions.iter().map(occasion_name).collect();
                let _ = write!(line, " NOTIFY={}", names.join(","));
            }
        }
        if let Some(original) = &recipient.original {
            let _ = write!(line, " ORCPT={}", original_text(original));
        }
    }
    line.push_str("\r\n");
    line
}

/// Reads what follows `MAIL `.
pub(super) fn read_mail(arguments: &str) -> Result<Sender, Unread> {
    let text = after(arguments, "FROM:").ok_or(Unread::Syntax)?;
    let (path, rest) = ReversePath::read(text).map_err(Unread::Address)?;
    let mut sender = Sender::new(path);
    for (name, value) in parameters(rest)? {
        match (name.as_str(), value) {
            ("SIZE", Some(size)) => {
                sender.size = Some(size.parse().map_err(|_| Unread::Parameter)?);
            }
            ("BODY", Some(body)) => sender.body = read_body(body).ok_or(Unread::Parameter)?,
            ("SMTPUTF8", None) => sender.headers = Headers::Utf8,
            ("RET", Some(returned)) => {
                sender.returned = Some(if returned.eq_ignore_ascii_case("FULL") {
                    Returned::Full
                } else if returned.eq_ignore_ascii_case("HDRS") {
                    Returned::Headers
                } else {
                    return Err(Unread::Parameter);
                });
            }
            ("ENVID", Some(id)) => {
                sender.envelope_id = Some(read_xtext(id).ok_or(Unread::Parameter)?);
            }
            // Who sent it first, as others claim (RFC 4954 §5): we believe nobody.
            ("AUTH", Some(_)) => {}
            _ => return Err(Unread::Parameter),
        }
    }
    Ok(sender)
}

/// Reads what follows `RCPT `.
pub(super) fn read_rcpt(arguments: &str) -> Result<Recipient, Unread> {
    let text = after(arguments, "TO:").ok_or(Unread::Syntax)?;
    let (path, rest) = Path::read(text).map_err(Unread::Address)?;
    let mut recipient = Recipient::new(path);
    for (name, value) in parameters(rest)? {
        match (name.as_str(), value) {
            ("NOTIFY", Some(notify)) => {
                recipient.notify = Some(read_notify(notify).ok_or(Unread::Parameter)?);
            }
            ("ORCPT", Some(original)) => {
                recipient.original = Some(read_xtext(original).ok_or(Unread::Parameter)?);
            }
            _ => return Err(Unread::Parameter),
        }
    }
    Ok(recipient)
}

/// What follows a word in any case, and blanks, which the standard forbids there and many
/// devices send.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word)
        .then(|| rest.trim_start_matches(' '))
}

/// The names in upper case, and the values. None may come twice.
fn parameters(rest: &str) -> Result<BTreeMap<String, Option<&str>>, Unread> {
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(Unread::Syntax);
    }
    let mut parameters = BTreeMap::new();
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        if parameters
            .insert(name.to_ascii_uppercase(), value)
            .is_some()
        {
            return Err(Unread::Parameter);
        }
    }
    Ok(parameters)
}

fn read_body(body: &str) -> Option<Body> {
    [
        ("7BIT", Body::SevenBit),
        ("8BITMIME", Body::EightBitMime),
        ("BINARYMIME", Body::BinaryMime),
    ]
    .into_iter()
    .find_map(|(name, known)| body.eq_ignore_ascii_case(name).then_some(known))
}

fn read_notify(notify: &str) -> Option<Notify> {
    if notify.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::Never);
    }
    let read = |name: &str| {
        OCCASIONS
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, occasion)| *occasion)
    };
    let occasions: Vec<Occasion> = notify.split(',').map(read).collect::<Option<_>>()?;
    let (first, others) = occasions.split_first()?;
    let occasions = Occasions::new(*first, others.iter().copied());
    Some(Notify::On(occasions))
}

fn occasion_name(occasion: Occasion) -> &'static str {
    OCCASIONS
        .iter()
        .find(|(_, known)| *known == occasion)
        .map_or("", |(name, _)| name)
}

/// The type of the address stands before a `;` and is an atom (RFC 3461 §4.2).
fn original_text(original: &str) -> String {
    match original.split_once(';') {
        Some((kind, address)) => format!("{};{}", xtext(kind), xtext(address)),
        None => format!("rfc822;{}", xtext(original)),
    }
}

/// Text without blanks and controls: other octets stand as `+HH` (RFC 3461 §4).
fn xtext(text: &str) -> String {
    let mut written = String::new();
    for octet in text.bytes() {
        if matches!(octet, b'!'..=b'~') && !matches!(octet, b'+' | b'=') {
            written.push(char::from(octet));
        } else {
            let _ = write!(written, "+{octet:02X}");
        }
    }
    written
}

/// What is written there is to be printed some day (RFC 3461 §4.2, §4.4), so no control
/// character is taken.
fn read_xtext(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'+' {
            octets.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind;
    }
    let text = String::from_utf8(octets).ok()?;
    (!text.contains(char::is_control)).then_some(text)
}

/// In octets, as they stand on the wire.
const LONGEST_ENVELOPE_ID: usize = 100;
const LONGEST_ORIGINAL: usize = 500;

const OCCASIONS: [(&str, Occasion); 3] = [
    ("SUCCESS", Occasion::Success),
    ("FAILURE", Occasion::Failure),
    ("DELAY", Occasion::Delay),
];

/// What was read is written and read the same; answers whether anything was read.
pub(super) fn assert_round_trip(arguments: &str) -> bool {
    let all = Extensions::new([Extension::Dsn, Extension::Size(None)]);
    let sender = read_mail(arguments);
    if let Ok(sender) = &sender {
        let line = write_mail(sender, &all);
        let again = line.trim_end().strip_prefix("MAIL ").map(read_mail);
        assert_eq!(again.as_ref(), Some(&Ok(sender.clone())), "{line:?}");
    }
    let recipient = read_rcpt(arguments);
    if let Ok(recipient) = &recipient {
        let line = write_rcpt(recipient, &all);
        let again = line.trim_end().strip_prefix("RCPT ").map(read_rcpt);
        match &recipient.original {
            // A type of address is added where there was none.
            Some(original) if !original.contains(';') => {}
            _ => assert_eq!(again.as_ref(), Some(&Ok(recipient.clone())), "{line:?}"),
        }
    }
    sender.is_ok() || recipient.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_survives() {
        for arguments in [
            "FROM:<a@x.test> SIZE=12 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb",
            "FROM:<> BODY=BINARYMIME RET=FULL",
            "TO:<a@x.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bc@x.test",
            "TO:<a@x.test> NOTIFY=NEVER",
        ] {
            assert!(assert_round_trip(arguments), "{arguments}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (arguments, why) in [
            ("<a@x.test>", Unread::Syntax),
            ("FROM:<a@x.test>SIZE=1", Unread::Syntax),
            ("FROM:<a@x.test> SIZE=-1", Unread::Parameter),
            ("FROM:<a@x.test> SIZE", Unread::Parameter),
            ("FROM:<a@x.test> X=1", Unread::Parameter),
            ("FROM:<a@x.test> ENVID=+G0", Unread::Parameter),
            ("FROM:<a@x.test> ENVID=a+0D+0AQUIT", Unread::Parameter),
            ("FROM:<a@x.test> ENVID=a\u{1b}b", Unread::Parameter),
            ("FROM:<a@x.test> SIZE=1 size=2", Unread::Parameter),
            ("FROM:<a@x.test> SMTPUTF8 SMTPUTF8", Unread::Parameter),
            ("FROM:<a@x.test", Unread::Address(PathError::Incomplete)),
            ("FROM:", Unread::Address(PathError::Incomplete)),
        ] {
            assert_eq!(read_mail(arguments), Err(why), "{arguments}");
        }
    }

    #[test]
    fn wishes_for_reports_that_contradict_themselves_are_not_read() {
        for parameters in [
            "NOTIFY=",
            "NOTIFY=SUCCESS,",
            "NOTIFY=,SUCCESS",
            "NOTIFY=NEVER,SUCCESS",
            "NOTIFY=NEVER NOTIFY=SUCCESS",
            "ORCPT=rfc822;a+00",
        ] {
            let read = read_rcpt(&format!("TO:<a@x.test> {parameters}"));
            assert_eq!(read, Err(Unread::Parameter), "{parameters}");
        }
        let read = read_rcpt("TO:<a@x.test> NOTIFY=delay,SUCCESS,delay").expect("a recipient");
        let occasions = Occasions::new(Occasion::Success, [Occasion::Delay]);
        assert_eq!(read.notify, Some(Notify::On(occasions)));
    }

    #[test]
    fn a_server_that_knows_nothing_is_told_nothing() {
        let sender = read_mail("FROM:<a@x.test> SIZE=12 RET=HDRS ENVID=x").expect("a sender");
        let line = write_mail(&sender, &Extensions::default());
        assert_eq!(line, "MAIL FROM:<a@x.test>\r\n");
    }
}
