//! Mailboxes: whose token opens them.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_oauth::PasswordFrom;

use super::Check;
use crate::config::checked::{
    GrantSettings, MailboxSettings, ProofSource, ReadBy, RegistrationSettings, SendBy,
};
use crate::config::raw::{
    Placed, RawAlso, RawAskFor, RawConfig, RawGrant, RawMailbox, RawRead, RawSend,
};

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
                Some(RawRead::Pop3) => ReadBy::Pop3,
                Some(RawRead::Graph) => ReadBy::Graph,
                Some(RawRead::Auto) => ReadBy::Auto,
            },
            send: mailbox.send.map(|send| match send {
                RawSend::Smtp => SendBy::Smtp,
                RawSend::Graph => SendBy::Graph,
                RawSend::Auto => SendBy::Auto,
            }),
            also: also(&address, mailbox, check),
            ask_for: ask_for(mailbox, check),
        };
        if mailboxes.insert(address, settings).is_some() {
            let sentence = format!("the mailbox `{}` is defined twice", name.as_str());
            check.report(name, "config_contradiction", sentence);
        }
    }
    mailboxes
}

/// What else is done. Permissions for what somebody else has besides mail are asked for by hand.
fn also(address: &str, mailbox: &RawMailbox, check: &mut Check<'_>) -> BTreeSet<RawAlso> {
    let Some(also) = &mailbox.also else {
        return BTreeSet::new();
    };
    let person = mailbox.sign_in_as.as_ref();
    let is_shared = person.is_some_and(|person| person.to_lowercase() != address);
    if is_shared && also.iter().any(|also| *also != RawAlso::Changes) {
        let sentence = "`also` is for the mailbox of the person who signs in, or for an app: grant \
             Calendars.Read.Shared or Contacts.Read.Shared by hand";
        check.report(also, "config_contradiction", sentence);
    }
    let is_by_graph = matches!(
        mailbox.read.as_deref(),
        Some(RawRead::Graph | RawRead::Auto)
    ) || matches!(mailbox.send, Some(RawSend::Graph | RawSend::Auto));
    if also.contains(&RawAlso::Changes) && !is_by_graph {
        let sentence = "`changes` has no use where neither `read` nor `send` is `graph` or `auto`: IMAP \
             changes messages with the permission it has";
        check.report(also, "config_contradiction", sentence);
    }
    also.iter().copied().collect()
}

/// What a person is asked for; an app is asked nothing.
fn ask_for(mailbox: &RawMailbox, check: &mut Check<'_>) -> Option<BTreeSet<RawAskFor>> {
    let ask_for = mailbox.ask_for.as_ref()?;
    if *mailbox.grant == RawGrant::ClientCredentials {
        let sentence = "`ask_for` is for the grants where a person signs in: an app holds what an \
             administrator permitted";
        check.report(ask_for, "config_contradiction", sentence);
    }
    Some(ask_for.iter().copied().collect())
}

fn grant(
    address: &str,
    mailbox: &RawMailbox,
    registration: Option<&RegistrationSettings>,
    check: &mut Check<'_>,
) -> GrantSettings {
    let name = mailbox.registration.as_str();
    if *mailbox.grant != RawGrant::Password {
        let alone = [
            ("password", mailbox.password.as_ref().map(Placed::span)),
            (
                "keep_password",
                mailbox.keep_password.as_ref().map(Placed::span),
            ),
        ];
        for (key, span) in alone {
            let Some(span) = span else { continue };
            let sentence = format!("`{key}` has no use without `grant = \"password\"`");
            check.report_at(span, "config_contradiction", sentence);
        }
    }
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
        RawGrant::AuthorizationCode => {
            speaks_for_people(name, registration, &mailbox.grant, check);
            GrantSettings::AuthorizationCode {
                person: person(address, mailbox, check),
            }
        }
        RawGrant::DeviceCode => {
            speaks_for_people(name, registration, &mailbox.grant, check);
            GrantSettings::DeviceCode {
                person: person(address, mailbox, check),
            }
        }
        RawGrant::Password => {
            speaks_for_people(name, registration, &mailbox.grant, check);
            if let Some(registration) = registration {
                takes_passwords(name, registration, &mailbox.grant, check);
            }
            GrantSettings::Password {
                person: person(address, mailbox, check),
                password: password(mailbox, check),
            }
        }
    }
}

fn person(address: &str, mailbox: &RawMailbox, check: &mut Check<'_>) -> String {
    let person = mailbox.sign_in_as.as_ref();
    let person = person.and_then(|person| check.address(person));
    person.unwrap_or_else(|| address.to_owned())
}

/// The identity of a machine is nobody's but the machine's.
fn speaks_for_people(
    name: &str,
    registration: Option<&RegistrationSettings>,
    at: &Placed<RawGrant>,
    check: &mut Check<'_>,
) {
    if registration.is_some_and(|found| matches!(found.proof, ProofSource::Machine(_))) {
        let sentence = format!(
            "nobody signs in with the identity of a machine, which registration `{name}` has: use \
             client_credentials, or another registration"
        );
        check.report(at, "config_contradiction", sentence);
    }
}

fn password(mailbox: &RawMailbox, check: &mut Check<'_>) -> PasswordFrom {
    let keep = mailbox.keep_password.as_ref().filter(|keep| ***keep);
    match (&mailbox.password, keep) {
        (Some(source), None) => PasswordFrom::Source(check.secret(source)),
        (None, Some(_)) => PasswordFrom::SignIn,
        (None, None) => PasswordFrom::Nowhere,
        (Some(_), Some(keep)) => {
            let sentence = "`keep_password` has no use beside `password`: it is found there each \
                 time";
            check.report(keep, "config_contradiction", sentence);
            PasswordFrom::SignIn
        }
    }
}

fn takes_passwords(
    name: &str,
    registration: &RegistrationSettings,
    at: &Placed<RawGrant>,
    check: &mut Check<'_>,
) {
    if !registration.tenant.takes_passwords() {
        let sentence = format!(
            "Microsoft takes passwords at one tenant or at organizations only: registration \
             `{name}` names `{}`, where personal accounts may be meant",
            registration.tenant
        );
        check.report(at, "config_contradiction", sentence);
    }
}

fn can_act_alone(
    name: &str,
    registration: &RegistrationSettings,
    at: &Placed<RawGrant>,
    check: &mut Check<'_>,
) {
    if registration.proof == ProofSource::Public {
        let sentence = format!(
            "client_credentials needs a proof: give registration `{name}` a `secret`, a \
             `certificate`, an `assertion`, a `federated_identity` or a `managed_identity`"
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
