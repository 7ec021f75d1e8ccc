//! Messages that leave a mailbox, by whichever protocol they were handed over.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::{Departed, Flag, Flags, Mailbox, MailboxError, Mailboxes, MessageId, NewMessage};

/// A message on its way out of a mailbox.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The message, with all its fields.
    pub raw: Bytes,
    /// Whom it goes to, whatever its header says: the addresses of the envelope.
    pub recipients: Vec<String>,
    /// Who sent it, if that is not who it is from: becomes the field `Sender`, unless there is
    /// one (RFC 5322 §3.6.2).
    pub on_behalf: Option<String>,
    /// What the sender keeps of it.
    pub kept: Kept,
}

/// What the sender keeps of a message that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A copy in Sent Items, read.
    InSentItems,
    /// Nothing.
    Nowhere,
}

/// What became of a message that left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// The addresses of the tenant whose inbox it reached.
    pub delivered: Vec<String>,
    /// The addresses of the tenant's domains that nobody has; the sender was told so.
    pub undeliverable: Vec<String>,
    /// The addresses elsewhere: see [`Mailboxes::departed`].
    pub abroad: Vec<String>,
    /// The copy in Sent Items.
    pub copy: Option<MessageId>,
}

impl Mailboxes {
    /// A message leaves the mailbox `from` at `at`. Whoever has a mailbox in the tenant gets it
    /// into the inbox at once, each once, without the field `Bcc`; who has none, but an address
    /// of the same domain, is told to the sender as undeliverable.
    pub fn leave(
        &self,
        from: &Mailbox,
        leaving: Leaving,
        at: Timestamp,
    ) -> Result<Left, MailboxError> {
        let Leaving {
            raw,
            mut recipients,
            on_behalf,
            kept,
        } = leaving;
        let raw = match on_behalf {
            Some(sender) => with_sender(&raw, &sender),
            None => raw,
        };
        let mut left = Left::default();
        if kept == Kept::InSentItems {
            let copy = NewMessage {
                raw: raw.clone(),
                flags: Flags::from(Flag::Seen),
                received_at: at,
            };
            left.copy = Some(from.put(from.find("Sent Items")?, copy)?);
        }
        let open = without_bcc(&raw);
        recipients.sort_by_key(|address| address.to_lowercase());
        recipients.dedup_by_key(|address| address.to_lowercase());
        for address in recipients {
            if let Ok(mailbox) = self.receiving(&address) {
                mailbox.file(mailbox.inbox(), NewMessage::received(open.clone(), at))?;
                left.delivered.push(address);
            } else if domain(&address).eq_ignore_ascii_case(domain(from.address())) {
                let report = undeliverable(from.address(), &address, &open, at);
                from.file(from.inbox(), NewMessage::received(report, at))?;
                left.undeliverable.push(address);
            } else {
                left.abroad.push(address);
            }
        }
        if !left.abroad.is_empty() {
            self.departures.note(Departed {
                mailbox: from.address().to_owned(),
                recipients: left.abroad.clone(),
                at,
                raw: open,
            });
        }
        Ok(left)
    }
}

/// The message as its recipients may see it (RFC 5322 §3.6.3); copied only if it has `Bcc`.
pub(crate) fn without_bcc(raw: &Bytes) -> Bytes {
    let mut kept: Vec<(usize, usize)> = Vec::new();
    let mut found = false;
    for (start, end) in fields(raw) {
        if is_named(&raw[start..end], b"bcc") {
            found = true;
        } else {
            kept.push((start, end));
        }
    }
    if !found {
        return raw.clone();
    }
    let rest = fields(raw).last().map_or(0, |(_, end)| end);
    let mut whole = BytesMut::with_capacity(raw.len());
    for (start, end) in kept {
        whole.extend_from_slice(&raw[start..end]);
    }
    whole.extend_from_slice(&raw[rest..]);
    whole.freeze()
}

