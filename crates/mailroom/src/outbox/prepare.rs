//! Makes a message ready to be sent: takes it in, as it comes, and puts it into the spool.
//!
//! A `Message-ID` and a `Date` are added where they are missing, lines end in CRLF (RFC 5321
//! §2.3.8), and Bcc is taken out, whose recipients stay in the envelope (RFC 5322 §3.6.3). Nothing
//! else of a message is changed. A few chunks of it are in memory, however large it is.

mod error;
mod header;
mod lines;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use gatepost_host::Chance;
use gatepost_mail::submission::Path;
use jiff::Timestamp;

pub use error::PrepareError;
use header::{Header, Scanned};
use lines::{Ending, Lines};

use crate::spool::{Deposit, Pinned};
use crate::{DsnRequest, Letter, NewSubmission, Priority, Spool, SubmissionId};

/// What is wanted of a message, besides what it says itself.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The mailbox in whose name it is submitted: its address as configured, in lower case.
    pub mailbox: String,
    /// Who hears of failures.
    pub sender: ReturnTo,
    /// To whom it is sent.
    pub recipients: Vec<String>,
    /// Whether it is also sent to those in To, Cc and Bcc.
    pub recipients_in_header: bool,
    /// Who gets what is sent to a name without a domain, such as `root`. Such a recipient is refused
    /// if this is not said.
    pub local: Option<String>,
    /// The value of `From` for a message without one. Such a message is refused if this is not
    /// said, either.
    pub from: Option<String>,
    /// Whether a line with nothing but a dot ends it.
    pub dot_ends: bool,
    /// Before or behind others.
    pub priority: Priority,
    /// Not sent before this time.
    pub not_before: Option<Timestamp>,
    /// What servers are to report on it.
    pub dsn: DsnRequest,
    /// The sender's own name for this wish to send.
    pub idempotency_key: Option<String>,
}

/// Who hears that a message could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReturnTo {
    /// The address in `From`.
    #[default]
    From,
    /// This address.
    Address(String),
    /// Nobody: the null reverse-path of what reports or answers by itself, so that no report
    /// answers a report (RFC 5321 §4.5.5).
    Nobody,
}

/// A message that is being taken in.
pub struct Preparation {
    wishes: Wishes,
    id: SubmissionId,
    now: Timestamp,
    /// Makes its Message-ID one that nobody guesses.
    suffix: String,
    lines: Lines,
    /// The header, until it is complete.
    header: Option<Vec<u8>>,
    scanned: Scanned,
    found: Header,
    deposit: Deposit,
    /// Over what came, its line endings apart.
    digest: Context,
    size: u64,
    eight_bit: bool,
}

/// A message that is ready to be accepted.
#[derive(Debug)]
pub struct Prepared {
    /// What is to be accepted.
    pub submission: NewSubmission,
    /// Keeps its octets until it is.
    pub pinned: Pinned,
}

impl Preparation {
    /// The largest message that is taken in, in octets: what Exchange Online takes at most.
    pub const LARGEST: u64 = LARGEST;

    /// Begins to take a message in.
    pub fn begin(
        wishes: Wishes,
        spool: &Arc<Spool>,
        (now, chance): (Timestamp, &Chance),
    ) -> Result<Self, PrepareError> {
        let mut wishes = wishes;
        for address in &mut wishes.recipients {
            *address = somewhere(address, wishes.local.as_deref());
        }
        for (field, address) in wishes
            .recipients
            .iter()
            .map(|address| ("the recipient", address))
            .chain(match &wishes.sender {
                ReturnTo::Address(address) => Some(("the sender", address)),
                ReturnTo::From | ReturnTo::Nobody => None,
            })
        {
            check(field, address)?;
        }
        let ending = if wishes.dot_ends {
            Ending::Dot
        } else {
            Ending::End
        };
        Ok(Self {
            wishes,
            id: SubmissionId::new(chance),
            now,
            suffix: chance.token(9),
            lines: Lines::new(ending),
            header: Some(Vec::new()),
            scanned: Scanned::default(),
            found: Header::default(),
            deposit: Deposit::new(spool),
            digest: Context::new(&SHA256),
            size: 0,
            eight_bit: false,
        })
    }

