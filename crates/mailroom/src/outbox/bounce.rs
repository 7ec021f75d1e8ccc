//! Reports of failure to the sender (RFC 3464), sent by the same way as the message itself.
//!
//! Their reverse path is empty (RFC 3464 §2), so that a report that fails is reported to nobody.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use gatepost_host::Chance;
use gatepost_mail::submission::ascii_address;
use jiff::Timestamp;

use super::{BounceTo, SendPolicy};
use crate::{
    Addressee, DsnRequest, Fate, Kept, Letter, NewSubmission, Priority, RecipientFate, SubmissionId,
};

/// A report to the sender of a message on all whom it did not reach, once it is not tried any more, if
/// the policy wants one and there is somebody to be told.
pub(super) fn report(
    (letter, recipients): (&Letter, &[Addressee]),
    fate: &Fate,
    (policy, now, chance): (&SendPolicy, Timestamp, &Chance),
) -> Option<NewSubmission> {
    let sender = letter.sender.as_ref()?;
    let gave_up = matches!(fate, Fate::Dead { .. });
    let is_over = gave_up || matches!(fate, Fate::Failed { .. });
    if policy.bounce != BounceTo::Sender || !is_over || !letter.dsn.tell_of_failure() {
        return None;
    }
    let failed = recipients.iter().filter_map(|one| match &one.fate {
        RecipientFate::Refused { reason } => Some((one.address.as_str(), reason.as_str())),
        RecipientFate::Open | RecipientFate::Waiting | RecipientFate::Deferred { .. }
            if gave_up =>
        {
            Some((one.address.as_str(), fate.words().unwrap_or_default()))
        }
        _ => None,
    });
    let failed: Vec<(&str, &str)> = failed.collect();
    if failed.is_empty() {
        return None;
    }
    let id = SubmissionId::new(chance);
    let domain = domain(&letter.mailbox);
    let message_id = format!("{id}.{}@{domain}", now.as_second());
    let text = Text {
        letter,
        failed: &failed,
        gave_up,
        boundary: chance.token(18),
        message_id: &message_id,
        now,
    };
    let octets = text.written(sender).into_bytes();
    let digested = digest(&SHA256, &octets);
    Some(NewSubmission {
        letter: Letter {
            mailbox: letter.mailbox.clone(),
            sender: None,
            message_id,
            subject: Some(SUBJECT.to_owned()),
            size: octets.len() as u64,
            eight_bit: !octets.is_ascii(),
            priority: Priority::Normal,
            accepted_at: now,
            not_before: None,
            dsn: DsnRequest::default(),
        },
        id,
        recipients: vec![sender.clone()],
        message: Kept::Inline(octets),
        idempotency_key: None,
        digest: digested.as_ref().try_into().unwrap_or_default(),
        reports: Vec::new(),
    })
}

struct Text<'a> {
    letter: &'a Letter,
    failed: &'a [(&'a str, &'a str)],
    gave_up: bool,
    boundary: String,
    message_id: &'a str,
    now: Timestamp,
}

