//! A sign-in that goes on (RFC 6749 §6). Every use gives a new refresh token; the old one works
//! on, as it does at Entra, unless a fault revokes what was used.

use super::Grant;
use crate::entra::answer::Granted;
use crate::entra::call::Version;
use crate::entra::delegated::Delegation;
use crate::entra::refusal::Refusal;
use crate::entra::refusals;
use crate::entra::token::TokenRequest;
use crate::tenant::Scopes;

pub(super) struct RefreshToken;

impl Grant for RefreshToken {
    fn names(&self) -> &'static [&'static str] {
        &["refresh_token"]
    }

    fn answer(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal> {
        request.client.proven_if_confidential()?;
        let text = request.form.require("refresh_token")?;
        let tenant = &request.call.entra.tenant;
        let token = tenant
            .refresh_token(text)
            .map_err(refusals::refresh_token_refused)?;
        if !token
            .sign_in
            .client_id
            .eq_ignore_ascii_case(&request.client.app.client_id)
        {
            return Err(refusals::grant_of_other_client());
        }
        tenant.note_use(text);
        let scopes = asked(request, &token.sign_in.scopes)?;
        // Of several APIs the first one is meant.
        Delegation {
            sign_in: &token.sign_in,
            api: scopes.apis.first(),
            nonce: None,
        }
        .grant(request)
    }
}

/// Without any scope, the original ones are meant.
fn asked(request: &TokenRequest<'_>, signed_in: &Scopes) -> Result<Scopes, Refusal> {
    let (form, base) = (request.form, &request.call.base);
    let parsed = match (
        request.call.version,
        form.get("resource"),
        form.get("scope"),
    ) {
        (Version::V1, Some(resource), _) => Scopes::of_resource(resource, base),
        (Version::V2, _, Some(scope)) => Scopes::parse(scope, base),
        _ => return Ok(signed_in.clone()),
    };
    let scopes = parsed.map_err(|error| refusals::scope_error(&error))?;
    Ok(if scopes.asks_no_api() {
        signed_in.clone()
    } else {
        scopes
    })
}
