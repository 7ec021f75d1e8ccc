//! Health that cannot lie: what each watch does, and when it last proved to be alive.

mod board;
mod status;
mod watchman;

pub use board::Board;
pub use status::{LastError, MailboxStatus, SinkState, SinkStatus, WatchState};
pub use watchman::Watchman;
