//! The real program against Dovecot and the identity endpoint.

mod memory;
mod reading;
mod stand;
mod watching;
