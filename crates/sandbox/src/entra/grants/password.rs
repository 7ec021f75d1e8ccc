//! Name and password of a person (RFC 6749 §4.3), with everything that keeps Entra from taking
//! them.

use super::Grant;
use crate::entra::answer::Granted;
use crate::entra::call::{Place, Version};
use crate::entra::delegated::Delegation;
use crate::entra::refusal::Refusal;
use crate::entra::refusals;
use crate::entra::token::TokenRequest;
use crate::tenant::{Acting, Scopes, SignInScope, Trouble};

pub(super) struct Password;

impl Grant for Password {
    fn names(&self) -> &'static [&'static str] {
        &["password"]
    }

    fn answer(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal> {
        let (call, form) = (request.call, request.form);
        if matches!(call.place, Place::Common | Place::Consumers) {
            return Err(refusals::grant_not_at_common());
        }
        request.client.proven_if_confidential()?;
        let (username, offered) = (form.require("username")?, form.require("password")?);
        let tenant = &call.entra.tenant;
        let person = tenant.directory().person(username).cloned();
        let person = person.ok_or_else(|| refusals::person_not_found(username))?;
        let right = person.has_password(offered);
        match person.trouble {
            Some(Trouble::Disabled) => return Err(refusals::account_disabled()),
            Some(Trouble::Locked) => return Err(refusals::account_locked()),
            Some(Trouble::NoPassword) => return Err(refusals::password_not_in_cloud()),
            // Of these nobody here knows a password.
            Some(Trouble::Federated) => return Err(refusals::password_wrong()),
            _ if !right => return Err(refusals::password_wrong()),
            Some(Trouble::PasswordExpired) => return Err(refusals::password_expired()),
            Some(Trouble::SecondFactor) => return Err(refusals::second_factor_needed()),
            Some(Trouble::SecondFactorMissing) => return Err(refusals::second_factor_missing()),
            Some(Trouble::Policy) => return Err(refusals::policy_blocks()),
            None => {}
        }
        let scopes = asked(request)?;
        let acting = Acting {
            client_id: &request.client.app.client_id,
            upn: &person.upn,
        };
        let sign_in = tenant.sign_in(acting, scopes);
        Delegation {
            sign_in: &sign_in,
            api: sign_in.scopes.apis.first(),
            nonce: None,
        }
        .grant(request)
    }
}

fn asked(request: &TokenRequest<'_>) -> Result<Scopes, Refusal> {
    let (form, base) = (request.form, &request.call.base);
    let parsed = match request.call.version {
        Version::V1 => {
            let mut scopes = Scopes::of_resource(form.require("resource")?, base);
            if let Ok(scopes) = &mut scopes {
                scopes.sign_in.insert(SignInScope::OfflineAccess);
                if form
                    .get("scope")
                    .is_some_and(|scope| scope.contains("openid"))
                {
                    scopes.sign_in.insert(SignInScope::OpenId);
                }
            }
            scopes
        }
        Version::V2 => Scopes::parse(form.get("scope").unwrap_or_default(), base),
    };
    let scopes = parsed.map_err(|error| refusals::scope_error(&error))?;
    if scopes.apis.len() > 1 {
        return Err(refusals::several_resources(
            form.get("scope").unwrap_or_default(),
        ));
    }
    Ok(scopes)
}
