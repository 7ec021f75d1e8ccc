//! What becomes of the accounts: registrations, mailboxes, and what is carried over.

use std::collections::BTreeSet;

use gatepost_import::emailproxy::{Account, AppProof, Flow};
use gatepost_oauth::{EndpointVersion, Tenant};
use secrecy::ExposeSecret as _;

use super::options;
use super::origin::{self, Origin, SignInAt};
use super::plan::{Around, CloudPlan, Keepsake, MailboxPlan, Plan, ProofPlan, RegistrationPlan};
use super::report::Heading;
use super::{sign_ins, ways};
use crate::address;

/// Takes over every account that Gatepost can open, and says what remains to be done for it.
pub(super) fn take(around: &Around<'_>, plan: &mut Plan) {
    for account in &around.read.accounts {
        match one(account, around, plan) {
            Ok(mailbox) => plan.mailboxes.push(mailbox),
            Err(reason) => {
                let place = (account.name.as_str(), account.line);
                plan.report.add(Heading::NotTaken, place, reason);
            }
        }
    }
    let Plan {
        mailboxes, report, ..
    } = plan;
    sign_ins::remaining(&around.read.accounts, mailboxes, report);
}

/// Takes over the catch-alls of domains whose mailboxes an app opens in its own name.
pub(super) fn take_catch_alls(around: &Around<'_>, plan: &mut Plan) {
    for catch_all in &around.read.catch_alls {
        let place = (catch_all.name.as_str(), catch_all.line);
        if !around.read.switches.catch_alls {
            let sentence = "it does nothing without `allow_catch_all_accounts`";
            plan.report.add(Heading::NotTaken, place, sentence);
            continue;
        }
        let registration = match &catch_all.account {
            Some(account) if account.flow == Flow::ClientCredentials && account.name != "@" => {
                app(account, "client_credentials", around, plan)
            }
            _ => Err(
                "accounts with a section of their own are taken over with what they inherit \
                      from it; a catch-all by itself becomes a login name only for a domain whose \
                      mailboxes an app opens in its own name"
                    .to_owned(),
            ),
        };
        match registration {
            Ok(registration) => {
                let domain = catch_all.name[1..].to_lowercase();
                let sentence = format!("[login.\"*@{domain}\"] by [registration.{registration}]");
                plan.report.add(Heading::Taken, place, sentence);
                plan.report.add(Heading::Unsafe, place, FIRST_COMER);
                plan.report.add(Heading::Next, place, FOR_EACH);
                plan.domains.push((domain, registration));
            }
            Err(reason) => plan.report.add(Heading::NotTaken, place, reason),
        }
    }
}

/// The mailbox of an account, or why there is none.
fn one(account: &Account, around: &Around<'_>, plan: &mut Plan) -> Result<MailboxPlan, String> {
    let (address, sign_in_as) = identities(account)?;
    if let Some(other) = plan.mailboxes.iter().find(|one| one.address == address) {
        return Err(format!(
            "it opens the same mailbox as [{}]: Exchange does not tell upper and lower case \
             apart, and neither does Gatepost",
            other.login
        ));
    }
    // Whose sign-in it is matters more than what lacks in it.
    origin(account, around)?;
    let grant = grant(account)?;
    let registration = app(account, grant, around, plan)?;
    let ways = ways::of(account, around);
    let mailbox = MailboxPlan {
        login: account.name.clone(),
        address,
        sign_in_as,
        registration,
        grant,
        read: ways.read,
        sends: ways.sends,
        ask_for: ways.ask_for,
        keepsake: keepsake(account, around, plan),
    };
    tell(account, &mailbox, plan);
    Ok(mailbox)
}

/// The name of the registration of an account's app.
fn app(
    account: &Account,
    grant: &str,
    around: &Around<'_>,
    plan: &mut Plan,
) -> Result<String, String> {
    let mut origin = origin(account, around)?;
    if account.resource.is_some() && account.scopes.is_empty() {
        origin.endpoints = EndpointVersion::V1;
    }
    fits(grant, &origin.tenant)?;
    let proof = proof(account, around)?;
    if grant == "client_credentials" && matches!(proof, ProofPlan::Public) {
        return Err(
            "the app acts in its own name and has neither a client secret nor a certificate"
                .to_owned(),
        );
    }
    registration(account, (origin, proof), plan)
}

fn origin(account: &Account, around: &Around<'_>) -> Result<Origin, String> {
    origin::of_token_url(&account.token_url, &around.hosts())
        .map_err(|reason| format!("its `token_url` {reason}"))
}

