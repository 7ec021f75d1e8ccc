//! Where guests go on: the server of their mailbox, and whose token opens it there.

mod offers;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_mail::passage::Destination;

use crate::Protocol;

pub(crate) use offers::Offers;

/// Says where mailboxes are. It is answered from the configuration that is in force.
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Where this mailbox is opened by this protocol. Nothing is connected by that.
    fn destination(&self, protocol: Protocol, mailbox: &str) -> Result<Destination, NoDestination>;

    /// One way to each server that guests may be led to by this protocol: what all of them offer
    /// can be told to a client before anybody knows where it leads.
    fn servers(&self, protocol: Protocol) -> Vec<Destination> {
        let _ = protocol;
        Vec::new()
    }
}

/// Why a mailbox cannot be opened by a protocol.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{mailbox} cannot be opened by {protocol}: {reason}")]
pub struct NoDestination {
    /// The mailbox.
    pub mailbox: String,
    /// By what.
    pub protocol: Protocol,
    /// Why not.
    pub reason: String,
}

impl NoDestination {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["gateway_no_way"];
}

impl Fault for NoDestination {
    fn code(&self) -> &'static str {
        "gateway_no_way"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}
