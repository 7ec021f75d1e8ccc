//! The server side of IMAP4rev1 as a machine without I/O.
//!
//! A [`Server`] is fed with the octets of one client and says through [`Want`] what it needs:
//! octets to be written, octets to be read, or a question to be answered. Everything that needs
//! a mailbox, a token, a clock or a random number is such an [`Ask`]; its owner sends back an
//! [`Answer`]. What the server calls itself, what it offers and how it words things is data,
//! see [`Persona`].
//!
//! ```text
//!   octets in ──push──► Server ──want──► Want::Write(octets)
//!                         ▲                  Want::Ask(ask) ──► owner ──answer──┐
//!                         └──────────────────────────────────────────────────────┘
//! ```
//!
//! The session keeps the sequence numbers of the open folder; its owner knows UIDs only.
//! Everything is bounded: lines and literals by [`Limits`], the output by one message at a
//! time, a client that errs too often by [`Limits::errors`].
//!
//! An owner that only lets people in, and passes the rest on to another server, answers
//! [`Answer::HandOver`].

mod address;
mod answering;
mod ask;
mod commands;
mod criteria;
mod entity;
mod envelope;
mod fetch;
mod fields;
mod flags;
mod item;
mod listing;
mod login;
mod machine;
mod numbers;
mod order;
mod persona;
mod structure;
mod text;
mod upload;
mod view;

pub use crate::InClear;
pub use crate::sasl::Credentials;
pub use ask::{
    Access, Answer, Ask, Attribute, Change, Copied, FlagEdit, FolderChange, Listed, Loaded, Opened,
    Refusal, Reply, Status, Upload,
};
pub use criteria::{Candidate, Criteria, Day};
pub use flags::{Flag, Flags};
pub use machine::{Server, Waiting, Want};
pub use persona::{CopyuidForm, Limits, Mechanism, Persona, Quirks, StructureFault, Texts};