    /// The next octets. Answers whether more are wanted: what is behind the end is not.
    pub async fn write(&mut self, octets: &[u8]) -> Result<bool, PrepareError> {
        for octets in octets.chunks(CHUNK) {
            let mut lines = Vec::with_capacity(octets.len() + octets.len() / 32);
            let more = self.lines.feed(octets, &mut lines);
            self.take(&lines).await?;
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The message is complete.
    pub async fn finish(mut self) -> Result<Prepared, PrepareError> {
        let mut rest = Vec::new();
        self.lines.finish(&mut rest);
        self.take(&rest).await?;
        if let Some(header) = self.header.take() {
            self.end_header(header).await?;
        }
        let sender = match self.wishes.sender.clone() {
            ReturnTo::From => Some(self.found.sender()?),
            ReturnTo::Address(sender) => Some(sender),
            ReturnTo::Nobody => None,
        };
        let recipients = self.recipients()?;
        let digest = self.digest(sender.as_deref().unwrap_or_default(), &recipients);
        let (kept, pinned) = self.deposit.finish().await?;
        let wishes = self.wishes;
        let submission = NewSubmission {
            letter: Letter {
                mailbox: wishes.mailbox,
                sender,
                message_id: self.found.message_id,
                subject: self.found.subject,
                size: self.size,
                eight_bit: self.eight_bit,
                priority: wishes.priority,
                accepted_at: self.now,
                not_before: wishes.not_before,
                dsn: wishes.dsn,
            },
            id: self.id,
            recipients,
            message: kept,
            idempotency_key: wishes.idempotency_key.map(|key| sha_256(key.as_bytes())),
            digest,
            reports: Vec::new(),
        };
        Ok(Prepared { submission, pinned })
    }

    async fn take(&mut self, lines: &[u8]) -> Result<(), PrepareError> {
        self.digest.update(lines);
        let Some(header) = &mut self.header else {
            return self.pass(lines).await;
        };
        header.extend_from_slice(lines);
        if let Some(end) = header::end(header, &mut self.scanned) {
            let body = header.split_off(end);
            let header = self.header.take().unwrap_or_default();
            self.end_header(header).await?;
            return self.pass(&body).await;
        }
        if header.len() > LONGEST_HEADER {
            return Err(PrepareError::HeaderTooLong {
                limit: LONGEST_HEADER,
            });
        }
        Ok(())
    }

    async fn end_header(&mut self, header: Vec<u8>) -> Result<(), PrepareError> {
        let domain = self.wishes.mailbox.rsplit_once('@');
        let domain = domain.map_or("localhost", |(_, domain)| domain);
        let additions = header::Additions {
            message_id: format!("{}.{}@{domain}", self.id, self.suffix),
            date: super::bounce::rfc_5322(self.now),
            from: self.wishes.from.clone(),
        };
        let (found, octets) = Header::read(&header, additions)?;
        self.found = found;
        self.pass(&octets).await
    }

    async fn pass(&mut self, octets: &[u8]) -> Result<(), PrepareError> {
        self.size += octets.len() as u64;
        if self.size > LARGEST {
            return Err(PrepareError::TooLarge { limit: LARGEST });
        }
        self.eight_bit |= !octets.is_ascii();
        Ok(self.deposit.write(octets).await?)
    }

    /// Everybody once, as he was first written.
    fn recipients(&self) -> Result<Vec<String>, PrepareError> {
        let mut recipients = self.wishes.recipients.clone();
        if self.wishes.recipients_in_header {
            for (field, address) in &self.found.recipients {
                let address = somewhere(address, self.wishes.local.as_deref());
                check(field, &address)?;
                recipients.push(address);
            }
        }
        let mut known = BTreeSet::new();
        recipients.retain(|address| known.insert(address.to_lowercase()));
        if recipients.is_empty() {
            return Err(PrepareError::NoRecipient);
        }
        Ok(recipients)
    }

    /// Each part is preceded by its length, so that no two messages have the same parts.
    fn digest(&self, sender: &str, recipients: &[String]) -> [u8; 32] {
        let mut whole = Context::new(&SHA256);
        let message = self.digest.clone().finish();
        let mut part = |octets: &[u8]| {
            whole.update(&(octets.len() as u64).to_be_bytes());
            whole.update(octets);
        };
        part(self.wishes.mailbox.as_bytes());
        part(sender.as_bytes());
        for recipient in recipients {
            part(recipient.as_bytes());
        }
        part(message.as_ref());
        whole.finish().as_ref().try_into().unwrap_or_default()
    }
}

/// The address, or who stands for names without a domain.
fn somewhere(address: &str, local: Option<&str>) -> String {
    match local {
        Some(local) if !address.is_empty() && !address.contains('@') => local.to_owned(),
        _ => address.to_owned(),
    }
}

pub(super) fn check(field: &str, address: &str) -> Result<(), PrepareError> {
    match Path::parse(address) {
        Ok(_) => Ok(()),
        Err(source) => Err(PrepareError::Address {
            field: field.to_owned(),
            address: address.to_owned(),
            source,
        }),
    }
}

fn sha_256(octets: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&SHA256, octets);
    digest.as_ref().try_into().unwrap_or_default()
}

const CHUNK: usize = 64 * 1024;
/// A header with thousands of recipients fits in.
const LONGEST_HEADER: usize = 1024 * 1024;
/// What Exchange Online takes at most, in octets.
const LARGEST: u64 = 150 * 1024 * 1024;

#[cfg(test)]
mod tests;
