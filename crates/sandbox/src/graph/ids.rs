//! Names of items: opaque, case-sensitive, and good in one mailbox only.

use aws_lc_rs::digest::{self, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::refusal::Refusal;
use crate::mailboxes::Mailbox;

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A message, for as long as it stays in its folder (`restId`).
    Stay,
    /// A message, wherever it is (`restImmutableEntryId`).
    Message,
    /// A folder of mail.
    Folder,
    /// What hangs on a message.
    Attachment,
    Calendar,
    Event,
    /// One day of an event that comes again.
    Occurrence,
    Contact,
    ContactFolder,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Stay,
        Self::Message,
        Self::Folder,
        Self::Attachment,
        Self::Calendar,
        Self::Event,
        Self::Occurrence,
        Self::Contact,
        Self::ContactFolder,
    ];

    /// What tells it from the others within an id.
    fn octet(self) -> u8 {
        self as u8 + 1
    }

    /// The first octets, which make real ids begin with these letters.
    fn head(self) -> [u8; 3] {
        match self {
            // `AAkA`
            Self::Message => [0x00, 0x09, 0x00],
            // `AQMk`
            Self::Folder => [0x01, 0x03, 0x24],
            // `AAMk`
            _ => [0x00, 0x03, 0x24],
        }
    }
}

/// The id of item `number` of a mailbox.
pub(super) fn write(kind: Kind, mailbox: &Mailbox, number: u64) -> String {
    let mut octets = Vec::with_capacity(LENGTH);
    octets.extend(kind.head());
    octets.extend(tag(mailbox));
    octets.push(kind.octet());
    octets.extend(number.to_be_bytes());
    let check = check(&octets);
    octets.extend(check);
    URL_SAFE.encode(octets)
}

/// Which item of a mailbox an id names. That of another mailbox names nothing here.
pub(super) fn read(text: &str, mailbox: &Mailbox) -> Result<(Kind, u64), Refusal> {
    let octets = URL_SAFE.decode(text).map_err(|_| Refusal::id_malformed())?;
    let (body, _) = octets
        .split_last_chunk::<2>()
        .filter(|(body, sum)| body.len() == LENGTH - 2 && **sum == check(body))
        .ok_or_else(Refusal::id_malformed)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.octet() == body[9]);
    let number = body.last_chunk().copied().map(u64::from_be_bytes);
    let (kind, number) = kind.zip(number).ok_or_else(Refusal::id_malformed)?;
    if body[3..9] != tag(mailbox) {
        return Err(Refusal::item_not_found());
    }
    Ok((kind, number))
}

fn tag(mailbox: &Mailbox) -> [u8; 6] {
    let digest = digest::digest(&SHA256, mailbox.address().to_lowercase().as_bytes());
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

fn check(octets: &[u8]) -> [u8; 2] {
    let digest = digest::digest(&SHA256, octets);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Head, mailbox, kind, number and checksum; the padding of base64 makes the `=` at the end that
/// real ids have.
const LENGTH: usize = 3 + 6 + 1 + 8 + 2;
