//! SASL, IMAP, POP3 and SMTP as values, parsers and state machines, client and server side.
//!
//! Everything here takes octets and returns octets or values. There is no socket, clock,
//! runtime, TLS or HTTP: whoever drives a machine brings those.

#[doc(hidden)]
pub mod fuzzing;
pub mod imap;
pub mod pop3;
pub mod sasl;
pub mod smtp;

mod dots;
mod lines;
mod serving;
mod web;
mod words;

pub use lines::LineTooLong;
pub use serving::{InClear, Then, Want};
