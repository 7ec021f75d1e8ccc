//! `IMAP4rev1` (RFC 3501) and the parts of `IMAP4rev2` (RFC 9051) that Exchange Online speaks.

pub mod client;
pub mod codec;
pub mod mailbox_name;
pub mod server;
