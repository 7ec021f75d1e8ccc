//! A person's sign-in, redeemed once (RFC 6749 §4.1.3, RFC 7636 §4.6).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::Grant;
use crate::entra::answer::Granted;
use crate::entra::call::Version;
use crate::entra::delegated::Delegation;
use crate::entra::parameters::Parameters;
use crate::entra::refusal::Refusal;
use crate::entra::refusals;
use crate::entra::token::TokenRequest;
use crate::tenant::{Challenge, Scopes};

pub(super) struct AuthorizationCode;

impl Grant for AuthorizationCode {
    fn names(&self) -> &'static [&'static str] {
        &["authorization_code"]
    }

    fn answer(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal> {
        request.client.proven_if_confidential()?;
        let form = request.form;
        let (text, redirect_uri) = (form.require("code")?, form.require("redirect_uri")?);
        let tenant = &request.call.entra.tenant;
        let code = tenant.redeem_code(text).map_err(refusals::code_refused)?;
        if !code
            .sign_in
            .client_id
            .eq_ignore_ascii_case(&request.client.app.client_id)
        {
            return Err(refusals::grant_of_other_client());
        }
        if code.redirect_uri != redirect_uri {
            return Err(refusals::redirect_changed(redirect_uri));
        }
        match &code.challenge {
            Some(challenge) => check_verifier(challenge, form)?,
            // Somebody took the challenge off the request (RFC 9700 §2.1.1).
            None if form.get("code_verifier").is_some() => return Err(refusals::verifier_wrong()),
            None => {}
        }
        let scopes = asked(request, &code.sign_in.scopes)?;
        Delegation {
            sign_in: &code.sign_in,
            api: scopes.apis.first(),
            nonce: code.nonce.as_deref(),
        }
        .grant(request)
    }
}

/// One API, of those that the person saw.
fn asked(request: &TokenRequest<'_>, signed_in: &Scopes) -> Result<Scopes, Refusal> {
    let (form, base) = (request.form, &request.call.base);
    let (parsed, text) = match (
        request.call.version,
        form.get("resource"),
        form.get("scope"),
    ) {
        (Version::V1, Some(resource), _) => (Scopes::of_resource(resource, base), resource),
        (Version::V2, _, Some(scope)) => (Scopes::parse(scope, base), scope),
        _ if signed_in.apis.len() > 1 => return Err(refusals::scope_empty_for_code()),
        _ => return Ok(signed_in.clone()),
    };
    let scopes = parsed.map_err(|error| refusals::scope_error(&error))?;
    if scopes.apis.len() > 1 {
        return Err(refusals::several_resources(text));
    }
    Ok(if scopes.asks_no_api() && signed_in.apis.len() == 1 {
        signed_in.clone()
    } else {
        scopes
    })
}

fn check_verifier(challenge: &Challenge, form: &Parameters) -> Result<(), Refusal> {
    let verifier = form
        .get("code_verifier")
        .ok_or_else(refusals::verifier_wrong)?;
    if !(43..=128).contains(&verifier.len()) {
        return Err(refusals::verifier_size());
    }
    let (expected, given) = match challenge {
        Challenge::Plain(text) => (text, verifier.to_owned()),
        Challenge::S256(text) => {
            let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
            (text, URL_SAFE_NO_PAD.encode(digest))
        }
    };
    if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        Ok(())
    } else {
        Err(refusals::verifier_wrong())
    }
}
