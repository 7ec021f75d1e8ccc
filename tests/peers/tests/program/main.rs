//! The real program against Dovecot and the identity endpoint.

mod reading;
mod stand;
mod watching;
