//! An administrator permits an app for the whole tenant, once, with a browser.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gatepost_host::{Chance, Clock};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::answers::{Expecting, Refusal, one_line};
use crate::flow::who;
use crate::loopback::{Arrival, Page};
use crate::{Loopback, Registration, TokenError};

/// A request for consent under way.
#[derive(Debug)]
pub struct AdminConsent {
    registration: Arc<Registration>,
    /// What is to be permitted.
    scope: ConsentScope,
    redirect: String,
    /// Ties the answer to this request (RFC 6749 §10.12).
    state: SecretString,
}

/// What an administrator is asked to permit: everything that the registration lists at a
/// resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentScope {
    /// What apps do by IMAP and POP3 in their own name. Microsoft has a name of its own for it,
    /// in this place only.
    ExchangeProtocols,
    /// What else is done at Exchange Online.
    Exchange,
    /// Microsoft Graph.
    Graph,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consented {
    /// The id of the tenant, as the answer says. It came with a browser: good for a
    /// configuration that a person reads, and for no decision.
    pub tenant: Option<String>,
    /// What was permitted, as the answer says.
    pub scope: String,
}

impl AdminConsent {
    /// A request that is answered at `redirect`.
    pub fn new(
        registration: Arc<Registration>,
        scope: ConsentScope,
        redirect: impl Into<String>,
        chance: &Chance,
    ) -> Self {
        Self {
            registration,
            scope,
            redirect: redirect.into(),
            state: chance.secret(ENTROPY),
        }
    }

    /// Where the administrator goes.
    pub fn address(&self) -> Url {
        let cloud = &self.registration.cloud;
        let tenant = match self.registration.tenant.as_str() {
            // Microsoft advises against it in this place.
            "common" => "organizations",
            other => other,
        };
        let mut url = cloud.login.clone();
        url.set_path(&format!("/{tenant}/v2.0/adminconsent"));
        url.query_pairs_mut()
            .append_pair("client_id", &self.registration.client_id)
            .append_pair("scope", &format!("{}/.default", self.resource()))
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("state", self.state.expose_secret());
        url
    }

    /// Judges what the browser brought. The state is looked at before anything else, so that
    /// nobody else's answer can end this request.
    pub fn answered(&self, url: &Url, clock: &Clock) -> Result<Consented, TokenError> {
        let brought = |name: &str| {
            let pair = url.query_pairs().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.into_owned())
        };
        let ours = brought("state").is_some_and(|state| {
            verify_slices_are_equal(state.as_bytes(), self.state.expose_secret().as_bytes()).is_ok()
        });
        if !ours {
            return Err(TokenError::StateMismatch { who: self.who() });
        }
        // A refusal says admin_consent=True all the same.
        if let Some(error) = brought("error") {
            let expecting = Expecting {
                who: self.who(),
                host: self.host(),
                now: clock.now(),
            };
            let description = brought("error_description").unwrap_or_default();
            let refusal = Refusal::of_redirect(&error, &description, &expecting);
            return Err(TokenError::Refused(Box::new(refusal)));
        }
        let is_granted =
            brought("admin_consent").is_some_and(|granted| granted.eq_ignore_ascii_case("true"));
        if !is_granted {
            return Err(self.unfinished("the browser came back without an answer"));
        }
        Ok(Consented {
            tenant: brought("tenant").map(|tenant| one_line(&tenant)),
            scope: one_line(&brought("scope").unwrap_or_default()),
        })
    }

    /// Shows the address by `show`, and waits for the browser that comes back to `loopback`.
    /// Answers to other requests are answered and otherwise ignored.
    pub async fn wait(
        &self,
        mut loopback: Loopback,
        patience: Duration,
        clock: &Clock,
        show: impl FnOnce(&Url),
    ) -> Result<Consented, TokenError> {
        show(&self.address());
        let ended = clock
            .within(patience, self.judge_arrivals(&mut loopback, clock))
            .await
            .unwrap_or_else(|_| Err(self.unfinished("nobody came back from the browser in time")));
        loopback.close(clock).await;
        ended
    }

    async fn judge_arrivals(
        &self,
        loopback: &mut Loopback,
        clock: &Clock,
    ) -> Result<Consented, TokenError> {
        while let Some(Arrival { url, page }) = loopback.arrival().await {
            let judged = self.answered(&url, clock);
            // Whoever closed the window does not miss the page.
            let _ = page.send(match &judged {
                Ok(_) => Page::Permitted,
                Err(TokenError::StateMismatch { .. }) => Page::Foreign,
                Err(_) => Page::NotPermitted,
            });
            if !matches!(judged, Err(TokenError::StateMismatch { .. })) {
                return judged;
            }
        }
        Err(self.unfinished("the answer cannot be received any more"))
    }

    fn resource(&self) -> &str {
        let names = &self.registration.cloud.names;
        match self.scope {
            ConsentScope::Graph => &names.graph,
            // The name is documented for the global cloud only.
            ConsentScope::ExchangeProtocols if names.exchange_app == GLOBAL_EXCHANGE => {
                EXCHANGE_PROTOCOLS
            }
            ConsentScope::ExchangeProtocols | ConsentScope::Exchange => &names.exchange_app,
        }
    }

    fn host(&self) -> String {
        let login = &self.registration.cloud.login;
        login.host_str().unwrap_or_default().to_owned()
    }

    fn who(&self) -> String {
        who(&self.registration, None)
    }

    fn unfinished(&self, reason: &str) -> TokenError {
        TokenError::SignInUnfinished {
            who: self.who(),
            reason: reason.to_owned(),
        }
    }
}

