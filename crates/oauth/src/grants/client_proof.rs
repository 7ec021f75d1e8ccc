//! How a client names and proves itself in a form (RFC 6749 §2.3.1, RFC 7523 §2.2).

use jiff::Timestamp;

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
        match self.0.registration.proof {
            Proof::None => Err(TokenError::ProofMissing { who: self.0.who() }),
            Proof::Secret(_) | Proof::Certificate(_) => Ok(()),
        }
    }

    /// Adds the client's id and its proof.
    pub(super) fn identify(&self, form: Form, now: Timestamp) -> Result<Form, TokenError> {
        let registration = &self.0.registration;
        let form = form.plain("client_id", registration.client_id.as_str());
        match &registration.proof {
            Proof::None => Ok(form),
            Proof::Secret(secret) => Ok(form.secret("client_secret", secret.clone())),
            Proof::Certificate(certificate) => {
                let assertion = assertion::sign(
                    certificate,
                    &assertion::Claims::new(registration, &self.0.chance, now),
                )?;
                Ok(form
                    .plain("client_assertion_type", ASSERTION_TYPE)
                    .secret("client_assertion", assertion))
            }
        }
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
