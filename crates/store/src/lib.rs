//! SQLite answers the storage traits of `oauth`, `mailroom` and `gateway`; secrets and what people wrote
//! are sealed here, before they touch a disk.
//!
//! [`Store`] implements `gatepost_oauth::Grants`,
//! `gatepost_mailroom::{Cursors, Deliveries, Notices, Outbox}` and
//! `gatepost_gateway::admission::AppPasswords`.
//! One method is one transaction; writing ones go through one connection and are durable when
//! they return. Nothing about mail or tokens is decided here, and SQL is written nowhere else.
//!
//! To add a use case: a migration in `migrations/sqlite`, a module that implements its trait,
//! and its contract in `tests`. Statements keep to what SQLite and PostgreSQL have in common.

mod app_passwords;
mod batch;
mod cursors;
mod deliveries;
mod error;
mod events;
mod fresh;
mod grants;
mod key;
mod legacies;
mod notices;
mod outage;
mod outbox;
mod reseal;
mod rotation;
mod schema;
mod sealed;
mod state_folder;
mod store;
mod undone;
mod writer;

pub use error::StoreError;
pub use key::KeySource;
pub use outbox::DamagedSubmission;
pub use rotation::{KeyPlace, Rotated, rotate_key};
pub use state_folder::StateFolder;
pub use store::{Access, Opening, Store};
