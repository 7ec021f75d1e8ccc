//! Credentials: a registration, a grant and, where a person signs in, the person.

use std::sync::Arc;

use gatepost_oauth::{Credential, CredentialId, Grant, Registration};

use crate::config::{Config, GrantSettings, MailboxSettings};

/// The name of the credential in the store. It holds what a token depends on and not what the
/// configuration calls it: a renamed registration stays signed in, another app does not.
pub fn id(config: &Config, mailbox: &MailboxSettings) -> CredentialId {
    let registration = config.registration(&mailbox.registration);
    let app = format!(
        "{}/{}/{}",
        registration.cloud.login.host_str().unwrap_or_default(),
        registration.tenant,
        registration.client_id
    );
    CredentialId::new(match &mailbox.grant {
        GrantSettings::ClientCredentials => format!("{app}/client_credentials"),
        GrantSettings::AuthorizationCode { person } => format!("{app}/authorization_code/{person}"),
    })
}

/// The credential of that name.
pub(super) fn credential(
    id: CredentialId,
    registration: Arc<Registration>,
    mailbox: &MailboxSettings,
) -> Credential {
    let (name, person) = match &mailbox.grant {
        GrantSettings::ClientCredentials => ("client_credentials", None),
        GrantSettings::AuthorizationCode { person } => ("authorization_code", Some(person.clone())),
    };
    let grant = Grant::named(name).expect("both grants are in the list of grants");
    Credential {
        id,
        registration,
        grant,
        person,
    }
}
