//! Doors in front of the sandbox, and clients in every way in which they knock.

mod ahead;
mod changing;
mod hostile;
mod imap;
mod patience;
mod pop3;
mod protection;
mod shared;
mod smtp;
mod spool;
mod stand;
mod trouble;