fn with_sender(raw: &Bytes, sender: &str) -> Bytes {
    if fields(raw).any(|(start, end)| is_named(&raw[start..end], b"sender")) {
        return raw.clone();
    }
    let mut whole = BytesMut::with_capacity(raw.len() + sender.len() + 16);
    whole.extend_from_slice(format!("Sender: {sender}\r\n").as_bytes());
    whole.extend_from_slice(raw);
    whole.freeze()
}

fn is_named(field: &[u8], name: &[u8]) -> bool {
    let end = field.iter().position(|octet| *octet == b':').unwrap_or(0);
    field[..end].trim_ascii_end().eq_ignore_ascii_case(name)
}

/// Where each field of the header begins and ends, its continuations included.
fn fields(raw: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        if start >= raw.len() || matches!(raw[start], b'\r' | b'\n') {
            return None;
        }
        loop {
            let line = raw[at..].iter().position(|octet| *octet == b'\n');
            at = line.map_or(raw.len(), |line| at + line + 1);
            if !matches!(raw.get(at), Some(b' ' | b'\t')) {
                return Some((start, at));
            }
        }
    })
}

/// What Exchange writes to a sender about an address that nobody has (RFC 3464 §2).
fn undeliverable(sender: &str, address: &str, message: &[u8], at: Timestamp) -> Bytes {
    let header_end = fields(message).last().map_or(0, |(_, end)| end);
    let header = String::from_utf8_lossy(&message[..header_end]);
    let domain = domain(sender);
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let number = at.as_nanosecond();
    format!(
        "From: Microsoft Outlook <postmaster@{domain}>\r\nTo: <{sender}>\r\n\
         Subject: Undeliverable message\r\nDate: {date}\r\n\
         Message-ID: <{number}.{}@{domain}>\r\nMIME-Version: 1.0\r\n\
         Auto-Submitted: auto-replied\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_report\"\r\n\r\n\
         --=_report\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         Your message to {address} couldn't be delivered: the address was not found.\r\n\r\n\
         --=_report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns;{domain}\r\n\r\n\
         Final-Recipient: rfc822;{address}\r\nAction: failed\r\nStatus: 5.1.10\r\n\
         Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {address} not found by SMTP address lookup\r\n\r\n\
         --=_report\r\nContent-Type: text/rfc822-headers\r\n\r\n{header}\r\n--=_report--\r\n",
        address.replace(|letter: char| !letter.is_ascii_alphanumeric(), "."),
    )
    .into()
}

fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::super::{Contents, MailboxKind};
    use super::*;

    const ADA: &str = "ada@contoso.com";
    const BOB: &str = "bob@contoso.com";

    fn leaving(raw: &'static str, recipients: &[&str]) -> Leaving {
        Leaving {
            raw: Bytes::from(raw),
            recipients: recipients.iter().map(|&one| one.to_owned()).collect(),
            on_behalf: None,
            kept: Kept::InSentItems,
        }
    }

    fn tenant() -> Mailboxes {
        let mailboxes = Mailboxes::new();
        for address in [ADA, BOB] {
            mailboxes
                .add(address, MailboxKind::User)
                .expect("it is new");
        }
        mailboxes
    }

    fn inbox(mailboxes: &Mailboxes, address: &str) -> Vec<Bytes> {
        let mailbox = mailboxes.open(address).expect("it is there");
        let all = mailbox.messages(mailbox.inbox()).into_iter();
        all.map(|message| message.raw).collect()
    }

    #[test]
    fn each_recipient_gets_it_once_and_nobody_sees_who_else_was_told_blindly() {
        let mailboxes = tenant();
        let ada = mailboxes.open(ADA).expect("she is there");
        let raw = "From: ada@contoso.com\r\nBCC: bob@contoso.com,\r\n eve@contoso.com\r\n\
                   To: x@y.example\r\n\r\nBcc: not a field\r\n";
        let left = mailboxes
            .leave(
                &ada,
                leaving(raw, &[BOB, "BOB@contoso.com", "x@y.example"]),
                Timestamp::UNIX_EPOCH,
            )
            .expect("it leaves");
        assert_eq!(left.delivered, [BOB]);
        assert_eq!(left.abroad, ["x@y.example"]);
        let seen = "From: ada@contoso.com\r\nTo: x@y.example\r\n\r\nBcc: not a field\r\n";
        assert_eq!(inbox(&mailboxes, BOB), [seen]);
        let departed = mailboxes.departed();
        assert_eq!(departed.len(), 1);
        assert_eq!(departed[0].recipients, ["x@y.example"]);
        assert_eq!(
            (departed[0].mailbox.as_str(), &departed[0].raw[..]),
            (ADA, seen.as_bytes())
        );
        let copy = ada
            .locate(left.copy.expect("it was kept"))
            .expect("it is there");
        assert_eq!(copy.message.raw, raw, "the sender sees all");
        assert_eq!(Ok(copy.folder), ada.find("Sent Items"));
        assert_eq!(copy.message.flags, Flags::from(Flag::Seen));
    }

    #[test]
    fn a_further_address_receives_and_opens_nothing() {
        let mailboxes = tenant();
        mailboxes
            .add_alias("Robert@contoso.com", BOB)
            .expect("there is a Bob");
        let ada = mailboxes.open(ADA).expect("she is there");
        let raw = "From: ada@contoso.com\r\n\r\n";
        let left = mailboxes.leave(
            &ada,
            leaving(raw, &["robert@contoso.com"]),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(left.expect("it leaves").delivered, ["robert@contoso.com"]);
        assert_eq!(inbox(&mailboxes, BOB), [raw]);
        let opened = mailboxes.open("robert@contoso.com");
        opened.expect_err("a sign-in has one name");
        let nobody = mailboxes.add_alias("x@contoso.com", "eve@contoso.com");
        nobody.expect_err("there is no Eve");
    }

    #[test]
    fn an_address_that_nobody_has_comes_back_as_a_report() {
        let mailboxes = tenant();
        let ada = mailboxes.open(ADA).expect("she is there");
        let mut leaving = leaving("Subject: x\r\n\r\ny\r\n", &["eve@contoso.com"]);
        leaving.kept = Kept::Nowhere;
        let left = mailboxes
            .leave(&ada, leaving, Timestamp::UNIX_EPOCH)
            .expect("it leaves");
        assert_eq!(
            (left.undeliverable, left.copy),
            (vec!["eve@contoso.com".to_owned()], None)
        );
        let reports = ada.messages(ada.inbox());
        let report: &Contents = reports[0].contents();
        assert_eq!(report.subject, "Undeliverable message");
        let kinds: Vec<&str> = report
            .attached
            .iter()
            .map(|one| one.content_type.as_str())
            .collect();
        assert_eq!(kinds, ["message/delivery-status", "text/rfc822-headers"]);
    }

    #[test]
    fn who_sends_for_somebody_else_is_named() {
        let mailboxes = tenant();
        let ada = mailboxes.open(ADA).expect("she is there");
        for (raw, expected) in [
            (
                "From: b@c.d\r\n\r\n",
                "Sender: ada@contoso.com\r\nFrom: b@c.d\r\n\r\n",
            ),
            (
                "Sender: z@c.d\r\nFrom: b@c.d\r\n\r\n",
                "Sender: z@c.d\r\nFrom: b@c.d\r\n\r\n",
            ),
        ] {
            let leaving = Leaving {
                on_behalf: Some(ADA.to_owned()),
                ..leaving(raw, &[BOB])
            };
            mailboxes
                .leave(&ada, leaving, Timestamp::UNIX_EPOCH)
                .expect("it leaves");
            assert_eq!(inbox(&mailboxes, BOB).last().expect("it came"), expected);
        }
    }

    #[test]
    fn what_has_no_header_is_left_alone() {
        for raw in ["", "\r\nBcc: x", "no colon", "Bcc", "Bcc: x"] {
            let raw = Bytes::from(raw);
            let open = without_bcc(&raw);
            assert_eq!(open, if raw == "Bcc: x" { Bytes::new() } else { raw });
        }
    }
}
