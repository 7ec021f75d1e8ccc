//! The IMAP machines against the dialogues, and every decoder against the fuzz corpus.

mod codec;
mod dialogue;
