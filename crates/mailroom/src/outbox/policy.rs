//! How a mailbox sends.

use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::SubmitOpener;

use super::{Lookout, SendLimits};
use crate::{ReportTo, UnknownThen};

/// A mailbox that sends.
#[derive(Debug, Clone)]
pub struct Sending {
    /// Its address as configured, in lower case.
    pub mailbox: String,
    /// Opens sessions in its name.
    pub opener: Arc<dyn SubmitOpener>,
    /// Looks for what may have been sent, where that is possible.
    pub lookout: Option<Arc<dyn Lookout>>,
    /// What it may and what is wanted.
    pub policy: SendPolicy,
}

/// What a mailbox may, and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendPolicy {
    /// How fast it may send.
    pub limits: SendLimits,
    /// What follows when nobody knows whether a message was sent, and it cannot be found.
    pub on_unknown: UnknownThen,
    /// How long a message is tried.
    pub give_up_after: Duration,
    /// Who is told of a message that was not sent, besides the sinks.
    pub bounce: BounceTo,
    /// Which sinks are told.
    pub report_to: ReportTo,
}

/// Who is told of a message that was not sent, besides the sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BounceTo {
    /// Nobody.
    #[default]
    Nobody,
    /// Its sender, by a report of failure (RFC 3464) that is sent by the same way as the message.
    Sender,
}

impl Default for SendPolicy {
    fn default() -> Self {
        Self {
            limits: SendLimits::default(),
            on_unknown: UnknownThen::Hold,
            give_up_after: Self::GIVE_UP_AFTER,
            bounce: BounceTo::default(),
            report_to: ReportTo::default(),
        }
    }
}

impl SendPolicy {
    /// How long a message is tried if nothing else is said (RFC 5321 §4.5.4.1 asks for four to
    /// five days where many hosts are between; here is one, and who waits is a person).
    pub const GIVE_UP_AFTER: Duration = Duration::from_hours(3 * 24);
}
