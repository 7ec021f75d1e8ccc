//! Login names: each opens a mailbox that exists, or stands for a domain whose mailboxes an app
//! opens in its own name.

use std::collections::BTreeMap;

use super::Check;
use crate::config::checked::LoginSettings;
use crate::config::raw::{Placed, RawConfig, RawGrant, RawLogin};

/// Login names with what they open, and domains with the registration that opens them.
pub(super) type Named = (BTreeMap<String, LoginSettings>, BTreeMap<String, String>);

pub(super) fn check(raw: &RawConfig, check: &mut Check<'_>) -> Named {
    let (mut logins, mut domains) = Named::default();
    for (name, login) in &raw.login {
        let lower = name.to_lowercase();
        if logins.contains_key(&lower)
            || lower
                .strip_prefix("*@")
                .is_some_and(|domain| domains.contains_key(domain))
        {
            let sentence = format!(
                "the login `{}` is written twice; case makes no difference",
                **name
            );
            check.report(name, "config_contradiction", sentence);
        }
        let is_odd = match lower.strip_prefix("*@") {
            Some(domain) => {
                domain.contains('*') || crate::address::normal(&format!("any@{domain}")).is_err()
            }
            None => lower.contains('*'),
        };
        if is_odd {
            let sentence = format!(
                "`*` stands for all addresses of one domain and for nothing else: write \
                 \"*@contoso.com\", once for each domain, instead of `{}`",
                **name
            );
            check.report(name, "config_wrong_value", sentence);
            // What else is said of it would follow from that.
            continue;
        }
        if let Some(domain) = lower.strip_prefix("*@") {
            if let Some(registration) = of_domain(name, login, raw, check) {
                domains.insert(domain.to_owned(), registration);
            }
        } else if let Some(settings) = one(name, login, raw, check) {
            logins.insert(lower, settings);
        }
    }
    (logins, domains)
}

fn one(
    name: &Placed<String>,
    login: &RawLogin,
    raw: &RawConfig,
    check: &mut Check<'_>,
) -> Option<LoginSettings> {
    if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        let sentence = format!("a login name has 1 to {LONGEST} characters that can be typed");
        check.report(name, "config_wrong_value", sentence);
    }
    if let Some(at) = &login.registration {
        let sentence = "`registration` is for `\"*@DOMAIN\"`: the mailbox has its own";
        check.report(at, "config_contradiction", sentence);
    }
    if let Some(at) = &login.grant {
        let sentence = "`grant` is for `\"*@DOMAIN\"`: the mailbox has its own";
        check.report(at, "config_contradiction", sentence);
    }
    let Some(named) = &login.mailbox else {
        let sentence = "a login opens a mailbox; add mailbox = \"ADDRESS\"";
        check.report(name, "config_wrong_value", sentence);
        return None;
    };
    let mailbox = named.to_lowercase();
    let is_mailbox = |address: &str| raw.mailbox.keys().any(|key| key.to_lowercase() == address);
    if !is_mailbox(&mailbox) {
        let known: Vec<_> = raw.mailbox.keys().map(|name| name.as_str()).collect();
        check.unknown(named, "mailbox", known);
        return None;
    }
    let lower = name.to_lowercase();
    if lower != mailbox && is_mailbox(&lower) {
        let sentence = format!(
            "`{lower}` is a mailbox, which its address opens; choose another name to open {mailbox}"
        );
        check.report(name, "config_contradiction", sentence);
    }
    let senders = match &login.senders {
        None => vec![mailbox.clone()],
        Some(senders) => all(senders, check),
    };
    Some(LoginSettings { mailbox, senders })
}

fn all(senders: &Placed<Vec<Placed<String>>>, check: &mut Check<'_>) -> Vec<String> {
    if senders.is_empty() {
        let sentence = "`senders` names nobody; leave it away for the mailbox's own address";
        check.report(senders, "config_wrong_value", sentence);
    }
    let read = senders.iter().filter_map(|sender| {
        // An address of the domain stands for all of them.
        match sender.strip_prefix("*@") {
            None => check.address(sender),
            Some(domain) => {
                let any = crate::address::normal(&format!("any@{domain}")).ok();
                let domain = any.as_deref().and_then(|any| any.strip_prefix("any"));
                let read = domain.map(|domain| format!("*{domain}"));
                let wrong = || format!("`{}` is no domain; write *@contoso.com", **sender);
                check.accept(sender, read.ok_or_else(wrong))
            }
        }
    });
    read.collect()
}

/// The registration of the mailboxes of a domain.
fn of_domain(
    name: &Placed<String>,
    login: &RawLogin,
    raw: &RawConfig,
    check: &mut Check<'_>,
) -> Option<String> {
    if let Some(at) = &login.mailbox {
        let sentence = "each address of the domain opens its own mailbox: leave `mailbox` away";
        check.report(at, "config_contradiction", sentence);
    }
    if let Some(at) = &login.senders {
        let sentence = "each address of the domain writes from itself: leave `senders` away";
        check.report(at, "config_contradiction", sentence);
    }
    if let Some(at) = login
        .grant
        .as_ref()
        .filter(|grant| ***grant != RawGrant::ClientCredentials)
    {
        let sentence = "nobody can sign in for mailboxes that are not named: only \
             client_credentials is possible; give each mailbox its own [mailbox]";
        check.report(at, "config_contradiction", sentence);
    }
    let Some(named) = &login.registration else {
        let sentence = "the mailboxes of a domain are opened by a registration; add registration \
             = \"NAME\"";
        check.report(name, "config_wrong_value", sentence);
        return None;
    };
    let Some((_, registration)) = raw.registration.iter().find(|(key, _)| ***key == **named) else {
        let known: Vec<_> = raw.registration.keys().map(|name| name.as_str()).collect();
        check.unknown(named, "registration", known);
        return None;
    };
    if registration.is_public() {
        let sentence = format!(
            "the registration `{}` has no proof and cannot act in its own name",
            **named
        );
        check.report(named, "config_contradiction", sentence);
    }
    Some(named.to_string())
}

/// Longer ones do not fit into the dialogue of a login.
const LONGEST: usize = 255;
