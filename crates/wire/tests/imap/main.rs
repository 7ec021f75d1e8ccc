//! The IMAP machines against the dialogues, and every decoder against the fuzz corpus.

mod any_octets;
mod bounds;
mod client;
mod codec;
mod corpus;
mod dialogue;
mod owner;
mod pair;
mod server;
mod server_limits;
