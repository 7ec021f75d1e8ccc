//! A message that is handed over, and what becomes of it once it is complete.

use bytes::{Bytes, BytesMut};
use gatepost_wire::smtp::exchange::Meaning;
use gatepost_wire::smtp::server::{Answer, Refusal};
use gatepost_wire::smtp::{Phase, Recipient, ReversePath, Sender};
use mail_parser::{HeaderName, MessageParser};

use super::exchange::{accepted, send_as_denied};
use super::session::{Act, Client, Session};
use crate::faults::FaultKind;
use crate::mailboxes::{Kept, Leaving};
use crate::tenant::{Principal, Sending, Trustee};

/// An envelope with its message, as far as they came.
#[derive(Debug, Default)]
pub(super) struct Submission {
    /// Empty where nobody is to hear of failures.
    sender: String,
    recipients: Vec<String>,
    raw: BytesMut,
}

/// A message may leave, as itself or for somebody else.
struct Permitted {
    from: String,
    sending: Sending,
}

impl From<Sender> for Submission {
    fn from(sender: Sender) -> Self {
        let sender = match sender.path {
            ReversePath::Null => String::new(),
            ReversePath::Address(path) => path.as_str().to_owned(),
        };
        Self {
            sender,
            ..Self::default()
        }
    }
}

impl Submission {
    pub(super) fn add(&mut self, recipient: &Recipient) {
        self.recipients.push(recipient.path.as_str().to_owned());
    }

    pub(super) fn extend(&mut self, octets: &[u8]) {
        self.raw.extend_from_slice(octets);
    }
}

impl Session {
    /// The message is complete: whatever Exchange knows only now is said now.
    pub(super) fn submit(&mut self) -> Act {
        let submission = std::mem::take(&mut self.submission);
        if self.strikes(FaultKind::DropUnsent) {
            return Act::HangUp;
        }
        let phase = Phase::EndOfData;
        if let Some(trouble) = self.trouble().or_else(|| self.refused(phase)) {
            return trouble;
        }
        let Some(client) = &self.client else {
            return self.no(Meaning::NotSignedIn, Phase::Mail);
        };
        let address = client.mailbox.address();
        let is_shut = self.strikes(FaultKind::AuthenticatedButNotConnected);
        if is_shut || !self.smtp.tenant.may_open(&client.principal, address) {
            return self.no(Meaning::MailboxNotAccessible, phase);
        }
        let Submission {
            sender,
            recipients,
            raw,
        } = submission;
        let raw = raw.freeze();
        let header = Header::of(&raw);
        let permitted = match self.permitted(client, &sender, &header) {
            Ok(permitted) => permitted,
            Err(other) => {
                let denied = send_as_denied(address, &other);
                return Act::Answer(Answer::Refused(Refusal::new(denied)));
            }
        };
        let now = self.smtp.clock.now();
        let Ok(wait) = self.smtp.meter.count(address, recipients.len(), now) else {
            return self.no(Meaning::DailyRecipientsExceeded, phase);
        };
        let leaving = Leaving {
            raw,
            recipients,
            on_behalf: (permitted.sending == Sending::OnBehalf).then(|| address.to_owned()),
            kept: Kept::InSentItems,
        };
        tracing::debug!(mailbox = address, from = permitted.from, "a message leaves");
        if let Err(error) = self.smtp.mailboxes.leave(&client.mailbox, leaving, now) {
            tracing::warn!(%error, "the sandbox could not send a message");
            return self.no(Meaning::StoreUnavailable, phase);
        }
        if self.strikes(FaultKind::DropAnswer) {
            return Act::HangUp;
        }
        let answer = Answer::Accepted(accepted(&header.message_id));
        if wait.is_zero() {
            Act::Answer(answer)
        } else {
            Act::AnswerLater(wait, answer)
        }
    }

    /// How the client may send this, or the address that it may not send as: neither by the
    /// header nor by the envelope.
    fn permitted(
        &self,
        client: &Client,
        sender: &str,
        header: &Header,
    ) -> Result<Permitted, String> {
        let own = client.mailbox.address();
        let trustee = match &client.principal {
            Principal::App { client_id, .. } => Trustee::App(client_id.clone()),
            Principal::Person { upn, .. } => Trustee::Person(upn.clone()),
        };
        let rights = self.smtp.tenant.rights();
        let mut permitted = Permitted {
            from: own.to_owned(),
            sending: Sending::AsItself,
        };
        if !sender.is_empty() && rights.sending(&trustee, own, sender).is_none() {
            return Err(sender.to_owned());
        }
        for from in &header.from {
            match rights.sending(&trustee, own, from) {
                Some(sending) => {
                    permitted = Permitted {
                        from: from.clone(),
                        sending,
                    };
                }
                None => return Err(from.clone()),
            }
        }
        Ok(permitted)
    }
}

/// What counts of the header.
struct Header {
    from: Vec<String>,
    /// In angle brackets.
    message_id: String,
}

impl Header {
    fn of(raw: &Bytes) -> Self {
        let parsed = MessageParser::new().parse_headers(raw);
        let from = parsed.as_ref().and_then(|message| message.from());
        let from = from.into_iter().flat_map(|from| from.iter());
        let from = from.filter_map(|address| address.address.as_deref());
        let id = parsed.as_ref().and_then(|message| {
            let id = message.header(HeaderName::MessageId)?;
            id.as_text()
        });
        Self {
            from: from.map(str::to_owned).collect(),
            message_id: id.map_or_else(|| "<>".to_owned(), |id| format!("<{id}>")),
        }
    }
}
