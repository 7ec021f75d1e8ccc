//! `gatepost-mail` over IMAP against Dovecot.

mod changing;
mod contract;
mod reading;
mod sizes;
mod stand;
mod watching;
