//! What a file of ours must not hold goes into the store: sign-ins, and what waits for its
//! password.

use gatepost_gateway::admission::{Legacies as _, Legacy, Maker, Wanted};
use gatepost_oauth::{Brought, CredentialId, GrantState, GrantStoreError, Grants as _};
use gatepost_store::Store;
use secrecy::SecretString;

use super::plan::{Keepsake, MailboxPlan, Plan};
use crate::compose;
use crate::config::{Config, GrantSettings, MailboxSettings};
use crate::failure::Failure;

/// What became of one mailbox in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// There was nothing to carry.
    Nothing,
    /// Its password is an app password.
    Password,
    /// The same, and its sign-in goes on.
    SignIn,
    /// The same, and it was signed in here before, which is newer.
    SignedInAlready,
    /// It waits for its password.
    Waits,
}

impl Carried {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Password => "password",
            Self::SignIn => "sign_in",
            Self::SignedInAlready => "signed_in_already",
            Self::Waits => "waits",
        }
    }
}

/// Stores what the plan carries over, for the mailboxes of `config`, which it has become.
pub async fn carry(
    plan: &Plan,
    config: &Config,
    (store, maker): (&Store, &Maker<'_>),
) -> Result<Vec<(String, Carried)>, Failure> {
    let mut carried = Vec::new();
    for mailbox in &plan.mailboxes {
        let outcome = one(mailbox, config, (store, maker)).await?;
        carried.push((mailbox.address.clone(), outcome));
    }
    Ok(carried)
}

async fn one(
    mailbox: &MailboxPlan,
    config: &Config,
    (store, maker): (&Store, &Maker<'_>),
) -> Result<Carried, Failure> {
    let (password, refresh_token) = match &mailbox.keepsake {
        Keepsake::Nothing => return Ok(Carried::Nothing),
        Keepsake::Sealed(state) => {
            let legacy = Legacy {
                mailbox: mailbox.address.clone(),
                form: FORM.to_owned(),
                sealed: state.write(),
            };
            store.keep(&legacy).await?;
            return Ok(Carried::Waits);
        }
        Keepsake::Password {
            password,
            refresh_token,
        } => (password, refresh_token.as_ref()),
    };
    let wanted = Wanted::of(&mailbox.address);
    maker.take_over(wanted, password).await?;
    // It may have been taken over before, and sealed again since.
    store.forget(&mailbox.address).await?;
    let settings = config.mailboxes.get(&mailbox.address);
    let signed_in =
        settings.and_then(|settings| sign_in(config, settings, (refresh_token, password)));
    let Some((id, state)) = signed_in else {
        return Ok(Carried::Password);
    };
    match store.replace(&id, None, &state).await {
        Ok(_) => Ok(Carried::SignIn),
        Err(GrantStoreError::Stale { .. }) => Ok(Carried::SignedInAlready),
        Err(error) => Err(error.into()),
    }
}

/// The state of the credential that opens `mailbox`, made of a refresh token and of the password
/// that clients show, where that is the person's own. `None` where a sign-in is of no use.
pub(super) fn sign_in(
    config: &Config,
    mailbox: &MailboxSettings,
    (refresh_token, password): (Option<&SecretString>, &SecretString),
) -> Option<(CredentialId, GrantState)> {
    let brought = match &mailbox.grant {
        GrantSettings::ClientCredentials => return None,
        GrantSettings::Password { .. } => Brought {
            refresh_token: refresh_token.cloned(),
            password: Some(password.clone()),
        },
        GrantSettings::AuthorizationCode { .. } | GrantSettings::DeviceCode { .. } => Brought {
            refresh_token: Some(refresh_token?.clone()),
            password: None,
        },
    };
    let id = compose::credential_id(config, mailbox);
    Some((id, brought.into_state(mailbox.grant.name())))
}

/// What [`Legacy::form`] says of ours.
pub(super) const FORM: &str = "emailproxy/1";