/// The mailbox, and who signs in for it if that is somebody else: `owner@domain\shared` was how
/// Exchange once took both.
fn identities(account: &Account) -> Result<(String, Option<String>), String> {
    let Some((owner, shared)) = account.name.split_once('\\') else {
        return address::normal(&account.name).map(|address| (address, None));
    };
    let owner = address::normal(owner)?;
    let domain = owner.rsplit('@').next().unwrap_or_default();
    let shared = if shared.contains('@') {
        address::normal(shared)?
    } else {
        address::normal(&format!("{shared}@{domain}"))?
    };
    let sign_in_as = (shared != owner).then_some(owner);
    Ok((shared, sign_in_as))
}

fn grant(account: &Account) -> Result<&'static str, String> {
    if account.name.contains('\\') && account.flow == Flow::ClientCredentials {
        return Err(
            "the app acts in its own name, so nobody signs in for the mailbox behind the \
                    backslash; add that mailbox by its own address"
                .to_owned(),
        );
    }
    match &account.flow {
        Flow::AuthorizationCode => Ok("authorization_code"),
        Flow::DeviceCode => Ok("device_code"),
        Flow::ClientCredentials => Ok("client_credentials"),
        Flow::Password => Ok("password"),
        Flow::ServiceAccount => Err(
            "service accounts are Google's, and Gatepost opens mailboxes \
                                     of Microsoft 365 only"
                .to_owned(),
        ),
        Flow::Missing => Err(
            "without `permission_url` it needs an `oauth2_flow`: email-oauth2-proxy refuses its \
             logins"
                .to_owned(),
        ),
        Flow::Other(_) => Err("its `oauth2_flow` is none that email-oauth2-proxy knows".to_owned()),
    }
}

fn fits(grant: &str, tenant: &Tenant) -> Result<(), String> {
    if grant == "client_credentials" && tenant.is_shared() {
        return Err(format!(
            "an app that acts in its own name needs one tenant, and its `token_url` names \
             `{tenant}`, which stands for many"
        ));
    }
    if grant == "password" && !tenant.takes_passwords() {
        return Err(format!(
            "Microsoft takes no passwords at `{tenant}`, where personal accounts may be meant"
        ));
    }
    Ok(())
}

fn proof(account: &Account, around: &Around<'_>) -> Result<ProofPlan, String> {
    let opened = around.opening.opened(&account.name);
    match &account.proof {
        AppProof::Nothing => Ok(ProofPlan::Public),
        AppProof::Secret(secret) => Ok(ProofPlan::Secret(secret.clone())),
        AppProof::SealedSecret => match opened {
            Some(Ok(opened)) => match &opened.client_secret {
                Some(secret) => Ok(ProofPlan::Secret(secret.clone())),
                None => Err(
                    "its password does not open `client_secret_encrypted`; write the \
                             client secret into the file as `client_secret`, or make a new one"
                        .to_owned(),
                ),
            },
            Some(Err(error)) => Err(format!(
                "its client secret is sealed with the password of its clients, and {error}"
            )),
            None => Err(
                "its client secret is sealed with the password of its clients; name that \
                         with --passwords FILE, or write the client secret into the file as \
                         `client_secret`"
                    .to_owned(),
            ),
        },
        AppProof::LoginPassword => match around.opening.password(&account.name) {
            Some(password) => Ok(ProofPlan::Secret(password.clone())),
            None => Err(
                "its clients show the client secret as their password, which Gatepost \
                         must know before the first login: name it with --passwords FILE"
                    .to_owned(),
            ),
        },
        AppProof::Certificate { certificate, key } => {
            let (certificate, key) = around.certificate(certificate, key)?;
            Ok(ProofPlan::Certificate { certificate, key })
        }
    }
}

/// The name of its registration, which is made unless another account has the same.
fn registration(
    account: &Account,
    (origin, proof): (Origin, ProofPlan),
    plan: &mut Plan,
) -> Result<String, String> {
    let client_id = uuid::Uuid::try_parse(&account.client_id)
        .map_err(|_| "its `client_id` is no GUID, as every app of Entra ID has it".to_owned())?
        .hyphenated()
        .to_string();
    let cloud = match origin.cloud {
        SignInAt::BuiltIn(name) => name.to_owned(),
        SignInAt::Elsewhere(login) => cloud(login, plan),
    };
    let known = plan.registrations.iter().find(|one| {
        one.cloud == cloud
            && one.client_id == client_id
            && one
                .tenant
                .as_str()
                .eq_ignore_ascii_case(origin.tenant.as_str())
            // Microsoft takes a refresh token only as it was asked for: with a proof, or without.
            && is_public(&one.proof) == is_public(&proof)
    });
    if let Some(known) = known {
        let name = known.name.clone();
        if !shows_the_same(&known.proof, &proof) {
            let sentence = format!(
                "it shows another client secret or certificate than the accounts before it of the \
                 same app; [registration.{name}] has that of the first: make sure that it is valid"
            );
            let place = (account.name.as_str(), account.line);
            plan.report.add(Heading::Next, place, sentence);
        }
        return Ok(name);
    }
    let names = plan.registrations.iter().map(|one| one.name.as_str());
    let name = free_name(&label(&origin.tenant), &names.collect());
    plan.registrations.push(RegistrationPlan {
        name: name.clone(),
        cloud,
        tenant: origin.tenant,
        client_id,
        endpoints: origin.endpoints,
        proof,
    });
    Ok(name)
}

