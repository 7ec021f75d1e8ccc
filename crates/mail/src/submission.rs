//! The words in which a submission is asked for and refused, as the protocols have them.

pub use gatepost_wire::smtp::exchange::Meaning;
pub use gatepost_wire::smtp::{Envelope, Path, PathError, Phase, Recipient, ReversePath, Sender};
