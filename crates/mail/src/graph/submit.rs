//! Submission over Graph (<https://learn.microsoft.com/graph/api/user-sendmail>): the message as
//! it is, in base64, which Graph takes whole or not at all.
//!
//! Graph knows no envelope: it sends to everybody whom the header names. Recipients that only the
//! envelope has are added as `Bcc`, which Exchange takes off again. A recipient that only the
//! header has cannot be spared, so such a message is refused.
//!
//! What is larger than one request may be is rebuilt: a draft, its attachments in ranges, and then
//! it is sent. That needs `Mail.ReadWrite`, reads the message twice, and cannot be done to a
//! message that is signed or encrypted, which would not be the same any more.

mod files;
mod json;
mod left;
mod mime;
mod plan;
mod rebuilt;
mod recipients;
mod split;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_fault::{Fault as _, Next};
use gatepost_wire::smtp::exchange::Meaning;
use gatepost_wire::smtp::{Envelope, Phase};

use super::client::Graph;
use super::refusal::{GraphMeaning, GraphRefusal};
use super::settings::GraphSettings;
use crate::submit::how_it_was_lost;
use crate::{
    Departure, MailError, Outgoing, OutgoingError, Receipt, Submit, SubmitError, SubmitOpener,
};

/// Opens sessions that submit messages for one mailbox by Microsoft Graph.
#[derive(Debug)]
pub struct GraphSubmitter {
    graph: Graph,
}

impl GraphSubmitter {
    /// Keeps what is needed to submit; nothing is asked yet.
    pub fn new(settings: GraphSettings) -> Self {
        Self {
            graph: Graph::new(settings),
        }
    }
}

#[async_trait]
impl SubmitOpener for GraphSubmitter {
    /// One question shows that the token is taken, since a message on its way cannot be begun
    /// again. The app need not be allowed what is asked.
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        match self.graph.inbox().await {
            Ok(_) => {}
            Err(MailError::Graph(refusal))
                if matches!(
                    refusal.meaning,
                    GraphMeaning::AccessDenied | GraphMeaning::ItemMissing
                ) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Box::new(Session {
            graph: self.graph.clone(),
            is_open: true,
        }))
    }
}

/// There is no connection that could be lost; a token may be.
#[derive(Debug)]
struct Session {
    graph: Graph,
    is_open: bool,
}

#[async_trait]
impl Submit for Session {
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let header = self.header(message).await?;
        let bcc = recipients::missing(&header.octets, envelope)
            .map_err(|reason| self.unsendable(reason))?;
        let size = message.size().saturating_add(bcc.len() as u64);
        let sent = if size > self.graph.settings().largest_mime {
            let sent = self.submit_rebuilt(envelope, (header, message), departure);
            sent.await
        } else {
            let letter = mime::Letter {
                beginning: [Bytes::from(bcc)].into_iter().chain(header.read).collect(),
                rest: message,
                size,
            };
            self.graph.send_mime(letter, departure).await
        };
        if let Err(SubmitError::Session(_)) = sent {
            self.is_open = false;
        }
        Ok(sent?.without_reports(envelope))
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whoever the header names gets it each time.
    fn takes_turns(&self) -> bool {
        false
    }

    async fn close(&mut self) {
        self.is_open = false;
    }
}

/// The header of a message, and all that was read to have it.
struct Header {
    octets: Vec<u8>,
    read: Vec<Bytes>,
}

impl Session {
    async fn header(&self, message: &mut dyn Outgoing) -> Result<Header, SubmitError> {
        let mut header = Header {
            octets: Vec::new(),
            read: Vec::new(),
        };
        while let Some(piece) = message.chunk().await? {
            header.octets.extend_from_slice(&piece);
            header.read.push(piece);
            let mut ends = header.octets.windows(4);
            if let Some(at) = ends.position(|octets| octets == b"\r\n\r\n") {
                header.octets.truncate(at + 4);
                break;
            }
            if header.octets.len() > LONGEST_HEADER {
                let reason = format!("its header has more than {LONGEST_HEADER} octets");
                return Err(self.unsendable(reason));
            }
        }
        Ok(header)
    }

    fn unsendable(&self, reason: String) -> SubmitError {
        SubmitError::Unsendable {
            host: self.graph.host(),
            mailbox: self.graph.mailbox().to_owned(),
            reason,
        }
    }
}

impl Graph {
    /// What the end of a request says of the message that it was to send.
    fn sent(&self, ended: Result<(), MailError>) -> Result<(), SubmitError> {
        match ended {
            Ok(()) => Ok(()),
            Err(MailError::Graph(refusal)) if !may_be_sent(&refusal) => Err(not_sent(refusal)),
            Err(error @ (MailError::Unreachable { .. } | MailError::Token(_))) => Err(error.into()),
            Err(error) => Err(self.unknown(how_it_was_lost(&error))),
        }
    }

    /// Nobody knows what became of the message.
    fn unknown(&self, reason: String) -> SubmitError {
        SubmitError::Unknown {
            host: self.host(),
            mailbox: self.mailbox().to_owned(),
            reason,
        }
    }
}

/// What a refusal of a message means.
fn not_sent(refusal: Box<GraphRefusal>) -> SubmitError {
    let meaning = match refusal.meaning {
        GraphMeaning::SendAsDenied => Some(Meaning::SendAsDenied),
        GraphMeaning::TooLarge => Some(Meaning::MessageTooLarge),
        GraphMeaning::QuotaExceeded if refusal.code == MESSAGE_LIMIT => {
            Some(Meaning::DailyRecipientsExceeded)
        }
        GraphMeaning::QuotaExceeded => Some(Meaning::MailboxFull),
        GraphMeaning::InvalidRecipients
        | GraphMeaning::Wordless
        | GraphMeaning::Refused
        | GraphMeaning::Conflict
        | GraphMeaning::ItemMissing
        | GraphMeaning::SyncStateLost
        | GraphMeaning::InefficientFilter => None,
        // It is not the message that is refused.
        GraphMeaning::AccessDenied
        | GraphMeaning::MailboxMissing
        | GraphMeaning::Throttled
        | GraphMeaning::Unavailable => return SubmitError::Session(MailError::Graph(refusal)),
        // A fresh token may be taken, and the message is begun again.
        GraphMeaning::TokenRefused => {
            return SubmitError::Session(MailError::Disconnected {
                host: refusal.host.clone(),
                mailbox: refusal.mailbox.clone(),
                reason: format!("the token was not taken, and another is asked for ({refusal})"),
            });
        }
    };
    let next = match (meaning, refusal.next()) {
        (Some(meaning), _) => meaning.next(),
        (None, Next::Retry(after)) => Next::Retry(after),
        (None, _) => Next::Discard,
    };
    SubmitError::Refused {
        host: refusal.host.clone(),
        mailbox: refusal.mailbox.clone(),
        phase: Phase::EndOfData,
        meaning,
        next,
        said: refusal.words(),
    }
}

/// Whether Graph may have sent the message all the same: a gateway gave up waiting, or the
/// service broke down in the middle.
fn may_be_sent(refusal: &GraphRefusal) -> bool {
    matches!(refusal.status, 408 | 500 | 502 | 504)
}

/// A message was not as long as it said.
pub(super) fn of_another_size() -> OutgoingError {
    OutgoingError("it is not as long as it said".into())
}

const LONGEST_HEADER: usize = 1 << 20;
/// Exchange's name for more recipients in a day than a mailbox may send to.
const MESSAGE_LIMIT: &str = "ErrorExceededMessageLimit";
