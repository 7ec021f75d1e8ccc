//! Who stands behind an access token.

use std::collections::BTreeSet;

/// Who was admitted with an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// An app on its own.
    App {
        /// Its client id.
        client_id: String,
        /// The application permissions in the token (`roles`).
        roles: BTreeSet<String>,
    },
    /// A person, through an app.
    Person {
        /// The client id of the app.
        client_id: String,
        /// The address of the person.
        upn: String,
        /// The delegated permissions in the token (`scp`).
        scopes: BTreeSet<String>,
    },
}

impl Principal {
    /// The app that asked for the token.
    pub fn client_id(&self) -> &str {
        match self {
            Self::App { client_id, .. } | Self::Person { client_id, .. } => client_id,
        }
    }
}

/// The mail protocol that a token shall open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailProtocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// SMTP submission.
    Smtp,
}

impl MailProtocol {
    /// Whether what is in a token opens it.
    pub fn permits(self, principal: &Principal) -> bool {
        match principal {
            Principal::App { roles, .. } => roles.contains(self.role()),
            Principal::Person { scopes, .. } => scopes.contains(self.scope()),
        }
    }

    /// The permission an app needs (`roles`).
    pub fn role(self) -> &'static str {
        match self {
            Self::Imap => "IMAP.AccessAsApp",
            Self::Pop3 => "POP.AccessAsApp",
            Self::Smtp => "SMTP.SendAsApp",
        }
    }

    /// The permission a person must have granted to the app (`scp`).
    pub fn scope(self) -> &'static str {
        match self {
            Self::Imap => "IMAP.AccessAsUser.All",
            Self::Pop3 => "POP.AccessAsUser.All",
            Self::Smtp => "SMTP.Send",
        }
    }
}

/// Why an access token opens nothing. The protocols answer all of them alike; the reason is for
/// the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It is no JWT, or not one of ours.
    #[error("it was not signed by this tenant")]
    Foreign,
    /// It is for another resource.
    #[error("its audience is another API")]
    Audience,
    /// Its time is over, or has not come.
    #[error("it is outside its time")]
    Expired,
    /// It was declared void.
    #[error("it was revoked")]
    Revoked,
    /// A policy wants it to carry more.
    #[error("it lacks the claims that a policy wants (insufficient_claims)")]
    Claims,
    /// The permission for the protocol is missing.
    #[error("it lacks the permission for this protocol")]
    Permission,
}
