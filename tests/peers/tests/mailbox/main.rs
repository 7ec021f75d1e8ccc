//! `gatepost-mail` over IMAP against Dovecot.

mod changing;
mod reading;
mod sizes;
mod stand;
mod watching;
