//! Registrations: the cloud, the tenant and one proof.

use std::collections::BTreeMap;

use gatepost_oauth::{Cloud, EndpointVersion, Signing, Tenant, WhichIdentity};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Check;
use super::clouds::Described;
use crate::config::checked::{ProofSource, RegistrationSettings};
use crate::config::raw::{
    Placed, RawEndpoint, RawManagedIdentity, RawRegistration, RawSecret, RawSignature,
};

pub(super) fn check(
    raw: &BTreeMap<Placed<String>, RawRegistration>,
    clouds: &BTreeMap<String, Described>,
    check: &mut Check<'_>,
) -> BTreeMap<String, RegistrationSettings> {
    let checked = raw.iter().filter_map(|(name, registration)| {
        Some((name.to_string(), one(name, registration, clouds, check)?))
    });
    let checked: BTreeMap<_, _> = checked.collect();
    are_different_apps(raw, &checked, check);
    checked
}

/// Two names of one app would be one credential: what is wrong with the proof of the second would
/// show only when that of the first is gone. With a proof and without, an app has two: Microsoft
/// renews a sign-in only as it was begun.
fn are_different_apps(
    raw: &BTreeMap<Placed<String>, RawRegistration>,
    checked: &BTreeMap<String, RegistrationSettings>,
    check: &mut Check<'_>,
) {
    let mut placed: Vec<_> = raw.iter().collect();
    placed.sort_by_key(|(name, _)| name.span().start);
    let mut seen: Vec<(&str, &RegistrationSettings)> = Vec::new();
    for (name, registration) in placed {
        let Some(settings) = checked.get(name.as_str()) else {
            continue;
        };
        let same = seen.iter().find(|(_, other)| {
            other.cloud.login == settings.cloud.login
                && other
                    .tenant
                    .to_string()
                    .eq_ignore_ascii_case(&settings.tenant.to_string())
                && other.client_id == settings.client_id
                && other.is_public() == settings.is_public()
        });
        if let Some((first, _)) = same {
            let sentence = format!(
                "registration `{}` is the same app as `{first}`: cloud, tenant and client id are \
                 equal, and both prove it or neither does; keep one, and name it in every mailbox",
                name.as_str()
            );
            check.report(&registration.client_id, "config_contradiction", sentence);
        }
        seen.push((name, settings));
    }
}

fn one(
    name: &Placed<String>,
    raw: &RawRegistration,
    clouds: &BTreeMap<String, Described>,
    check: &mut Check<'_>,
) -> Option<RegistrationSettings> {
    let cloud = cloud(raw, clouds, check);
    let tenant = check.accept(&raw.tenant, Tenant::parse(&raw.tenant));
    let client_id = client_id(&raw.client_id, check);
    let proof = proof(name, raw, check);
    let secret_expires = secret_expires(raw, check);
    let (cloud, ca_file) = cloud?;
    Some(RegistrationSettings {
        cloud,
        ca_file,
        tenant: tenant?,
        client_id: client_id?,
        proof,
        secret_expires,
        endpoints: match raw.endpoint {
            None | Some(RawEndpoint::V2) => EndpointVersion::V2,
            Some(RawEndpoint::V1) => EndpointVersion::V1,
        },
    })
}

fn cloud(
    raw: &RawRegistration,
    clouds: &BTreeMap<String, Described>,
    check: &mut Check<'_>,
) -> Option<Described> {
    let Some(name) = &raw.cloud else {
        return Some((Cloud::global(), None));
    };
    let built_in = || Some((Cloud::named(name)?, None));
    let found = clouds.get(name.as_str()).cloned().or_else(built_in);
    if found.is_none() {
        let described = clouds.keys().map(String::as_str);
        let known: Vec<_> = Cloud::BUILT_IN.iter().copied().chain(described).collect();
        check.unknown(name, "cloud", known);
    }
    found
}

fn client_id(raw: &Placed<String>, check: &mut Check<'_>) -> Option<String> {
    let id = uuid::Uuid::try_parse(raw).map_err(|_| {
        format!(
            "`{}` is no application (client) id: it is a GUID, and stands on the app's \
             overview page in the Entra admin center",
            raw.as_str()
        )
    });
    check.accept(raw, id).map(|id| id.hyphenated().to_string())
}

