//! Why a message is not taken, in the words of SMTP.

use gatepost_fault::{Fault, Next};
use gatepost_wire::smtp::{EnhancedStatus, Reply};

use crate::one_line::one_line;

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Refused {
    /// What kind of reason it is.
    pub why: Why,
    /// A line for whoever reads the client's log.
    pub said: String,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is likely to pass: the client keeps the message and comes again.
    Temporary,
    /// The guest may not write from this address.
    Sender,
    /// The message is larger than any that is sent.
    TooLarge,
    /// The message is not as it should be.
    Content,
    /// Nothing is sent in the name of this mailbox.
    Mailbox,
}

impl Refused {
    /// A refusal in one line of ASCII.
    pub fn new(why: Why, said: &str) -> Self {
        // A line of SMTP has 512 octets (RFC 5321 §4.5.3.1.5).
        let said = one_line(said, LONGEST);
        Self { why, said }
    }

    /// What a fault comes to.
    pub fn of_fault(fault: &(impl Fault + ?Sized)) -> Self {
        let why = match fault.next() {
            Next::Retry(_) => Why::Temporary,
            Next::Discard => Why::Content,
            Next::SignIn | Next::Reconfigure => Why::Mailbox,
        };
        let refused = Self::new(why, &fault.to_string());
        Self {
            said: format!("{} ({})", refused.said, fault.code()),
            ..refused
        }
    }

    /// The reply that says so (RFC 5321 §4.2.2, RFC 3463 §3).
    pub(crate) fn reply(&self) -> Reply {
        let (code, status) = match self.why {
            Why::Temporary => (452, EnhancedStatus::new(4, 3, 0)),
            Why::Sender => (550, EnhancedStatus::new(5, 7, 1)),
            Why::TooLarge => (552, EnhancedStatus::new(5, 3, 4)),
            Why::Content => (554, EnhancedStatus::new(5, 6, 0)),
            Why::Mailbox => (550, EnhancedStatus::new(5, 7, 0)),
        };
        Reply::with_status(code, status, &*self.said)
    }
}

const LONGEST: usize = 400;
