//! How a client names and proves itself in a form (RFC 6749 §2.3.1, RFC 7523 §2.2).

use jiff::Timestamp;
use secrecy::SecretString;

use crate::flow::Asking;
use crate::{Form, Proof, TokenError, assertion};

/// The client side of a token request.
#[derive(Debug)]
pub(super) struct Client<'a>(&'a Asking);

impl<'a> Client<'a> {
    pub(super) fn of(asking: &'a Asking) -> Self {
        Self(asking)
    }

    /// An app that signs in as itself must have a proof.
    pub(super) fn must_prove_itself(&self) -> Result<(), TokenError> {
        match self.0.proof {
            Proof::None => Err(TokenError::ProofMissing { who: self.0.who() }),
            Proof::Secret(_) | Proof::Certificate(_) | Proof::Assertion(_) | Proof::Machine(_) => {
                Ok(())
            }
        }
    }

    /// Adds the client's id, its proof, and what a server wants the token to carry.
    pub(super) fn identify(&self, form: Form, now: Timestamp) -> Result<Form, TokenError> {
        let registration = &self.0.registration;
        let form = form.plain("client_id", registration.client_id.as_str());
        let form = match &self.0.challenge {
            Some(challenge) => form.plain("claims", challenge.parameter()),
            None => form,
        };
        match &self.0.proof {
            // A machine's identity is asked for elsewhere, and speaks for nobody else.
            Proof::None | Proof::Machine(_) => Ok(form),
            Proof::Secret(secret) => Ok(form.secret("client_secret", secret.clone())),
            Proof::Certificate(certificate) => {
                let assertion = assertion::sign(
                    certificate,
                    &assertion::Claims::new(registration, &self.0.chance, now),
                )?;
                Ok(with_assertion(form, assertion))
            }
            Proof::Assertion(statement) => Ok(with_assertion(form, statement.clone())),
        }
    }
}

fn with_assertion(form: Form, assertion: SecretString) -> Form {
    form.plain("client_assertion_type", ASSERTION_TYPE)
        .secret("client_assertion", assertion)
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
