//! How a credential is, as its keeper knows it.

use jiff::Timestamp;

use super::upkeep::{Stored, is_signed_out};
use super::{Keeper, TokenKeeper};
use crate::{Attendance, TokenError};

/// How a credential is.
#[derive(Debug, Clone)]
pub struct CredentialStanding {
    /// Whether it gives tokens.
    pub state: CredentialState,
    /// When the issuer last gave a token for it, in this process or in one before.
    pub renewed_at: Option<Timestamp>,
}

/// Whether a credential gives tokens for the mailboxes it opens.
#[derive(Debug, Clone)]
pub enum CredentialState {
    /// Nobody has asked yet, in this process.
    Unasked,
    /// A person must sign in first.
    SignedOut,
    /// It does.
    Working,
    /// The last request failed.
    Failing {
        /// With what.
        error: Box<TokenError>,
        /// When.
        at: Timestamp,
    },
}

impl TokenKeeper {
    /// Looks what is stored of the credential, and asks the issuer nothing.
    pub async fn look_up(&self) -> Result<(), TokenError> {
        let mut vault = self.0.turn.lock().await;
        self.0.catch_up(&mut vault).await
    }

    /// How the credential is now.
    pub fn standing(&self) -> CredentialStanding {
        self.0.standing()
    }
}

impl Keeper {
    fn standing(&self) -> CredentialStanding {
        let slot = self.slots().get(self.home()).map(super::slot::Slot::latest);
        let (held, failure) = slot.unwrap_or_default();
        let upkeep = self.upkeep();
        let renewed_at = match upkeep.stored() {
            Stored::State { renewed_at } => renewed_at,
            Stored::Unread | Stored::Nothing => None,
        };
        let attended = self.credential.grant.attendance == Attendance::Attended;
        let state = match (upkeep.failure(failure), upkeep.stored()) {
            (Some((error, _)), _) if is_signed_out(&error) => CredentialState::SignedOut,
            (Some((error, at)), _) => CredentialState::Failing {
                error: Box::new(error),
                at,
            },
            (None, Stored::Nothing) if attended => CredentialState::SignedOut,
            (None, _) if held || upkeep.is_proven() => CredentialState::Working,
            (None, _) => CredentialState::Unasked,
        };
        CredentialStanding { state, renewed_at }
    }
}
