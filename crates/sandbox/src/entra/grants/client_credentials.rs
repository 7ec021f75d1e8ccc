//! An app in its own name (RFC 6749 §4.4).

use super::Grant;
use crate::entra::answer::Granted;
use crate::entra::call::{Place, Version};
use crate::entra::parameters::asked_claims;
use crate::entra::refusal::Refusal;
use crate::entra::refusals;
use crate::entra::token::TokenRequest;
use crate::tenant::{AccessToken, Bearer, ClientStrength, Scopes, Wanted};

pub(super) struct ClientCredentials;

impl Grant for ClientCredentials {
    fn names(&self) -> &'static [&'static str] {
        &["client_credentials"]
    }

    fn answer(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal> {
        let (call, client) = (request.call, &request.client);
        if call.place != Place::Tenant {
            return Err(refusals::tenant_not_named());
        }
        if client.strength == ClientStrength::Public {
            return Err(refusals::app_only_without_proof());
        }
        let scopes = asked(request)?;
        let claims = asked_claims(request.form)?;
        let [api] = scopes.apis.as_slice() else {
            let scope = request.form.get("scope").unwrap_or_default();
            return Err(refusals::scope_not_default(scope));
        };
        let token = AccessToken {
            audience: &api.audience,
            resource: api.resource,
            app: &client.app,
            strength: client.strength,
            bearer: Bearer::App,
            asked: &claims,
        };
        let lifetime = call.entra.token_lifetime;
        Ok(Granted {
            access_token: call.entra.tenant.mint(&token, lifetime),
            audience: api.audience.clone(),
            lifetime,
            person: None,
        })
    }
}

fn asked(request: &TokenRequest<'_>) -> Result<Scopes, Refusal> {
    let base = &request.call.base;
    if request.call.version == Version::V1 {
        let resource = request.form.require("resource")?;
        return Scopes::of_resource(resource, base).map_err(|error| refusals::scope_error(&error));
    }
    let scope = request
        .form
        .get("scope")
        .ok_or_else(refusals::scope_missing)?;
    let all_default = scope
        .split_ascii_whitespace()
        .all(|part| part.ends_with("/.default"));
    if !all_default {
        return Err(refusals::scope_not_default(scope));
    }
    let scopes = Scopes::parse(scope, base).map_err(|error| refusals::scope_error(&error))?;
    if scopes.apis.len() > 1 || scopes.apis.iter().any(|api| api.wanted != Wanted::Default) {
        return Err(refusals::scope_invalid(scope));
    }
    Ok(scopes)
}
