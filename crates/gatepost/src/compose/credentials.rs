//! Credentials: a registration, a grant and, where a person signs in, the person.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatepost_oauth::{
    Cloud, Credential, CredentialId, Grant, PasswordFrom, Permissions, Registration, Tenant,
};

use crate::config::{Config, GrantSettings, MailboxSettings, RegistrationSettings};
use crate::setup::{Permission, Resource, asked_of_person};

/// The name of the credential in the store. It holds what a token depends on and not what the
/// configuration calls it: a renamed registration stays signed in, another app does not.
pub fn id(config: &Config, mailbox: &MailboxSettings) -> CredentialId {
    let registration = config.registration(&mailbox.registration);
    let own = name(registration, &registration.tenant, mailbox);
    CredentialId::new(if has_twin(config, registration) {
        apart(&own)
    } else {
        own
    })
}

/// The names that the same had while the tenant was not known, or while the app had no twin or
/// another, unless another mailbox goes by them still.
pub fn formerly(config: &Config, mailbox: &MailboxSettings) -> Vec<CredentialId> {
    let registration = config.registration(&mailbox.registration);
    if mailbox.grant.person().is_none() {
        return Vec::new();
    }
    let used: BTreeSet<_> = config
        .mailboxes
        .values()
        .map(|mailbox| id(config, mailbox))
        .collect();
    let mut names = Vec::new();
    if registration.is_public() {
        let own = name(registration, &registration.tenant, mailbox);
        names.extend([apart(&own), own]);
    }
    if !registration.tenant.is_shared() {
        let shared = Tenant::SHARED
            .iter()
            .filter_map(|name| Tenant::parse(name).ok());
        names.extend(shared.map(|tenant| name(registration, &tenant, mailbox)));
    }
    let names = names.into_iter().map(CredentialId::new);
    names.filter(|id| !used.contains(id)).collect()
}

/// The name of what opens `mailbox` by `registration`, if its app has no other.
fn name(registration: &RegistrationSettings, tenant: &Tenant, mailbox: &MailboxSettings) -> String {
    let app = app(&registration.cloud, tenant, &registration.client_id);
    let grant = mailbox.grant.name();
    match mailbox.grant.person() {
        None => format!("{app}/{grant}"),
        Some(person) => format!("{app}/{grant}/{person}"),
    }
}

/// The same of an app that proves nothing while another registration of it does: what one of them
/// asked for is not renewed by the other.
fn apart(name: &str) -> String {
    format!("{name}/public")
}

/// Whether `registration` proves nothing and another one of the same app does.
fn has_twin(config: &Config, registration: &RegistrationSettings) -> bool {
    let of = |one: &RegistrationSettings| app(&one.cloud, &one.tenant, &one.client_id);
    let same = of(registration).to_lowercase();
    registration.is_public()
        && config
            .registrations
            .values()
            .any(|other| !other.is_public() && of(other).to_lowercase() == same)
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
