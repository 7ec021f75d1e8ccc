//! Microsoft Graph v1.0 over the mailboxes of the imaginary tenant, and so much of the directory
//! as a mail program looks at.
//!
//! A new resource is one file in `graph/` and one line in `graph/dispatch.rs`.

mod access;
mod answer;
mod applications;
mod attachments;
mod batch;
mod calendar;
mod call;
mod contacts;
mod delta;
mod dispatch;
mod drafts;
mod filter;
mod folders;
mod furnishing;
mod ids;
mod incoming;
mod items;
mod letter;
mod listing;
mod messages;
mod options;
mod rate;
mod refusal;
mod responses;
mod search;
mod send;
mod shape;
mod strike;
mod translate;
mod uploads;
mod users;
mod zones;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use gatepost_host::{Chance, Clock, Tasks};

use crate::faults::Faults;
use crate::mailboxes::Mailboxes;
use crate::places::Places;
use crate::sending::Meter;
use crate::tenant::Tenant;

/// What every request needs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Graph(Arc<Exchange>);

/// Graph's side of Exchange Online.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Says who a token is and what they may do.
    pub(crate) tenant: Tenant,
    /// What is served.
    pub(crate) mailboxes: Mailboxes,
    /// What goes wrong on demand.
    pub(crate) faults: Faults,
    /// Tells the time.
    pub(crate) clock: Clock,
    /// Makes the numbers of requests.
    pub(crate) chance: Chance,
    /// Owns what happens later.
    pub(crate) tasks: Tasks,
    /// The port it listens on: its address is `https://localhost:PORT`.
    pub(crate) port: u16,
    /// How many requests of each app to each mailbox are under way.
    pub(crate) places: Places,
    /// How many there were.
    pub(crate) rate: Rate,
    /// How many octets a request may have that brings a message as MIME.
    pub(crate) largest_mime: usize,
    /// How much each mailbox has sent, by whatever way.
    pub(crate) meter: Meter,
    /// Attachments that come in ranges.
    pub(crate) uploads: Uploads,
    /// Everybody's calendars.
    pub(crate) agendas: Agendas,
    /// Everybody's contacts.
    pub(crate) address_books: AddressBooks,
}

impl Graph {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self(Arc::new(exchange))
    }

    /// Every address of Graph.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v1.0/{*path}", any(dispatch::entry))
            .route("/api/v2.0/{*path}", any(uploads::entry))
            .with_state(self)
    }
}

impl std::ops::Deref for Graph {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.0
    }
}

pub(crate) use calendar::Agendas;
pub(crate) use contacts::AddressBooks;
pub(crate) use furnishing::furnish;
pub(crate) use rate::Rate;
pub(crate) use uploads::Uploads;

/// So many requests of one app to one mailbox are served at a time (`MailboxConcurrency`).
pub(crate) const MAILBOX_CONCURRENCY: usize = 4;