impl Text<'_> {
    fn written(&self, sender: &str) -> String {
        let letter = self.letter;
        let date = rfc_5322(self.now);
        let boundary = &self.boundary;
        let mut text = String::new();
        let mut line = |line: &str| {
            text.push_str(line);
            text.push_str("\r\n");
        };
        line(&format!("From: Mail delivery <{}>", letter.mailbox));
        line(&format!("To: <{sender}>"));
        line(&format!("Subject: {SUBJECT}"));
        line(&format!("Date: {date}"));
        line(&format!("Message-ID: <{}>", self.message_id));
        line(&format!("In-Reply-To: <{}>", letter.message_id));
        line("Auto-Submitted: auto-replied");
        line("MIME-Version: 1.0");
        line("Content-Type: multipart/report; report-type=delivery-status;");
        line(&format!("\tboundary=\"{boundary}\""));
        line("");
        line(&format!("--{boundary}"));
        line("Content-Type: text/plain; charset=utf-8");
        line("Content-Transfer-Encoding: 8bit");
        line("");
        line("Your message was not delivered to these recipients, and is not tried again:");
        for (address, reason) in self.failed {
            line("");
            line(&format!("  {address}"));
            for part in folded(reason, 72) {
                line(&format!("    {part}"));
            }
        }
        line("");
        line(&format!("--{boundary}"));
        line("Content-Type: message/delivery-status");
        line("");
        line(&format!(
            "Reporting-MTA: dns; {}",
            reporter(&letter.mailbox)
        ));
        if let Some(id) = &letter.dsn.envelope_id {
            line(&format!("Original-Envelope-Id: {id}"));
        }
        line(&format!("Arrival-Date: {}", rfc_5322(letter.accepted_at)));
        for (address, reason) in self.failed {
            line("");
            line(&format!("Final-Recipient: {}", typed(address)));
            line("Action: failed");
            line(&format!("Status: {}", status(reason, self.gave_up)));
            let mut parts = folded(&diagnostic(reason), 60).into_iter();
            let first = parts.next().unwrap_or_default();
            line(&format!("Diagnostic-Code: {first}"));
            for part in parts {
                line(&format!(" {part}"));
            }
            line(&format!("Last-Attempt-Date: {date}"));
        }
        line("");
        line(&format!("--{boundary}"));
        line("Content-Type: text/rfc822-headers");
        line("");
        line(&format!("Message-ID: <{}>", letter.message_id));
        line("");
        line(&format!("--{boundary}--"));
        text
    }
}

/// An address with its type (RFC 3464 §2.1.2). One that is not ASCII is written so that it is
/// (RFC 6533 §3).
fn typed(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    let mut written = "utf-8; ".to_owned();
    for c in address.chars() {
        if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
            written.push(c);
        } else {
            let _ = write!(written, "\\x{{{:X}}}", u32::from(c));
        }
    }
    written
}

/// What the server said, if it did, or why it was not asked (RFC 3464 §2.3.6). The field takes
/// ASCII only.
fn diagnostic(reason: &str) -> String {
    let said = reason.rsplit_once(" said: ").map(|(_, said)| said);
    let is_reply = |said: &&str| {
        let code = said.as_bytes().get(..4);
        code.is_some_and(|code| code[..3].iter().all(u8::is_ascii_digit) && code[3] == b' ')
    };
    let whole = match said.filter(is_reply) {
        Some(said) => format!("smtp; {said}"),
        None => format!("x-gatepost; {reason}"),
    };
    whole
        .chars()
        .map(|c| if c.is_ascii() { c } else { '?' })
        .collect()
}

/// The enhanced status that a reason holds, or one that says as little as is known (RFC 3463
/// §3.1).
fn status(reason: &str, gave_up: bool) -> String {
    let found = reason.split_whitespace().find(|word| {
        let mut parts = word.split('.');
        let is_number = |part: Option<&str>, longest| {
            part.is_some_and(|part| {
                (1..=longest).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit())
            })
        };
        let class = parts.next();
        matches!(class, Some("4" | "5"))
            && is_number(parts.next(), 3)
            && is_number(parts.next(), 3)
            && parts.next().is_none()
    });
    match found {
        Some(found) => found.to_owned(),
        None if gave_up => "4.4.7".to_owned(),
        None => "5.0.0".to_owned(),
    }
}

/// Lines of at most so many octets, without control characters.
fn folded(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        let last = lines.last_mut().expect("there is always one");
        if !last.is_empty() && last.len() + word.len() >= most {
            lines.push(String::new());
        }
        let last = lines.last_mut().expect("there is always one");
        if !last.is_empty() {
            last.push(' ');
        }
        for c in word.chars() {
            let last = lines.last_mut().expect("there is always one");
            if last.len() + c.len_utf8() > most {
                lines.push(String::new());
            }
            let last = lines.last_mut().expect("there is always one");
            let _ = write!(last, "{c}");
        }
    }
    lines
}

/// The domain in whose name it is reported, as DNS has it.
fn reporter(mailbox: &str) -> String {
    let ascii = ascii_address(mailbox);
    domain(ascii.as_deref().unwrap_or_default()).to_owned()
}

fn domain(mailbox: &str) -> &str {
    mailbox
        .rsplit_once('@')
        .map_or("localhost", |(_, domain)| domain)
}

