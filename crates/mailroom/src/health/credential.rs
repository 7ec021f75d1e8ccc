//! The state of credentials, as people see it.

use jiff::Timestamp;

use super::LastError;

/// How one credential is: what opens mailboxes, whether it works, and when it ends.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CredentialStatus {
    /// The name it has in the store.
    pub credential: String,
    /// What the configuration calls the app.
    pub registration: String,
    /// How its tokens are obtained.
    pub grant: String,
    /// Who signed in, or shall.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<String>,
    /// Whether it gives tokens.
    pub state: CredentialHealth,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_error: Option<LastError>,
    /// When the issuer last gave a token for it.
    pub renewed_at: Option<Timestamp>,
    /// What of it ends at a known time, the soonest first.
    pub expires: Vec<Expiry>,
    /// The mailboxes that it opens.
    pub mailboxes: Vec<String>,
}

/// Whether a credential gives tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialHealth {
    /// Nobody has asked yet.
    Unasked,
    /// A person must sign in first.
    SignedOut,
    /// It does.
    Working,
    /// Not now: the network or the sign-in server is in the way, and it is tried again.
    Waiting,
    /// The issuer said no, and says so until somebody acts.
    Refused,
}

impl CredentialHealth {
    /// The state in words, as `gatepost credentials` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "not asked yet",
            Self::SignedOut => "sign-in needed",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

/// A part of a credential that ends at a known time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Expiry {
    /// When it ends.
    pub at: Timestamp,
    /// Which part.
    pub part: ExpiringPart,
    /// What names the part: credentials with the same have it in common.
    pub of: String,
}

/// What of a credential can end.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ExpiringPart {
    /// The app's client secret.
    ClientSecret,
    /// The app's certificate.
    Certificate,
    /// The sign-in of a person, if it is not used meanwhile.
    SignIn,
}

impl ExpiringPart {
    /// The part in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client secret",
            Self::Certificate => "certificate",
            Self::SignIn => "sign-in",
        }
    }

    /// What is to be done before it ends.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::ClientSecret => {
                "make a new one in the Entra admin center (App registrations, Certificates & \
                 secrets), put it in place, set secret_expires, and run gatepost reload"
            }
            Self::Certificate => {
                "make a new one, upload its public part to the app registration, put it in place, \
                 and run gatepost reload"
            }
            Self::SignIn => {
                "it could not be renewed for long; see gatepost credentials, and sign in again with \
                 gatepost login if it does not recover"
            }
        }
    }
}
