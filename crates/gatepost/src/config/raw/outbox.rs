//! How messages are sent, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Placed;

/// How messages are sent: `gatepost send` and `gatepost sendmail` put them into the outbox, from
/// which `serve` sends them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawOutbox {
    /// The mailbox that sends what comes from an address that is no mailbox here.
    pub default: Option<Placed<String>>,
    /// Who gets what is sent to a name without a domain, such as `root`.
    pub local: Option<Placed<String>>,
    /// What follows when nobody knows whether a message was sent, because the answer of the server
    /// was lost and the message is not found among those that were sent; `hold` if it is not set.
    pub unknown: Option<RawUnknown>,
    /// Who is told of a message that was not sent, besides the sinks; `nobody` if it is not set.
    pub bounce: Option<RawBounce>,
    /// How many hours a message is tried; 72 if it is not set.
    pub give_up_hours: Option<Placed<u32>>,
    /// How many messages a mailbox sends in a minute; 30 if it is not set, as Exchange Online
    /// allows.
    pub messages_per_minute: Option<Placed<u32>>,
    /// How many connections a mailbox has for sending; 3 if it is not set, as Exchange Online
    /// allows.
    pub connections: Option<Placed<u32>>,
    /// To how many recipients a mailbox sends in 24 hours; 10,000 if it is not set, as Exchange
    /// Online allows.
    pub recipients_per_day: Option<Placed<u32>>,
    /// To how many recipients a message goes at a time; 500 if it is not set, as Exchange Online
    /// allows. A message with more goes by SMTP in several turns.
    pub recipients_per_message: Option<Placed<u32>>,
}

/// What follows when nobody knows whether a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawUnknown {
    /// It waits for `gatepost outbox resolve`.
    Hold,
    /// It is sent again, and may arrive twice.
    Resend,
    /// It is not sent again.
    Drop,
}

/// Who is told of a message that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawBounce {
    /// Nobody but the sinks.
    Nobody,
    /// Its sender, by a report of failure that is sent by the same mailbox.
    Sender,
}
