//! Reports of failure to the sender (RFC 3464), sent by the same way as the message itself.
//!
//! Their reverse path is empty (RFC 3464 §2), so that a report that fails is reported to nobody.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use gatepost_host::Chance;
use jiff::Timestamp;

use super::{BounceTo, SendPolicy};
use crate::{Addressee, Fate, Kept, Letter, NewSubmission, Priority, RecipientFate, SubmissionId};

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
    if policy.bounce != BounceTo::Sender || !is_over {
        return None;
    }
    let failed = recipients.iter().filter_map(|one| match &one.fate {
        RecipientFate::Refused { reason } => Some((one.address.as_str(), reason.as_str())),
        RecipientFate::Open | RecipientFate::Deferred { .. } if gave_up => {
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
        line(&format!("Reporting-MTA: dns; {}", domain(&letter.mailbox)));
        line(&format!("Arrival-Date: {}", rfc_5322(letter.accepted_at)));
        for (address, reason) in self.failed {
            line("");
            line(&format!("Final-Recipient: rfc822; {address}"));
            line("Action: failed");
            line(&format!("Status: {}", status(reason, self.gave_up)));
            let mut parts = folded(reason, 900).into_iter();
            let first = parts.next().unwrap_or_default();
            line(&format!("Diagnostic-Code: smtp; {first}"));
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
