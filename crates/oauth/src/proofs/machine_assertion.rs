//! The statement that a machine's identity makes for an app (a managed identity as federated
//! identity credential): there is no secret anywhere, people can sign in to the app, and it may be
//! of another tenant than the machine.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Proofs;
use crate::answers::Expecting;
use crate::{Cloud, Endpoint, ManagedIdentity, Proof, TokenError, managed_identity};

/// A statement that the machine is asked for at each use. Who gives it out keeps it until it is
/// old, so it is not kept here.
#[derive(Debug)]
pub struct MachineAssertion {
    registration: String,
    audience: String,
    identity: ManagedIdentity,
    endpoint: Arc<dyn Endpoint>,
}

impl MachineAssertion {
    /// The statement of `identity` for the app that the configuration calls `registration`, as
    /// `cloud` takes it. `endpoint` is what the machine is asked by.
    pub fn new(
        registration: impl Into<String>,
        cloud: &Cloud,
        identity: ManagedIdentity,
        endpoint: Arc<dyn Endpoint>,
    ) -> Self {
        Self {
            registration: registration.into(),
            audience: cloud.names.token_exchange.clone(),
            identity,
            endpoint,
        }
    }

    fn who(&self) -> String {
        format!("registration {}", self.registration)
    }
}

#[async_trait]
impl Proofs for MachineAssertion {
    async fn present(&self, now: Timestamp) -> Result<Vec<Proof>, TokenError> {
        let form = self.identity.form(&self.audience);
        let reply = self.endpoint.post(&form).await;
        let reply = reply.map_err(|error| self.identity.unanswered(self.who(), &error))?;
        let expecting = Expecting {
            who: self.who(),
            host: self.identity.host_name(),
            now,
        };
        let statement = managed_identity::answered(&reply, &expecting)?;
        Ok(vec![Proof::Assertion(statement.secret)])
    }

    /// The identity: its statement is another one each day.
    fn mark(&self) -> SecretString {
        SecretString::from(format!("vouched for by {}", self.identity.mark()))
    }
}

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;
    use secrecy::ExposeSecret as _;
    use zeroize::Zeroizing;

    use super::*;
    use crate::answers::Reply;
    use crate::{Form, IdentityHost, WhichIdentity};

    /// Answers every form with what it was made with, if it asks for the right resource.
    #[derive(Debug)]
    struct Imds(&'static str, u16, &'static str);

    #[async_trait]
    impl Endpoint for Imds {
        async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
            let Self(resource, status, body) = self;
            assert!(form.expose().contains(resource), "{form:?}");
            if *status == 0 {
                return Err(TokenError::Unreachable {
                    host: "169.254.169.254".to_owned(),
                    reason: "No route to host".to_owned(),
                });
            }
            Ok(Reply {
                status: *status,
                body: Zeroizing::new(body.as_bytes().to_vec()),
                ..Reply::default()
            })
        }
    }

    fn vouching(cloud: &str, imds: Imds) -> MachineAssertion {
        let identity = ManagedIdentity {
            host: IdentityHost::imds(),
            which: WhichIdentity::System,
        };
        let cloud = Cloud::named(cloud).expect("it is built in");
        MachineAssertion::new("contoso", &cloud, identity, Arc::new(imds))
    }

    #[tokio::test]
    async fn the_machine_states_it_to_the_token_exchange_of_the_cloud() {
        let token = r#"{"access_token":"a.b.canary","expires_on":"4102444800","resource":"x","token_type":"Bearer"}"#;
        for (cloud, resource) in [
            ("global", "resource=api%3A%2F%2FAzureADTokenExchange"),
            ("usgov", "resource=api%3A%2F%2FAzureADTokenExchangeUSGov"),
            ("china", "resource=api%3A%2F%2FAzureADTokenExchangeChina"),
        ] {
            let vouching = vouching(cloud, Imds(resource, 200, token));
            let proofs = vouching.present(Timestamp::UNIX_EPOCH).await;
            let proofs = proofs.expect("it vouches");
            assert!(!format!("{proofs:?}").contains("canary"));
            match proofs.as_slice() {
                [Proof::Assertion(statement)] => {
                    assert_eq!(statement.expose_secret(), "a.b.canary");
                }
                other => panic!("one assertion: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_machine_that_does_not_vouch_says_why() {
        let refused = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        for (status, body, code) in [
            (0, "", "managed_identity_absent"),
            (400, refused, "managed_identity_refused"),
            (410, "", "managed_identity_busy"),
            (200, "<html>", "token_answer_unusable"),
        ] {
            let vouching = vouching("global", Imds("", status, body));
            let error = vouching.present(Timestamp::UNIX_EPOCH).await;
            let error = error.expect_err(code);
            assert_eq!(error.code(), code);
            assert!(
                error.to_string().contains("registration contoso"),
                "{error}"
            );
        }
    }
}