/// The beginning of the day, in UTC: so the warning never comes late.
fn secret_expires(raw: &RawRegistration, check: &mut Check<'_>) -> Option<Timestamp> {
    let typed = raw.secret_expires.as_ref()?;
    if raw.secret.is_none() {
        let sentence = "`secret_expires` has no use without `secret`";
        check.report(typed, "config_contradiction", sentence);
    }
    let day = typed.parse::<Date>().map_err(|_| {
        format!(
            "`{}` is no day; write year, month and day, such as 2027-05-01",
            typed.as_str()
        )
    });
    let day = check.accept(typed, day)?;
    let begins = day.to_zoned(TimeZone::UTC).map(|begin| begin.timestamp());
    check.accept(typed, begins)
}

fn proof(name: &Placed<String>, raw: &RawRegistration, check: &mut Check<'_>) -> ProofSource {
    if raw.certificate.is_none() {
        of_no_use_without_certificate(raw, check);
    }
    let proofs = [
        ("a secret", raw.secret.as_ref().map(Placed::span)),
        ("a certificate", raw.certificate.as_ref().map(Placed::span)),
        ("an assertion", raw.assertion.as_ref().map(Placed::span)),
        (
            "a federated identity",
            raw.federated_identity.as_ref().map(Placed::span),
        ),
        (
            "a managed identity",
            raw.managed_identity.as_ref().map(Placed::span),
        ),
    ];
    let mut given = proofs
        .into_iter()
        .filter_map(|(what, span)| Some((what, span?)));
    if let (Some((first, _)), Some((second, span))) = (given.next(), given.next()) {
        let best = if (first, second) == ("a secret", "a certificate") {
            ", best the certificate"
        } else {
            ""
        };
        let sentence = format!(
            "registration `{}` has both {first} and {second}; keep one{best}",
            name.as_str()
        );
        check.report_at(span, "config_contradiction", sentence);
        return ProofSource::Public;
    }
    if let Some(certificate) = &raw.certificate {
        return by_certificate(certificate, raw, check);
    }
    if let Some(assertion) = &raw.assertion {
        return ProofSource::Assertion(check.public(assertion));
    }
    if let Some(identity) = &raw.federated_identity {
        return ProofSource::FederatedIdentity(which(identity));
    }
    if let Some(identity) = &raw.managed_identity {
        return ProofSource::Machine(which(identity));
    }
    match &raw.secret {
        Some(secret) => ProofSource::Secret(check.secret(secret)),
        None => ProofSource::Public,
    }
}

fn which(identity: &RawManagedIdentity) -> WhichIdentity {
    match identity.clone() {
        RawManagedIdentity::System => WhichIdentity::System,
        RawManagedIdentity::ClientId(id) => WhichIdentity::ClientId(id),
        RawManagedIdentity::ObjectId(id) => WhichIdentity::ObjectId(id),
        RawManagedIdentity::ResourceId(id) => WhichIdentity::ResourceId(id),
    }
}

fn by_certificate(
    certificate: &Placed<RawSecret>,
    raw: &RawRegistration,
    check: &mut Check<'_>,
) -> ProofSource {
    let mut secret =
        |found: &Option<Placed<RawSecret>>| found.as_ref().map(|one| check.secret(one));
    let private_key = secret(&raw.private_key);
    let password = secret(&raw.private_key_password);
    let previous = secret(&raw.previous_certificate);
    ProofSource::Certificate {
        at: check.source.place(certificate.span()),
        certificate: match &private_key {
            Some(_) => check.public(certificate),
            None => check.secret(certificate),
        },
        private_key,
        password,
        previous,
        signing: match raw.signature.as_deref() {
            None | Some(RawSignature::PS256) => Signing::Ps256,
            Some(RawSignature::RS256) => Signing::Rs256,
        },
    }
}

fn of_no_use_without_certificate(raw: &RawRegistration, check: &mut Check<'_>) {
    let alone = [
        ("private_key", raw.private_key.as_ref().map(Placed::span)),
        (
            "private_key_password",
            raw.private_key_password.as_ref().map(Placed::span),
        ),
        (
            "previous_certificate",
            raw.previous_certificate.as_ref().map(Placed::span),
        ),
        ("signature", raw.signature.as_ref().map(Placed::span)),
    ];
    for (key, span) in alone {
        let Some(span) = span else { continue };
        let sentence = format!("`{key}` has no use without `certificate`");
        check.report_at(span, "config_contradiction", sentence);
    }
}
