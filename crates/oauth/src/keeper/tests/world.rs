//! One machine in virtual time: a clock, an issuer, a store, and processes on it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::super::*;
use crate::answers::Reply;
use crate::contract::MemoryGrants;
use crate::{Cloud, Form, Proof, Proofs, Tenant};

/// An issuer in memory that takes some time to answer, and knows only the newest refresh token.
#[derive(Debug, Clone)]
pub(super) struct Issuer(Arc<Mutex<Book>>, Clock);

#[derive(Debug, Default)]
pub(super) struct Book {
    /// How many requests came, answered or not.
    pub(super) began: usize,
    pub(super) asked: Vec<String>,
    pub(super) scripted: VecDeque<Reply>,
    pub(super) rotation: Rotation,
}

/// What an issuer does with refresh tokens that were used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Rotation {
    /// As Entra: all stay good.
    #[default]
    Lenient,
    /// As strict ones: only the newest is good.
    Strict { newest: usize },
}

impl Issuer {
    pub(super) fn new(clock: &Clock) -> Self {
        Self(Arc::default(), clock.clone())
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn asked(&self) -> usize {
        self.book().asked.len()
    }

    pub(super) fn will_answer(&self, status: u16, body: &str) {
        self.book().scripted.push_back(reply(status, body));
    }

    pub(super) fn judge(&self, form: &Form) -> Reply {
        let sent = form.expose().to_string();
        let mut book = self.book();
        book.asked.push(sent.clone());
        let count = book.asked.len();
        if let Some(reply) = book.scripted.pop_front() {
            return reply;
        }
        if let Rotation::Strict { newest } = book.rotation
            && !sent.contains(&format!("refresh_token=r{newest}&"))
        {
            return reply(400, GRANT_DEAD);
        }
        if let Rotation::Strict { newest } = &mut book.rotation {
            *newest = count;
        }
        reply(
            200,
            &format!(
                r#"{{"access_token":"a{count}","refresh_token":"r{count}","token_type":"Bearer","expires_in":3600}}"#
            ),
        )
    }
}

#[async_trait]
impl Endpoint for Issuer {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        self.book().began += 1;
        self.1.sleep(ANSWER_TIME).await;
        Ok(self.judge(form))
    }
}

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        body: Zeroizing::new(body.as_bytes().to_vec()),
        ..Reply::default()
    }
}

/// One machine: a clock, an issuer, a store; and as many processes on it as a test wants.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) issuer: Issuer,
    pub(super) grants: MemoryGrants,
    pub(super) tasks: Tasks,
    pub(super) secret: &'static str,
    pub(super) password: PasswordFrom,
    pub(super) proofs: Option<Arc<dyn Proofs>>,
}

impl World {
    pub(super) fn new() -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let clock = Clock::starting_at(start);
        Self {
            issuer: Issuer::new(&clock),
            grants: MemoryGrants::default(),
            tasks: Tasks::new(),
            secret: "canary",
            password: PasswordFrom::Nowhere,
            proofs: None,
            clock,
        }
    }

    pub(super) fn app(&self) -> TokenKeeper {
        self.process("client_credentials", None)
    }

    pub(super) fn ada(&self) -> TokenKeeper {
        self.process("authorization_code", Some("ada@contoso.example"))
    }

    /// A keeper as a new process has it.
    pub(super) fn process(&self, grant: &str, person: Option<&str>) -> TokenKeeper {
        self.process_at(
            grant,
            person,
            (Arc::new(self.issuer.clone()), Arc::new(self.grants.clone())),
        )
    }

    pub(super) fn process_at(
        &self,
        grant: &str,
        person: Option<&str>,
        (endpoint, grants): (Arc<dyn Endpoint>, Arc<dyn Grants>),
    ) -> TokenKeeper {
        let tenant = Tenant::parse("contoso.example").expect("a domain");
        let proof = Proof::Secret(SecretString::from(self.secret));
        let proofs = self.proofs.clone().unwrap_or_else(|| proof.into());
        let registration =
            Registration::new("contoso", (Cloud::global(), tenant), "client-1", proofs);
        TokenKeeper::new(
            Credential {
                id: CredentialId::new("contoso/test"),
                registration: Arc::new(registration),
                grant: Grant::named(grant).expect("it is in the list"),
                person: person.map(str::to_owned),
                password: self.password.clone(),
            },
            Surroundings {
                endpoint,
                grants,
                clock: self.clock.clone(),
                chance: Chance::seeded(7),
                tasks: self.tasks.clone(),
            },
        )
    }

    /// Ada signs in with the refresh token `r0`, on `keeper`.
    pub(super) async fn ada_signs_in(&self, keeper: &TokenKeeper) {
        let expires_at = self.clock.now() + SignedDuration::from_hours(1);
        let granted = Granted {
            access: AccessToken::new("a0".into(), Audience::Exchange, expires_at),
            refresh: Some("r0".into()),
            person: None,
        };
        keeper.signed_in(granted).await.expect("the store works");
    }

    pub(super) async fn stored(&self) -> keepsake::Keepsake {
        use crate::Grants as _;
        let id = CredentialId::new("contoso/test");
        let (state, _) = self
            .grants
            .load(&id)
            .await
            .expect("memory works")
            .expect("somebody signed in");
        keepsake::Keepsake::read(&id, &state).expect("it was written here")
    }

    pub(super) async fn stored_refresh_token(&self) -> String {
        use secrecy::ExposeSecret as _;
        let refresh = self.stored().await.refresh;
        refresh
            .expect("it is a delegated grant")
            .expose_secret()
            .to_owned()
    }
}

pub(super) async fn exchange(keeper: &TokenKeeper) -> Result<String, TokenError> {
    let token = keeper.token(Audience::Exchange).await?;
    Ok(token.expose().to_owned())
}

pub(super) const ANSWER_TIME: Duration = Duration::from_millis(500);
pub(super) const SECRET_WRONG: &str =
    r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}"#;
pub(super) const GRANT_DEAD: &str =
    r#"{"error":"invalid_grant","error_description":"AADSTS50173: The grant was revoked."}"#;
pub(super) const CONSENT_MISSING: &str = r#"{"error":"invalid_grant","suberror":"consent_required","error_description":"AADSTS65001: No consent."}"#;
