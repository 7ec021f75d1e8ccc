//! The machine we run on. Time, chance, the environment, private files, tasks, trust and HTTP
//! clients come in through here and nowhere else (`clippy.toml` sees to that), so that every
//! state machine above can be run in virtual time with a seed.
//!
//! Nothing of mail, OAuth or storage is known here.

mod attention;
mod buffer;
mod chance;
mod clock;
mod countdown;
pub mod environment;
pub mod files;
mod http;
mod keyring;
mod metronome;
mod network;
mod read_ahead;
mod seal;
mod secret;
mod tasks;
mod time_zone;
mod tls;

pub use attention::attend;
pub use buffer::Buffer;
pub use chance::Chance;
pub use clock::{Clock, Elapsed};
pub use countdown::Countdown;
pub use files::FileError;
pub use http::{
    HttpError, HttpLimits, http_client, http_client_apart, http_client_direct,
    http_client_resolving,
};
pub use keyring::KeyringProblem;
pub use metronome::Metronome;
pub use network::{Network, NetworkError};
pub use read_ahead::ReadAhead;
pub use seal::{SealError, SealingKey};
pub use secret::{SecretError, SecretSource};
pub use tasks::{Stop, Tasks};
pub use time_zone::time_zone;
pub use tls::{Trust, TrustError};
