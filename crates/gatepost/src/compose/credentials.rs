//! Credentials: a registration, a grant and, where a person signs in, the person.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatepost_oauth::{
    Cloud, Credential, CredentialId, Grant, PasswordFrom, Permissions, Registration, Tenant,
};

use crate::config::{Config, GrantSettings, MailboxSettings};
use crate::setup::{Permission, Resource, asked_of_person};

/// The name of the credential in the store. It holds what a token depends on and not what the
/// configuration calls it: a renamed registration stays signed in, another app does not.
pub fn id(config: &Config, mailbox: &MailboxSettings) -> CredentialId {
    let registration = config.registration(&mailbox.registration);
    id_at(config, mailbox, &registration.tenant)
}

/// The names that the same had while the tenant was not known, unless another mailbox goes by them
/// still.
pub fn formerly(config: &Config, mailbox: &MailboxSettings) -> Vec<CredentialId> {
    let registration = config.registration(&mailbox.registration);
    if mailbox.grant.person().is_none() || registration.tenant.is_shared() {
        return Vec::new();
    }
    let used: BTreeSet<_> = config
        .mailboxes
        .values()
        .map(|mailbox| id(config, mailbox))
        .collect();
    let shared = Tenant::SHARED
        .iter()
        .filter_map(|name| Tenant::parse(name).ok());
    shared
        .map(|tenant| id_at(config, mailbox, &tenant))
        .filter(|id| !used.contains(id))
        .collect()
}

fn id_at(config: &Config, mailbox: &MailboxSettings, tenant: &Tenant) -> CredentialId {
    let registration = config.registration(&mailbox.registration);
    let app = app(&registration.cloud, tenant, &registration.client_id);
    let grant = mailbox.grant.name();
    CredentialId::new(match mailbox.grant.person() {
        None => format!("{app}/{grant}"),
        Some(person) => format!("{app}/{grant}/{person}"),
    })
}

/// What all credentials of one app have in common.
pub(super) fn app(cloud: &Cloud, tenant: &Tenant, client_id: &str) -> String {
    format!("{}/{tenant}/{client_id}", cloud.login.authority())
}

/// What a person is asked to permit: what the mailboxes that the credential `id` opens are read
/// and send by, and no more.
pub(super) fn permissions(config: &Config, id: &CredentialId) -> Permissions {
    let opened = config
        .mailboxes
        .values()
        .filter(|mailbox| self::id(config, mailbox) == *id);
    let asked = opened.flat_map(|mailbox| asked_of_person(config, mailbox));
    let asked: BTreeSet<Permission> = asked.collect();
    let of = |resource: Resource| {
        let asked = asked.iter().filter(|one| one.resource == resource);
        let names: Vec<String> = asked.map(|one| one.name.to_owned()).collect();
        names
    };
    let usual = Permissions::default();
    let graph = of(Resource::Graph);
    Permissions {
        exchange: of(Resource::Exchange),
        // Other programs may want a token for Graph though Gatepost does not.
        graph: if graph.is_empty() { usual.graph } else { graph },
    }
}

/// The credential `id`, with which `mailbox` is opened.
pub(super) fn credential(
    id: CredentialId,
    registration: Arc<Registration>,
    mailbox: &MailboxSettings,
) -> Credential {
    Credential {
        id,
        registration,
        grant: Grant::named(mailbox.grant.name()).expect("the list of grants has all of ours"),
        person: mailbox.grant.person().map(str::to_owned),
        password: match &mailbox.grant {
            GrantSettings::Password { password, .. } => password.clone(),
            _ => PasswordFrom::Nowhere,
        },
    }
}
