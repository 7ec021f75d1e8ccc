//! A door for SMTP that takes messages itself: they are durable when the client hears that they
//! were accepted, and leave as their mailbox sends.
//!
//! What becomes of them then is not known here: whoever answers [`Acceptance`] has the outbox.

mod header;
mod refused;

use async_trait::async_trait;

pub use refused::{Refused, Why};

use crate::admission::Guest;
pub(crate) use header::{Beginning, Rules as HeaderRules, repetition};

/// Takes the responsibility for messages.
#[async_trait]
pub trait Acceptance: Send + Sync + std::fmt::Debug {
    /// The largest message that anybody sends, in octets.
    fn largest(&self) -> u64;

    /// Whether this guest's mailbox sends at all, and bears another message now: said before the
    /// message comes.
    async fn permits(&self, guest: &Guest) -> Result<(), Refused>;

    /// Begins to take a message in. Its header comes first.
    async fn begin(&self, parcel: Parcel) -> Result<Box<dyn Intake>, Refused>;
}

/// A message that is being taken in. Nothing is kept of one that is dropped.
#[async_trait]
pub trait Intake: Send {
    /// Its next octets.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Refused>;

    /// It is complete. When this returns it is durable.
    async fn finish(self: Box<Self>) -> Result<Receipt, Refused>;
}

/// Everything about a message but its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The mailbox in whose name it is sent, in lower case.
    pub mailbox: String,
    /// Who hears of failures. `None` is nobody: the client said `MAIL FROM:<>`, as whoever reports
    /// or answers by itself does (RFC 5321 §4.5.5).
    pub sender: Option<String>,
    /// To whom it is sent.
    pub recipients: Vec<String>,
    /// What is the same when the same message comes again, because the client did not hear that it
    /// was accepted: its Message-ID and a digest of its envelope. `None` for a message without one.
    pub repetition: Option<String>,
}

/// What a client is told of an accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its name in the outbox.
    pub id: String,
}

/// Whether a guest may write from this address.
pub(crate) fn may_send(guest: &Guest, address: &str) -> bool {
    let address = address.to_lowercase();
    guest
        .senders
        .iter()
        .any(|sender| match sender.strip_prefix('*') {
            None => *sender == address,
            // `*@contoso.com` is each address of that domain.
            Some(domain) => {
                domain.len() > 1
                    && domain.starts_with('@')
                    && address.len() > domain.len()
                    && address.ends_with(domain)
            }
        })
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn a_guest_writes_from_its_addresses_and_those_of_its_domains() {
        let guest = Guest {
            password: None,
            login: "printer3".to_owned(),
            mailbox: "support@contoso.com".to_owned(),
            senders: vec!["sales@contoso.com".to_owned(), "*@fabrikam.com".to_owned()],
            revoked: CancellationToken::new(),
            presence: crate::admission::Presence::default(),
        };
        for yes in ["Sales@Contoso.com", "anybody@fabrikam.com"] {
            assert!(may_send(&guest, yes), "{yes}");
        }
        for no in [
            "support@contoso.com",
            "@fabrikam.com",
            "x@notfabrikam.com",
            "x@fabrikam.com.example",
            "",
        ] {
            assert!(!may_send(&guest, no), "{no}");
        }
    }
}
