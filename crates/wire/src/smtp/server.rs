//! The server side of SMTP submission as a machine without I/O.
//!
//! A [`Server`] is fed with the octets of one client and says through [`Want`] what it needs:
//! octets to be written, octets to be read, or a question to be answered. Everything that needs
//! a mailbox, a token or a disk is such an [`Ask`]; its owner sends back an [`Answer`]. What
//! the server calls itself, what it offers and how it words things is data, see [`Persona`].
//!
//! It bears what printers and scanners do: HELO instead of EHLO, AUTH LOGIN with and without
//! the name, blanks behind `FROM:`, addresses without brackets. A message ends with a proper
//! line that is a dot and with nothing else.

mod answering;
mod ask;
mod chunks;
mod machine;
mod order;
mod persona;
mod receiving;
mod sign_in;
mod transaction;

pub use crate::sasl::{Credentials, Mechanism};
pub use crate::{InClear, Then};
pub use ask::{Answer, Ask, Refusal};
pub use machine::{Server, Want};
pub use persona::{Limits, Persona, Replies, SignIn};
