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
    /// This `serve` works on the answer for too long.
    #[error(
        "the running gatepost serve had no answer within {} and gave it up; its log says what it \
         waits for, try again when that is over",
        crate::screen::duration(*limit)
    )]
    Overdue {
        /// How long it tried.
        limit: Duration,
    },
    /// The `serve` behind it answers what this program cannot read, or nothing.
    #[error(
        "what the running gatepost serve behind {} answers cannot be read here, so it is of another \
         version than this program; restart gatepost serve with the installed version",
        path.display()
    )]
    OtherVersion {
        /// The socket.
        path: PathBuf,
    },
    /// The program that asks says what this `serve` cannot read.
    #[error(
        "the running gatepost serve does not know this question ({source}), so it is of another \
         version than the program that asks; restart gatepost serve with the installed version"
    )]
    UnknownQuestion {
        /// Why it cannot be read.
        source: serde_json::Error,
    },
}

impl ControlError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &[
        "control_socket_unusable",
        "control_socket_foreign",
        "serve_silent",
        "serve_of_other_version",
    ];
}

impl Fault for ControlError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "control_socket_unusable",
            Self::Foreign { .. } => "control_socket_foreign",
            Self::Silent { .. } | Self::Overdue { .. } => "serve_silent",
            Self::OtherVersion { .. } | Self::UnknownQuestion { .. } => "serve_of_other_version",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        match self {
            Self::Unusable { .. }
            | Self::Foreign { .. }
            | Self::OtherVersion { .. }
            | Self::UnknownQuestion { .. } => Next::Reconfigure,
            Self::Silent { .. } | Self::Overdue { .. } => Next::Retry(After::Backoff),
        }
    }
}
