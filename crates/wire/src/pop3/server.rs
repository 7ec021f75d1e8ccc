//! The server side of POP3 as a machine without I/O.
//!
//! A [`Server`] is fed with the octets of one client and says through [`Want`] what it needs:
//! octets to be written, octets to be read, or a question to be answered. Everything that needs
//! a mailbox or a token is such an [`Ask`]; its owner sends back an [`Answer`]. What the server
//! calls itself, what it offers and how it words things is data, see [`Persona`].
//!
//! The owner is asked for the messages once, when somebody has signed in, since a session of
//! POP3 sees the mailbox as it was then (RFC 1939 §5). An owner that only lets people in, and
//! passes the rest on to another server, answers [`Answer::HandOver`].

mod answering;
mod ask;
mod machine;
mod maildrop;
mod order;
mod persona;
mod sign_in;
mod top;

pub use crate::sasl::{Credentials, Mechanism};
pub use crate::{InClear, Then};
pub use ask::{Answer, Ask, Letter, Refusal};
pub use machine::{Server, Want};
pub use persona::{InitialResponse, Limits, Persona, Texts};
