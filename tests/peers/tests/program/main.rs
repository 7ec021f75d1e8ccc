//! The real program against Dovecot and the identity endpoint.

mod exporting;
mod full_disk;
mod memory;
mod other_users;
mod outbox;
#[path = "../../../../crates/gatepost/tests/program/peak.rs"]
mod peak;
mod post_actions;
mod reading;
mod reloading;
mod sendmail;
mod stand;
mod watching;