fn cloud(login: String, plan: &mut Plan) -> String {
    if let Some(found) = plan.clouds.iter().find(|cloud| cloud.login == login) {
        return found.name.clone();
    }
    let names = plan.clouds.iter().map(|cloud| cloud.name.as_str());
    let name = free_name("own", &names.collect());
    plan.clouds.push(CloudPlan {
        name: name.clone(),
        login,
        imap: None,
        pop3: None,
        smtp: None,
    });
    name
}

fn is_public(proof: &ProofPlan) -> bool {
    matches!(proof, ProofPlan::Public)
}

fn shows_the_same(one: &ProofPlan, other: &ProofPlan) -> bool {
    match (one, other) {
        (ProofPlan::Public, ProofPlan::Public) => true,
        (ProofPlan::Secret(one), ProofPlan::Secret(other)) => {
            one.expose_secret() == other.expose_secret()
        }
        (
            ProofPlan::Certificate { certificate, key },
            ProofPlan::Certificate {
                certificate: other,
                key: other_key,
            },
        ) => certificate == other && key == other_key,
        (ProofPlan::Public | ProofPlan::Secret(_) | ProofPlan::Certificate { .. }, _) => false,
    }
}

/// What a tenant's registration is called: the first part of its domain.
fn label(tenant: &Tenant) -> String {
    let text = tenant.as_str();
    if uuid::Uuid::try_parse(text).is_ok() {
        return "tenant".to_owned();
    }
    let first = text.split('.').next().unwrap_or_default();
    if first.is_empty() {
        "tenant".to_owned()
    } else {
        first.to_ascii_lowercase()
    }
}

fn free_name(wish: &str, taken: &BTreeSet<&str>) -> String {
    let numbered = (2..).map(|number| format!("{wish}-{number}"));
    let mut names = std::iter::once(wish.to_owned()).chain(numbered);
    let free = names.find(|name| !taken.contains(name.as_str()));
    free.expect("there are more numbers than registrations")
}

/// What is carried over: what its password opens, or what waits for it.
fn keepsake(account: &Account, around: &Around<'_>, plan: &mut Plan) -> Keepsake {
    let place = (account.name.as_str(), account.line);
    let waits = || match &account.state {
        Some(state) => Keepsake::Sealed(state.clone()),
        None => Keepsake::Nothing,
    };
    match (
        around.opening.opened(&account.name),
        around.opening.password(&account.name),
    ) {
        (Some(Err(error)), _) => {
            let sentence = format!(
                "{error}; what it keeps sealed waits for the first login with the right one"
            );
            plan.report.add(Heading::Next, place, sentence);
            waits()
        }
        // Where nothing is sealed, email-oauth2-proxy would take it as the first.
        (opened, Some(password)) => Keepsake::Password {
            password: password.clone(),
            refresh_token: match opened {
                Some(Ok(opened)) => opened.refresh_token.clone(),
                Some(Err(_)) | None => None,
            },
        },
        (_, None) => waits(),
    }
}

/// Names what became of every option, and what is unsafe about it.
fn tell(account: &Account, mailbox: &MailboxPlan, plan: &mut Plan) {
    let place = (account.name.as_str(), account.line);
    let carried = match &mailbox.keepsake {
        Keepsake::Nothing => "",
        Keepsake::Password {
            refresh_token: Some(_),
            ..
        } => "; its refresh token and its password are carried over",
        Keepsake::Password { .. } => "; its password is carried over",
        Keepsake::Sealed(_) => {
            "; what it keeps sealed is kept, and the first login with its password opens it"
        }
    };
    plan.report.add(
        Heading::Taken,
        place,
        format!(
            "[mailbox.\"{}\"] with grant {} by [registration.{}]{carried}",
            mailbox.address, mailbox.grant, mailbox.registration
        ),
    );
    options::tell(account, plan);
}

const FIRST_COMER: &str = "the first password that anybody shows for a mailbox of this domain \
    counts; Gatepost does not trust the first comer";
const FOR_EACH: &str = "mailboxes of this domain that were not used before need a password: \
    gatepost password add MAILBOX";
/// A secret that was carried over, for a test that compares them.
#[cfg(test)]
pub(super) fn refresh_token(mailbox: &MailboxPlan) -> Option<&secrecy::SecretString> {
    match &mailbox.keepsake {
        Keepsake::Password { refresh_token, .. } => refresh_token.as_ref(),
        Keepsake::Nothing | Keepsake::Sealed(_) => None,
    }
}
