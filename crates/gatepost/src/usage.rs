//! What can be wrong with a command line beyond what its grammar catches.

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_mail::MailError;

use crate::failure::Failure;

/// Why a verb cannot do what its arguments ask for.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The mailbox is not in the configuration.
    #[error("the configuration {file} has no mailbox {mailbox}{advice}")]
    UnknownMailbox {
        /// What was asked for.
        mailbox: String,
        /// The configuration.
        file: String,
        /// What may be meant.
        advice: String,
    },
    /// The registration is not in the configuration.
    #[error("the configuration {file} has no registration {registration}{advice}")]
    UnknownRegistration {
        /// What was asked for.
        registration: String,
        /// The configuration.
        file: String,
        /// What may be meant.
        advice: String,
    },
    /// The sink is not in the configuration, and nothing is on its way to it.
    #[error("the configuration {file} has no sink {sink}{advice}")]
    UnknownSink {
        /// What was asked for.
        sink: String,
        /// The configuration.
        file: String,
        /// What may be meant.
        advice: String,
    },
    /// The code has no page.
    #[error("there is no code {code}{advice}")]
    UnknownCode {
        /// What was asked for.
        code: String,
        /// What may be meant.
        advice: String,
    },
    /// An argument is unusable.
    #[error("{argument}: {reason}")]
    Argument {
        /// The argument.
        argument: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What an argument names is not there, or cannot be used.
    #[error("{0}")]
    Named(Box<dyn Fault>),
    /// Nobody signs in to a mailbox that the app opens itself.
    #[error(
        "nobody signs in to {mailbox}: the app opens it in its own name (client_credentials); \
         try `gatepost token {mailbox}`"
    )]
    NoSignIn {
        /// The mailbox.
        mailbox: String,
    },
    /// The message is not there.
    #[error(
        "{mailbox} has no message {message} in {folder}; `gatepost messages {mailbox} --folder \"{folder}\"` lists what is there"
    )]
    NoMessage {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
        /// What was asked for.
        message: String,
    },
    /// A file stands where a new key or certificate would go.
    #[error(
        "{file} is there already, and a key or certificate is never overwritten; for a renewal \
         add --out FILE, upload the new certificate of registration {registration}, and change \
         the configuration when that is done; if nothing uses the old one, move it away first"
    )]
    CertificateExists {
        /// The file.
        file: String,
        /// The registration.
        registration: String,
    },
    /// A token took longer than it was given.
    #[error(
        "no token for {mailbox} came within {limit}: the sign-in server, or a running gatepost \
         serve, is slow; try again, or give it more time with --timeout"
    )]
    NotInTime {
        /// The mailbox.
        mailbox: String,
        /// The time it was given.
        limit: String,
    },
    /// The delivery is not there.
    #[error("there is no delivery {id}; `gatepost deliveries list` shows those there are")]
    NoDelivery {
        /// What was asked for.
        id: i64,
    },
    /// There is nothing to be done with these deliveries.
    #[error(
        "nothing to do: {} unknown, or done or discarded already; `gatepost deliveries list` shows those there are",
        all_of(ids)
    )]
    NothingOpen {
        /// What was asked for.
        ids: Vec<i64>,
    },
    /// No `serve` is running.
    #[error(
        "no gatepost serve is running on the state folder {state}; start one with gatepost serve"
    )]
    NotServing {
        /// The state folder.
        state: String,
    },
    /// The terminal or a file does not take what is written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// What was written.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl UsageError {
    /// `fault`, where it is about something that the command line names: then the configuration
    /// need not be corrected, but what was asked for.
    pub fn named(fault: impl Fault) -> Self {
        Self::Named(Box::new(fault))
    }

    /// The same, where a registration may be named instead.
    #[must_use]
    pub fn or_by_an_app(self) -> Self {
        match self {
            Self::UnknownMailbox {
                mailbox,
                file,
                advice,
            } => Self::UnknownMailbox {
                mailbox,
                file,
                advice: format!(
                    "{advice} (To open one that it does not name, add --as-app REGISTRATION.)"
                ),
            },
            other => other,
        }
    }

    /// The failure that `error` is for a verb whose folder stands on the command line.
    pub fn of_mailbox(error: MailError) -> Failure {
        match error {
            missing @ (MailError::FolderMissing { .. }
            | MailError::OnlyInbox { .. }
            | MailError::NotInPop3 { .. }
            | MailError::NotInGraph { .. }
            | MailError::AsciiSearch { .. }) => Self::named(missing).into(),
            other => other.into(),
        }
    }

    /// Every code this error answers; those of what an argument names come on top.
    pub const CODES: &'static [&'static str] = &[
        "unknown_mailbox",
        "unknown_registration",
        "unknown_sink",
        "unknown_code",
        "argument_unusable",
        "no_sign_in_needed",
        "message_missing",
        "certificate_exists",
        "token_not_in_time",
        "delivery_missing",
        "serve_not_running",
        "output_unwritable",
    ];
}

impl Fault for UsageError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownMailbox { .. } => "unknown_mailbox",
            Self::UnknownRegistration { .. } => "unknown_registration",
            Self::UnknownSink { .. } => "unknown_sink",
            Self::UnknownCode { .. } => "unknown_code",
            Self::Argument { .. } => "argument_unusable",
            Self::Named(fault) => fault.code(),
            Self::NoSignIn { .. } => "no_sign_in_needed",
            Self::NoMessage { .. } => "message_missing",
            Self::CertificateExists { .. } => "certificate_exists",
            Self::NotInTime { .. } => "token_not_in_time",
            Self::NoDelivery { .. } | Self::NothingOpen { .. } => "delivery_missing",
            Self::NotServing { .. } => "serve_not_running",
            Self::Write { .. } => "output_unwritable",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Named(fault) => fault.owner(),
            _ => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Named(fault) => match (fault.owner(), fault.next()) {
                (Owner::Operator, Next::Reconfigure) => Next::Discard,
                (_, next) => next,
            },
            Self::Write { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Next::Retry(After::Backoff)
            }
            Self::NotInTime { .. } => Next::Retry(After::Backoff),
            Self::NotServing { .. } => Next::Reconfigure,
            _ => Next::Discard,
        }
    }
}

fn all_of(ids: &[i64]) -> String {
    match ids {
        [id] => format!("delivery {id} is"),
        ids => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            format!("deliveries {} are", ids.join(", "))
        }
    }
}
