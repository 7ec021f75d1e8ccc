//! What goes wrong with app passwords besides a login.

use gatepost_fault::{Fault, Next, Owner};

use super::PasswordId;

/// Why app passwords could not be stored or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PasswordError {
    /// The name is given to another one.
    #[error(
        "there is an app password called {name} already, for {mailbox}; choose another --name, or \
         revoke that one first: gatepost password revoke {id}"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The one that has it.
        id: PasswordId,
        /// The mailbox that it opens.
        mailbox: String,
    },
    /// The login name leads to another mailbox already.
    #[error(
        "the login name {login} of the app password {id} opens {mailbox} already; choose another \
         --login, or revoke that one first: gatepost password revoke {id}"
    )]
    LoginTaken {
        /// The login name.
        login: String,
        /// The one that brought it.
        id: PasswordId,
        /// The mailbox that it opens.
        mailbox: String,
    },
    /// No app password is called this.
    #[error("there is no app password {name}; `gatepost password list` shows those that there are")]
    Missing {
        /// The name or id that was asked for.
        name: String,
    },
    /// There are as many as there may be.
    #[error(
        "{mailbox} has {most} app passwords, which is as many as it may have; revoke those that \
         are not used any more: `gatepost password list` shows when each was used last"
    )]
    TooMany {
        /// The mailbox.
        mailbox: String,
        /// How many there may be.
        most: usize,
    },
    /// The chosen password is too short, too long, or cannot be typed.
    #[error("the password for {mailbox} cannot be used: {reason}")]
    Unusable {
        /// The mailbox.
        mailbox: String,
        /// What is wrong with it, and what is asked for.
        reason: String,
    },
    /// The database is busy, full, broken or from a newer version; the text is a whole sentence.
    #[error("{message}")]
    Storage {
        /// The stable code of the store's own fault.
        code: &'static str,
        /// The store's own sentence.
        message: String,
        /// Whose move the store says it is.
        owner: Owner,
        /// What the store says is next.
        next: Next,
    },
}

impl PasswordError {
    /// Every code this error answers by itself; those of the store come on top.
    pub const CODES: &'static [&'static str] = &[
        "app_password_name_taken",
        "app_password_login_taken",
        "app_password_missing",
        "app_password_too_many",
        "app_password_unusable",
    ];
}

impl Fault for PasswordError {
    fn code(&self) -> &'static str {
        match self {
            Self::NameTaken { .. } => "app_password_name_taken",
            Self::LoginTaken { .. } => "app_password_login_taken",
            Self::Missing { .. } => "app_password_missing",
            Self::TooMany { .. } => "app_password_too_many",
            Self::Unusable { .. } => "app_password_unusable",
            Self::Storage { code, .. } => code,
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Storage { owner, .. } => *owner,
            _ => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Storage { next, .. } => *next,
            Self::TooMany { .. } => Next::Reconfigure,
            _ => Next::Discard,
        }
    }
}
