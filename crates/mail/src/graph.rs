//! A mailbox over Microsoft Graph v1.0: a thin client of its own over HTTP and JSON.
//!
//! [`Graph`] asks for one mailbox and minds what Graph wants of everybody: a token for its own
//! host and no other, immutable ids, no more than four questions at a time, and patience when it
//! says so ([`Governor`]). [`GraphOpener`] opens sessions over it that obey the same contract as
//! those of every other transport.
//!
//! Links that Graph hands out (`@odata.nextLink`, `@odata.deltaLink`) are followed as they are,
//! and only to the host of the cloud: <https://learn.microsoft.com/graph/paging>.

mod acts;
mod address;
mod answer;
mod attachments;
mod batch;
mod calendar;
mod call;
mod changes;
mod client;
mod contacts;
mod cursor;
mod delta;
mod drafts;
mod fetch;
mod folders;
mod governor;
mod list;
mod listing;
mod opener;
mod refusal;
mod resources;
mod session;
mod settings;
mod submit;
mod uploads;

#[cfg(test)]
mod tests;

pub use attachments::{AttachmentEntry, Download, NewAttachment};
pub use calendar::{
    Answering, Attendee, Calendar, CalendarEvent, EventChange, Location, NewEvent, Person,
    ResponseStatus, ZonedTime,
};
pub use client::Graph;
pub use contacts::{Contact, ContactAddress};
pub use drafts::{
    Audience as ReplyAudience, DraftFate, FollowUpStatus, Importance, MailBody, NewMail, SentCopy,
    Withdrawal,
};
pub use governor::Governor;
pub use opener::GraphOpener;
pub use refusal::{GraphMeaning, GraphRefusal};
pub use settings::GraphSettings;
pub use submit::GraphSubmitter;

use gatepost_oauth::Audience;

use crate::{Direction, Transport};

/// This transport in the list of all.
pub const TRANSPORT: Transport = Transport {
    name: "graph",
    doc: "Microsoft Graph over HTTPS, for tenants where IMAP is off; every folder, asked for changes from time to time",
    audience: Audience::Graph,
    direction: Direction::Both,
};
