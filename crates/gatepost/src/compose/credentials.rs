//! Credentials: a registration, a grant and, where a person signs in, the person.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatepost_oauth::{Credential, CredentialId, Grant, Permissions, Registration};

use crate::config::{Config, GrantSettings, MailboxSettings, ReadBy, SendBy};

/// The name of the credential in the store. It holds what a token depends on and not what the
/// configuration calls it: a renamed registration stays signed in, another app does not.
pub fn id(config: &Config, mailbox: &MailboxSettings) -> CredentialId {
    let registration = config.registration(&mailbox.registration);
    let app = format!(
        "{}/{}/{}",
        registration.cloud.login.authority(),
        registration.tenant,
        registration.client_id
    );
    CredentialId::new(match &mailbox.grant {
        GrantSettings::ClientCredentials => format!("{app}/client_credentials"),
        GrantSettings::AuthorizationCode { person } => format!("{app}/authorization_code/{person}"),
    })
}

/// What a person is asked to permit: what the mailboxes that the credential `id` opens are read
/// and send by, and no more.
pub(super) fn permissions(config: &Config, id: &CredentialId) -> Permissions {
    let opened = config
        .mailboxes
        .values()
        .filter(|mailbox| self::id(config, mailbox) == *id);
    let mut exchange = BTreeSet::new();
    for mailbox in opened {
        exchange.insert(match mailbox.read {
            ReadBy::Imap => "IMAP.AccessAsUser.All",
        });
        exchange.extend(mailbox.send.map(|SendBy::Smtp| "SMTP.Send"));
    }
    Permissions {
        exchange: exchange.into_iter().map(str::to_owned).collect(),
        ..Permissions::default()
    }
}

/// The credential `id`, with which `mailbox` is opened.
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
