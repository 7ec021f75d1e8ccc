//! Tokens in a person's name, the same for every grant that leads there.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::{ForPerson, Granted};
use super::call::Version;
use super::parameters::asked_claims;
use super::refusal::Refusal;
use super::refusals;
use super::token::TokenRequest;
use crate::tenant::{
    AccessToken, Acting, ApiScopes, AskedClaims, Bearer, Person, Resource, SignIn, SignInScope,
    Wanted, pairwise,
};

/// What the tokens are made from.
#[derive(Debug)]
pub(super) struct Delegation<'a> {
    pub(super) sign_in: &'a SignIn,
    /// The one API that the access token is for; without one it is for the sign-in itself.
    pub(super) api: Option<&'a ApiScopes>,
    pub(super) nonce: Option<&'a str>,
}

impl Delegation<'_> {
    /// Makes the tokens, if the person's consent covers what is asked.
    pub(super) fn grant(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal> {
        let tenant = &request.call.entra.tenant;
        let person = tenant.directory().person(&self.sign_in.upn).cloned();
        let person = person.ok_or_else(|| refusals::person_not_found(&self.sign_in.upn))?;
        let permissions = self.permissions(request)?;
        let asked = asked_claims(request.form)?;
        self.check_contexts(&asked, request)?;
        let token = AccessToken {
            audience: self.api.map_or(Resource::Graph.uri(), |api| &api.audience),
            resource: self.resource(),
            app: &request.client.app,
            strength: request.client.strength,
            bearer: Bearer::Person(&person, &permissions, &self.sign_in.contexts),
            asked: &asked,
        };
        let lifetime = request.call.entra.token_lifetime;
        let scopes = &self.sign_in.scopes;
        Ok(Granted {
            access_token: tenant.mint(&token, lifetime),
            audience: token.audience.to_owned(),
            lifetime,
            person: Some(ForPerson {
                scope: self.scope(request.call.version, &permissions),
                refresh_token: scopes
                    .has(SignInScope::OfflineAccess)
                    .then(|| tenant.issue_refresh_token(self.sign_in.clone())),
                id_token: scopes
                    .has(SignInScope::OpenId)
                    .then(|| tenant.sign_id_token(&self.id_claims(request, &person))),
                client_info: request
                    .form
                    .get("client_info")
                    .map(|_| client_info(&person, &tenant.id())),
            }),
        })
    }

    /// A context that the sign-in did not bring, only a person can: the client is told what to ask
    /// for at the next sign-in.
    fn check_contexts(
        &self,
        asked: &AskedClaims,
        request: &TokenRequest<'_>,
    ) -> Result<(), Refusal> {
        let brought = &self.sign_in.contexts;
        let acting = Acting {
            client_id: &request.client.app.client_id,
            upn: &self.sign_in.upn,
        };
        let wanted = request.call.entra.tenant.context_wanted(acting);
        let wanted = wanted.filter(|wanted| !brought.contains(*wanted));
        let is_enough = asked.contexts.is_empty() || !asked.contexts.is_disjoint(brought);
        let first = asked.contexts.first().filter(|_| !is_enough);
        match first.map(String::as_str).or(wanted) {
            Some(missing) => Err(refusals::context_missing(missing)),
            None => Ok(()),
        }
    }

    fn resource(&self) -> Resource {
        self.api.map_or(Resource::Graph, |api| api.resource)
    }

    /// Everything granted on the API: Entra puts it all into the token once the part that was
    /// asked for is covered.
    fn permissions(&self, request: &TokenRequest<'_>) -> Result<BTreeSet<&'static str>, Refusal> {
        let Some(api) = self.api else {
            return Ok(self
                .sign_in
                .scopes
                .sign_in
                .iter()
                .map(|scope| scope.name())
                .collect());
        };
        let app = &request.client.app;
        let acting = Acting {
            client_id: &app.client_id,
            upn: &self.sign_in.upn,
        };
        let granted = request.call.entra.tenant.granted(acting, api.resource);
        let covered = match &api.wanted {
            Wanted::Default => !granted.is_empty(),
            Wanted::Named(names) => names.is_subset(&granted),
        };
        if covered {
            Ok(granted)
        } else {
            Err(refusals::consent_missing(app))
        }
    }

    /// Graph's permissions are written without their API, all others with it.
    fn scope(&self, version: Version, permissions: &BTreeSet<&'static str>) -> String {
        let audience = self.api.map_or("", |api| &api.audience);
        let plain = version == Version::V1 || self.resource() == Resource::Graph;
        let named = permissions.iter().map(|name| {
            if plain {
                (*name).to_owned()
            } else {
                format!("{audience}/{name}")
            }
        });
        let mut all: Vec<String> = named.collect();
        if self.api.is_some_and(|api| api.resource == Resource::Graph) {
            let sign_in = self.sign_in.scopes.sign_in.iter();
            let shown = sign_in.filter(|scope| **scope != SignInScope::OfflineAccess);
            all.extend(shown.map(|scope| scope.name().to_owned()));
        }
        all.join(" ")
    }

    /// The claims of an `id_token` in v2.0 form.
    fn id_claims(&self, request: &TokenRequest<'_>, person: &Person) -> Value {
        let call = request.call;
        let client_id = &request.client.app.client_id;
        let now = call.at.as_second();
        let mut claims = json!({
            "aud": client_id,
            "iss": call.issuer(),
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(3600),
            "auth_time": self.sign_in.at.as_second(),
            "name": person.name,
            "oid": person.oid,
            "preferred_username": person.upn,
            "rh": "1.AAAA.",
            "sub": pairwise(&person.oid, client_id),
            "tid": call.entra.tenant.id(),
            "uti": call.entra.chance.token(16),
            "ver": "2.0",
        });
        if self.sign_in.scopes.has(SignInScope::Email) {
            claims["email"] = json!(person.upn);
        }
        if let Some(nonce) = self.nonce {
            claims["nonce"] = json!(nonce);
        }
        claims
    }
}

/// Who signed in, as the libraries want it for their account lists.
fn client_info(person: &Person, tenant_id: &str) -> String {
    let json = json!({"uid": person.oid, "utid": tenant_id});
    URL_SAFE_NO_PAD.encode(json.to_string())
}