const GLOBAL_EXCHANGE: &str = "https://outlook.office365.com";
const EXCHANGE_PROTOCOLS: &str = "https://ps.outlook.com";
/// 256 bits.
const ENTROPY: usize = 32;

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;

    use super::*;
    use crate::{Cloud, Proof, Tenant};

    fn consent(tenant: &str, scope: ConsentScope) -> AdminConsent {
        let home = (Cloud::global(), Tenant::parse(tenant).expect("a tenant"));
        let registration = Registration::new("contoso", home, "client-1", Proof::None);
        let redirect = "http://localhost:4711";
        AdminConsent::new(Arc::new(registration), scope, redirect, &Chance::seeded(1))
    }

    fn answered(query: &str) -> Result<Consented, TokenError> {
        let consent = consent("contoso.example", ConsentScope::Exchange);
        let query = query.replace("STATE", consent.state.expose_secret());
        let url = Url::parse(&format!("http://localhost:4711/?{query}")).expect("a URL");
        consent.answered(&url, &Clock::starting_at(jiff::Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn the_address_names_the_tenant_and_all_that_is_listed() {
        for (tenant, scope, path, resource) in [
            (
                "contoso.example",
                ConsentScope::ExchangeProtocols,
                "/contoso.example/v2.0/adminconsent",
                "https://ps.outlook.com/.default",
            ),
            (
                "common",
                ConsentScope::Exchange,
                "/organizations/v2.0/adminconsent",
                "https://outlook.office365.com/.default",
            ),
            (
                "organizations",
                ConsentScope::Graph,
                "/organizations/v2.0/adminconsent",
                "https://graph.microsoft.com/.default",
            ),
        ] {
            let url = consent(tenant, scope).address();
            assert_eq!(url.path(), path);
            let scope = url.query_pairs().find(|(name, _)| name == "scope");
            assert_eq!(scope.expect("a scope").1, resource);
        }
    }

    #[test]
    fn consent_brings_the_tenant() {
        let consented = answered("admin_consent=True&tenant=7c9f&scope=a+b&state=STATE");
        let consented = consented.expect("it was permitted");
        assert_eq!(consented.tenant.as_deref(), Some("7c9f"));
        assert_eq!(consented.scope, "a b");
    }

    #[test]
    fn a_refusal_looks_like_a_consent_and_is_none() {
        let refused = answered(
            "admin_consent=True&error=consent_required&error_description=AADSTS65004%3a+User+declined&state=STATE",
        );
        let error = refused.expect_err("it was refused");
        assert_eq!(error.code(), "consent_declined");
        let legacy = answered(
            "error=permission_denied&error_description=The+admin+canceled+the+request&state=STATE",
        );
        assert_eq!(legacy.expect_err("refused").code(), "consent_declined");
        for foreign in ["admin_consent=True&state=guess", "admin_consent=True"] {
            let error = answered(foreign).expect_err("it is another's");
            assert_eq!(error.code(), "sign_in_state_mismatch");
        }
        let error = answered("admin_consent=False&state=STATE").expect_err("no answer");
        assert_eq!(error.code(), "sign_in_unfinished");
    }
}
