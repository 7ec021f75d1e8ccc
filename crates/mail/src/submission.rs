//! The words in which a submission is asked for and refused, as the protocols have them.

pub use crate::smtp::seven_bit::addresses::ascii_address;
pub use gatepost_wire::smtp::exchange::Meaning;
pub use gatepost_wire::smtp::{
    Envelope, Notify, Occasion, Occasions, Path, PathError, Phase, Recipient, Returned,
    ReversePath, Sender,
};