/// A time as headers have it (RFC 5322 §3.3).
pub(super) fn rfc_5322(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

const SUBJECT: &str = "Your message was not delivered";

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders as _};

    use super::*;

    fn bounced(recipients: &[(&str, &str)]) -> String {
        let now = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let letter = Letter {
            mailbox: "ada@bücher.test".to_owned(),
            sender: Some("größe@bücher.test".to_owned()),
            message_id: "1@x.test".to_owned(),
            subject: None,
            size: 1,
            eight_bit: false,
            priority: Priority::Normal,
            accepted_at: now,
            not_before: None,
            dsn: DsnRequest::default(),
        };
        let recipients = recipients.iter().map(|(address, reason)| Addressee {
            fate: RecipientFate::Refused {
                reason: (*reason).to_owned(),
            },
            ..Addressee::new((*address).to_owned())
        });
        let recipients: Vec<Addressee> = recipients.collect();
        let policy = SendPolicy {
            bounce: BounceTo::Sender,
            ..SendPolicy::default()
        };
        let fate = Fate::Failed {
            reason: "they were refused".to_owned(),
        };
        let around = (&policy, now, &Chance::seeded(1));
        let report = report((&letter, &recipients), &fate, around).expect("he is told");
        let Kept::Inline(octets) = report.message else {
            panic!("it is small")
        };
        String::from_utf8(octets).expect("UTF-8")
    }

    /// The groups of fields of a delivery-status, each as names and values without folds
    /// (RFC 3464 §2.1).
    fn groups(status: &str) -> Vec<Vec<(String, String)>> {
        let status = status.replace("\r\n ", " ");
        let groups = status.trim().split("\r\n\r\n");
        let groups = groups.map(|group| {
            let fields = group.split("\r\n").map(|field| {
                let (name, value) = field.split_once(": ").expect(field);
                (name.to_owned(), value.to_owned())
            });
            fields.collect()
        });
        groups.collect()
    }

    #[test]
    fn a_report_is_read_by_programs() {
        let long = "so ".repeat(600);
        let words =
            format!("smtp.test refused a recipient; smtp.test said: 550 5.1.1 größe {long}");
        let text = bounced(&[
            ("bob@x.test", &words),
            ("größe+1@bücher.test", "it has no form in ASCII"),
        ]);
        let parsed = MessageParser::default().parse(&text).expect("a message");
        let kind = parsed.content_type().expect("a type");
        assert_eq!(
            (kind.ctype(), kind.subtype()),
            ("multipart", Some("report"))
        );
        assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
        let kinds = parsed.parts.iter().skip(1).map(|part| {
            let kind = part.content_type().expect("a type");
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
        });
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [
                "text/plain",
                "message/delivery-status",
                "text/rfc822-headers"
            ]
        );
        let part = &parsed.parts[2];
        let status = &text[part.raw_body_offset() as usize..part.raw_end_offset() as usize];
        assert!(
            status.is_ascii() && status.lines().all(|line| line.len() <= 78),
            "{status}"
        );
        let groups = groups(status);
        let named = |group: usize, name: &str| {
            let mut fields = groups[group].iter().filter(|(found, _)| found == name);
            let found = fields.next().map(|(_, value)| value.as_str());
            assert!(fields.next().is_none(), "{name} is there once");
            found
        };
        assert_eq!(
            groups.len(),
            3,
            "the message, and two recipients: {groups:?}"
        );
        assert_eq!(named(0, "Reporting-MTA"), Some("dns; xn--bcher-kva.test"));
        assert_eq!(named(1, "Final-Recipient"), Some("rfc822; bob@x.test"));
        assert_eq!(named(1, "Status"), Some("5.1.1"));
        let said = named(1, "Diagnostic-Code").expect("what was said");
        assert!(said.starts_with("smtp; 550 5.1.1 gr??e so so "), "{said}");
        assert_eq!(
            named(2, "Final-Recipient"),
            Some("utf-8; gr\\x{F6}\\x{DF}e\\x{2B}1@b\\x{FC}cher.test")
        );
        assert_eq!(named(2, "Status"), Some("5.0.0"));
        assert_eq!(named(2, "Action"), Some("failed"));
        assert_eq!(
            named(2, "Diagnostic-Code"),
            Some("x-gatepost; it has no form in ASCII")
        );
    }
}
