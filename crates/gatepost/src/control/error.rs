//! What can be wrong with the control socket.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};

/// Why the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be made.
    #[error(
        "the control socket {} cannot be made: {source}; the path may be too long for a socket (107 \
         octets), or the folder may not be writable",
        path.display()
    )]
    Unusable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is somebody else's.
    #[error(
        "the control socket {} belongs to another user (uid {owner}), so nothing is asked there; run \
         this as that user, or name a state folder of your own",
        path.display()
    )]
    Foreign {
        /// The socket.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// The `serve` behind it does not answer.
    #[error(
        "the running gatepost serve behind {} did not answer within {limit:?}; look at its log, and \
         restart it if it hangs",
        path.display()
    )]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it was waited for.
        limit: Duration,
    },
}

impl ControlError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &[
        "control_socket_unusable",
        "control_socket_foreign",
        "serve_silent",
    ];
}

impl Fault for ControlError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "control_socket_unusable",
            Self::Foreign { .. } => "control_socket_foreign",
            Self::Silent { .. } => "serve_silent",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        match self {
            Self::Unusable { .. } | Self::Foreign { .. } => Next::Reconfigure,
            Self::Silent { .. } => Next::Retry(After::Backoff),
        }
    }
}
