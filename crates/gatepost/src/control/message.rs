//! What is asked and answered on the control socket.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_gateway::admission::LockedOut;
use gatepost_mailroom::{CredentialStatus, MailboxStatus, SinkStatus};
use gatepost_oauth::{AccessToken, Audience};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::daemon::Reloaded;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// A token that opens a mailbox.
    Token {
        /// The address.
        mailbox: String,
        /// Whether it is for Microsoft Graph; otherwise it is for IMAP, POP3 and SMTP.
        graph: bool,
    },
    /// How every watch and sink is.
    Health,
    /// How every credential is.
    Credentials,
    /// That couriers look at once for what is due, and ask sinks that were switched off.
    Deliver,
    /// That whoever sends looks at once for what is due.
    Send {
        /// Whether a mailbox that waits is tried all the same.
        urgent: bool,
    },
    /// That it is looked at once which app passwords there are.
    Passwords {
        /// The id of one that was revoked, and whose sessions are to be counted.
        revoked: Option<String>,
    },
    /// Who is locked out at the doors.
    Lockouts {
        /// Whose wrong logins are counted anew before: an address or a login name.
        lift: Option<String>,
    },
    /// That the configuration is read again.
    Reload,
}

impl Question {
    /// How long the running `serve` works on the answer; then it says that it takes too long.
    pub fn limit(&self) -> Duration {
        match self {
            // Programs that give secrets may run for half a minute each.
            Self::Reload => Duration::from_mins(5),
            // A token that must be fetched takes as long as the sign-in server does, at most 30
            // seconds.
            Self::Token { .. }
            | Self::Health
            | Self::Credentials
            | Self::Deliver
            | Self::Passwords { .. }
            | Self::Lockouts { .. }
            | Self::Send { .. } => Duration::from_secs(40),
        }
    }

    /// How long the answer is waited for, if no option says it: so long that what `serve` says
    /// of its own limit still arrives.
    pub fn patience(&self) -> Duration {
        self.limit() + ON_THE_WAY
    }

    /// The audience a token is asked for.
    pub fn audience(graph: bool) -> Audience {
        if graph {
            Audience::Graph
        } else {
            Audience::Exchange
        }
    }
}

/// What is answered.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The token.
    Token(WireToken),
    /// How every watch and sink is.
    Health {
        /// The watches, ordered by mailbox and folder.
        watches: Vec<MailboxStatus>,
        /// The sinks, ordered by name.
        sinks: Vec<SinkStatus>,
    },
    /// How every credential is, ordered by name.
    Credentials {
        /// The credentials.
        credentials: Vec<CredentialStatus>,
    },
    /// Who is locked out.
    Lockouts {
        /// Those that were lifted.
        lifted: Vec<Lockout>,
        /// Those that hold, who is so for longest first.
        holding: Vec<Lockout>,
        /// How many more there are.
        more: usize,
    },
    /// The app passwords were looked at, and with the one that was revoked so many sessions ended.
    Revoked {
        /// How many.
        sessions: usize,
    },
    /// The configuration was read again.
    Reloaded(Reloaded),
    /// It was done.
    Done,
    /// It could not be done.
    Fault(RelayedFault),
}

/// Somebody of whom no password is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// From where; `None` is everywhere. Clients of whom no proxy knows where they are have the
    /// unspecified address.
    pub address: Option<IpAddr>,
    /// The login name; `None` is each.
    pub login: Option<String>,
    /// How often it was wrong.
    pub wrong: u32,
    /// When it may try again.
    pub until: Timestamp,
}

impl From<LockedOut> for Lockout {
    fn from(one: LockedOut) -> Self {
        Self {
            address: one.address,
            login: one.login,
            wrong: one.wrong,
            until: one.until,
        }
    }
}

/// A token on its way through the socket. It cannot be printed.
#[derive(Serialize, Deserialize)]
pub struct WireToken {
    token: String,
    expires_at: Timestamp,
    scope: Option<String>,
}

impl WireToken {
    /// Takes a token into the socket.
    pub fn of(token: &AccessToken) -> Self {
        Self {
            token: token.expose().to_owned(),
            expires_at: token.expires_at,
            scope: token.scope.clone(),
        }
    }

    /// Takes it out again.
    pub fn into_token(self, audience: Audience) -> AccessToken {
        let mut token = AccessToken::new(SecretString::from(self.token), audience, self.expires_at);
        token.scope = self.scope;
        token
    }
}

/// A fault that happened in the running `serve`, as if it had happened here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RelayedFault {
    code: String,
    sentence: String,
    owner: WireOwner,
    next: WireNext,
}

impl RelayedFault {
    /// The code it answers where the running `serve` says one that is unknown here.
    pub const CODES: &'static [&'static str] = &["serve_of_other_version"];

    /// Takes a fault into the socket.
    pub fn of(fault: &dyn Fault) -> Self {
        Self {
            code: fault.code().to_owned(),
            sentence: fault.to_string(),
            owner: match fault.owner() {
                Owner::Person => WireOwner::Person,
                Owner::Operator => WireOwner::Operator,
                Owner::TenantAdmin => WireOwner::TenantAdmin,
                Owner::Remote => WireOwner::Remote,
                Owner::Gatepost => WireOwner::Gatepost,
            },
            next: match fault.next() {
                Next::Retry(After::Backoff) => WireNext::Retry,
                Next::Retry(After::AtLeast(time)) => WireNext::RetryAfter(time),
                Next::SignIn => WireNext::SignIn,
                Next::Reconfigure => WireNext::Reconfigure,
                Next::Discard => WireNext::Discard,
            },
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireOwner {
    Person,
    Operator,
    TenantAdmin,
    Remote,
    Gatepost,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireNext {
    Retry,
    RetryAfter(Duration),
    SignIn,
    Reconfigure,
    Discard,
}

impl fmt::Display for RelayedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for RelayedFault {}

impl Fault for RelayedFault {
    fn code(&self) -> &'static str {
        codes::known(&self.code).unwrap_or("serve_of_other_version")
    }

    fn owner(&self) -> Owner {
        match self.owner {
            WireOwner::Person => Owner::Person,
            WireOwner::Operator => Owner::Operator,
            WireOwner::TenantAdmin => Owner::TenantAdmin,
            WireOwner::Remote => Owner::Remote,
            WireOwner::Gatepost => Owner::Gatepost,
        }
    }

    fn next(&self) -> Next {
        match self.next {
            WireNext::Retry => Next::Retry(After::Backoff),
            WireNext::RetryAfter(time) => Next::Retry(After::AtLeast(time)),
            WireNext::SignIn => Next::SignIn,
            WireNext::Reconfigure => Next::Reconfigure,
            WireNext::Discard => Next::Discard,
        }
    }
}

/// What a question and its answer take on their way.
const ON_THE_WAY: Duration = Duration::from_secs(5);
