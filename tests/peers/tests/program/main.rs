//! The real program against Dovecot and the identity endpoint.

mod full_disk;
mod memory;
mod reading;
mod reloading;
mod stand;
mod watching;
