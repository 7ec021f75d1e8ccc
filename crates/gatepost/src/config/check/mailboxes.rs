//! Mailboxes: whose token opens them.

use std::collections::BTreeMap;

use super::Check;
use crate::config::checked::{
    GrantSettings, MailboxSettings, ProofSource, ReadBy, RegistrationSettings, SendBy,
};
use crate::config::raw::{Placed, RawConfig, RawGrant, RawMailbox, RawRead, RawSend};

pub(super) fn check(
    raw: &RawConfig,
    registrations: &BTreeMap<String, RegistrationSettings>,
    check: &mut Check<'_>,
) -> BTreeMap<String, MailboxSettings> {
    let mut mailboxes = BTreeMap::new();
    for (name, mailbox) in &raw.mailbox {
        let known = raw
            .registration
            .keys()
            .any(|name| **name == *mailbox.registration);
        if !known {
            let names: Vec<_> = raw.registration.keys().map(|name| name.as_str()).collect();
            check.unknown(&mailbox.registration, "registration", names);
        }
        let Some(address) = check.address(name) else {
            continue;
        };
        let registration = registrations.get(mailbox.registration.as_str());
        let grant = grant(&address, mailbox, registration, check);
        let settings = MailboxSettings {
            address: address.clone(),
            registration: mailbox.registration.to_string(),
            grant,
            read: match mailbox.read.as_deref() {
                None | Some(RawRead::Imap) => ReadBy::Imap,
            },
            send: mailbox.send.map(|RawSend::Smtp| SendBy::Smtp),
        };
        if mailboxes.insert(address, settings).is_some() {
            let sentence = format!("the mailbox `{}` is defined twice", name.as_str());
            check.report(name, "config_contradiction", sentence);
        }
    }
    mailboxes
}

fn grant(
    address: &str,
    mailbox: &RawMailbox,
    registration: Option<&RegistrationSettings>,
    check: &mut Check<'_>,
) -> GrantSettings {
    let name = mailbox.registration.as_str();
    match *mailbox.grant {
        RawGrant::ClientCredentials => {
            if let Some(person) = &mailbox.sign_in_as {
                let sentence = "`sign_in_as` has no use with client_credentials: nobody signs in; \
                     the app must be permitted to open this mailbox";
                check.report(person, "config_contradiction", sentence);
            }
            if let Some(registration) = registration {
                can_act_alone(name, registration, &mailbox.grant, check);
            }
            GrantSettings::ClientCredentials
        }
        RawGrant::AuthorizationCode => GrantSettings::AuthorizationCode {
            person: person(address, mailbox, check),
        },
        RawGrant::DeviceCode => GrantSettings::DeviceCode {
            person: person(address, mailbox, check),
        },
    }
}

fn person(address: &str, mailbox: &RawMailbox, check: &mut Check<'_>) -> String {
    let person = mailbox.sign_in_as.as_ref();
    let person = person.and_then(|person| check.address(person));
    person.unwrap_or_else(|| address.to_owned())
}

fn can_act_alone(
    name: &str,
    registration: &RegistrationSettings,
    at: &Placed<RawGrant>,
    check: &mut Check<'_>,
) {
    if registration.proof == ProofSource::Public {
        let sentence = format!(
            "client_credentials needs a proof: give registration `{name}` a `secret` or a \
             `certificate`"
        );
        check.report(at, "config_contradiction", sentence);
    }
    if registration.tenant.is_shared() {
        let sentence = format!(
            "client_credentials needs one tenant: registration `{name}` names `{}`, which stands \
             for many",
            registration.tenant
        );
        check.report(at, "config_contradiction", sentence);
    }
}
