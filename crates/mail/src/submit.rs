//! The one trait to submit a message.

mod error;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_wire::smtp::{Envelope, Path};

pub use error::SubmitError;
pub(crate) use error::how_it_was_lost;

/// One signed-in session that takes messages on their way out (RFC 6409).
#[async_trait]
pub trait Submit: Send {
    /// Hands one message over to be sent to everybody in `envelope`.
    ///
    /// Whatever fails before `departure` was told has sent nothing. What fails afterwards has sent
    /// nothing either, unless [`is_unknown`](SubmitError::is_unknown) is true: then the message
    /// may be on its way.
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError>;

    /// Whether another message can be handed over in this session.
    fn is_open(&self) -> bool;

    /// Whether a message can be handed over several times, each time to others of its recipients.
    fn takes_turns(&self) -> bool {
        true
    }

    /// Says goodbye. Errors are of no interest.
    async fn close(&mut self);
}

/// Opens sessions in the name of one mailbox: knows where messages are handed over and whose
/// token allows it.
#[async_trait]
pub trait SubmitOpener: Send + Sync + std::fmt::Debug {
    /// Connects and signs in.
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError>;
}

/// A message on its way out, read from its beginning. Its lines end in CRLF.
#[async_trait]
pub trait Outgoing: Send {
    /// How many octets [`chunk`](Self::chunk) gives in all.
    fn size(&self) -> u64;

    /// Whether it holds octets above 127.
    fn is_eight_bit(&self) -> bool;

    /// The next octets, `None` behind the last. An error ends the try, and the server is not
    /// told that the message was complete.
    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError>;

    /// Goes back: [`chunk`](Self::chunk) gives all of it once more.
    async fn begin_again(&mut self) -> Result<(), OutgoingError>;
}

/// Is told of what cannot be taken back before it happens.
#[async_trait]
pub trait Departure: Send {
    /// The message departs without these recipients, whom the server has refused already. Told
    /// before [`begins`](Self::begins), where the protocol answers each recipient by himself.
    fn refused(&mut self, recipients: &[RefusedRecipient]) {
        let _ = recipients;
    }

    /// The draft that an earlier try left in the mailbox, and that was not to be sent.
    fn left_draft(&self) -> Option<&str> {
        None
    }

    /// A draft with this id was made, which is not sent before [`begins`](Self::begins), or is left
    /// since it was refused. An error ends the try, with nothing sent.
    async fn drafted(&mut self, id: &str) -> Result<(), DepartureError> {
        let _ = id;
        Ok(())
    }

    /// The draft that was told of last, or that an earlier try left, was taken away unsent. An error
    /// ends the try, with nothing sent.
    async fn withdrawn(&mut self) -> Result<(), DepartureError> {
        Ok(())
    }

    /// The next octets may make the server send the message; `trace` says how to find out later
    /// whether it did. An error ends the try, with nothing sent.
    async fn begins(&mut self, trace: Trace) -> Result<(), DepartureError>;
}

/// How to find out whether a message was sent whose handing over was cut short.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Trace {
    /// Sent Items holds a message with its Message-ID once it was sent.
    MessageId,
    /// It was a draft with this immutable id, which moves to Sent Items when it is sent
    /// (<https://learn.microsoft.com/graph/outlook-immutable-id>).
    Draft {
        /// The immutable id.
        id: String,
    },
    /// A person sent the draft with this immutable id, which was not all of the message. No look
    /// says more.
    Altered {
        /// The immutable id.
        id: String,
        /// How what was sent differs from the message, as a clause.
        lacks: String,
    },
}

/// The server has taken a message.
#[derive(Debug)]
pub struct Receipt {
    /// By which way it left, as `send` of a mailbox names it: `smtp` or `graph`.
    pub by: &'static str,
    /// What the server said, or the number under which it can be asked about the message.
    pub said: String,
    /// Who will not get it; everybody else of the envelope will.
    pub refused: Vec<RefusedRecipient>,
}

impl Receipt {
    /// What [`said`](Self::said) ends with where the sender wanted something of reports that the
    /// server cannot be told.
    pub const WITHOUT_REPORTS: &str = "what was wanted of reports on its delivery could not be passed on, since the server does not offer DSN (RFC 3461)";

    /// Says what of the message was left out, if anything was.
    pub(crate) fn without_fields(mut self, left_out: &[String]) -> Self {
        if left_out.is_empty() {
            return self;
        }
        let mut names = left_out.iter().take(MOST_NAMES);
        let names: Vec<&str> = names.by_ref().map(String::as_str).collect();
        let more = left_out.len() - names.len();
        let names = names.join(", ");
        let and_more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let lost = format!(
            "it was too large for one request, and a draft, which is how it was sent, has no place for {names}{and_more}: by SMTP they would be kept"
        );
        tracing::warn!("{lost}");
        self.said = format!("{}; {lost}", self.said);
        self
    }

    /// Says so where `envelope` wants something of reports.
    pub(crate) fn without_reports(mut self, envelope: &Envelope) -> Self {
        if envelope.asks_for_reports() {
            tracing::warn!("{}", Self::WITHOUT_REPORTS);
            self.said = format!("{}; {}", self.said, Self::WITHOUT_REPORTS);
        }
        self
    }
}

/// As many as are named in a sentence.
const MOST_NAMES: usize = 20;

/// A recipient whom the server does not take a message for.
#[derive(Debug)]
pub struct RefusedRecipient {
    /// Who.
    pub recipient: Path,
    /// Why, and whether another try may help.
    pub error: SubmitError,
}

/// The message cannot be read; `0` is what stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OutgoingError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// That a message departs could not be recorded; `0` is what stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DepartureError(#[from] pub Box<dyn std::error::Error + Send + Sync>);
