//! Reads what another program leaves behind when Gatepost takes its place: its configuration, the
//! accounts in it, and the tokens that it sealed with the password of each account.
//!
//! Everything here is a pure function of octets. Nothing is written back, and nothing is asked of
//! Microsoft: whether a password is the right one is told by what it sealed.
//!
//! This crate performs no I/O, knows no storage and no configuration of Gatepost's.

mod encoding;
mod error;
mod fernet;

pub mod emailproxy;
pub mod ini;
pub mod passwords;

pub use encoding::decode;
pub use error::ImportError;
