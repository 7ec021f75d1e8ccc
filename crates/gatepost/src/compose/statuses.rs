//! How the credentials are, and where that is told.

use std::collections::BTreeSet;

use gatepost_fault::Fault as _;
use gatepost_mailroom::{
    CredentialHealth, CredentialStatus, EventType, ExpiringPart, Expiry, LastError, SinkName,
};
use gatepost_oauth::{Credential, CredentialState, Proof, TokenKeeper};
use jiff::{SignedDuration, Timestamp};

use super::{Gatepost, credentials, sinks};

impl Gatepost {
    /// How every credential is, ordered by name.
    pub fn credentials(&self) -> Vec<CredentialStatus> {
        let keepers = self.keepers.iter();
        keepers
            .map(|(id, kept)| self.status(&kept.keeper, self.opened.get(id)))
            .collect()
    }

    /// Where an event of this kind about what opens these mailboxes goes.
    pub fn report_to(&self, kind: EventType, mailboxes: &[String]) -> Vec<SinkName> {
        if let Some(events) = &self.config.events {
            return sinks::reports(events).sinks(kind).to_vec();
        }
        let watches = self.config.watches.iter();
        let named: BTreeSet<&String> = watches
            .filter(|watch| mailboxes.contains(&watch.mailbox))
            .flat_map(|watch| &watch.sinks)
            .collect();
        named.into_iter().cloned().map(SinkName).collect()
    }

    fn status(&self, keeper: &TokenKeeper, mailboxes: Option<&Vec<String>>) -> CredentialStatus {
        let credential = keeper.credential();
        let standing = keeper.standing();
        let (state, last_error) = match standing.state {
            CredentialState::Unasked => (CredentialHealth::Unasked, None),
            CredentialState::SignedOut => (CredentialHealth::SignedOut, None),
            CredentialState::Working => (CredentialHealth::Working, None),
            CredentialState::Failing { error, at } => {
                let health = if error.next().is_retry() {
                    CredentialHealth::Waiting
                } else {
                    CredentialHealth::Refused
                };
                let last_error = LastError {
                    code: error.code().to_owned(),
                    sentence: error.to_string(),
                    at,
                };
                (health, Some(last_error))
            }
        };
        CredentialStatus {
            state,
            last_error,
            renewed_at: standing.renewed_at,
            expires: self.expires(&credential, standing.renewed_at),
            credential: credential.id.as_str().to_owned(),
            registration: credential.registration.name.clone(),
            grant: credential.grant.name.to_owned(),
            person: credential.person,
            mailboxes: mailboxes.cloned().unwrap_or_default(),
        }
    }

    fn expires(&self, credential: &Credential, renewed_at: Option<Timestamp>) -> Vec<Expiry> {
        let registration = &credential.registration;
        let app = credentials::app(
            &registration.cloud,
            &registration.tenant,
            &registration.client_id,
        );
        let settings = self.config.registrations.get(&registration.name);
        let proof = match registration.proof.at_hand() {
            Some(Proof::Secret(secret)) => settings
                .and_then(|settings| settings.secret_expires)
                .or_else(|| self.secret_ends.of(&registration.name, &secret))
                .map(|at| (at, ExpiringPart::ClientSecret)),
            Some(Proof::Certificate(certificate)) => {
                Some((certificate.not_after, ExpiringPart::Certificate))
            }
            Some(Proof::Assertion(_) | Proof::Machine(_) | Proof::None) | None => None,
        };
        let proof = proof.map(|(at, part)| Expiry { at, part, of: app });
        let sign_in = renewed_at
            .filter(|_| credential.grant.renew.is_some())
            .and_then(|at| at.checked_add(UNUSED).ok())
            .map(|at| Expiry {
                at,
                part: ExpiringPart::SignIn,
                of: credential.id.as_str().to_owned(),
            });
        let mut expires: Vec<Expiry> = proof.into_iter().chain(sign_in).collect();
        expires.sort_unstable();
        expires
    }
}

/// How long a refresh token lives without use (AADSTS700082).
const UNUSED: SignedDuration = SignedDuration::from_hours(24 * 90);
