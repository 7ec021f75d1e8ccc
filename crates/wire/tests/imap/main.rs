//! The IMAP machines against the dialogues, and every decoder against the fuzz corpus.

mod client;
mod codec;
mod dialogue;
