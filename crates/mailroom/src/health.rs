//! Health that cannot lie: what each watch does, when it last proved to be alive, and whether
//! what opens the mailboxes still does, and for how long.

mod board;
mod caretaker;
mod credential;
mod status;
mod watchman;

pub use board::Board;
pub use caretaker::{Caretaker, Credentials};
pub use credential::{CredentialHealth, CredentialStatus, ExpiringPart, Expiry};
pub use status::{LastError, MailboxStatus, SinkState, SinkStatus, WatchState};
pub use watchman::Watchman;
