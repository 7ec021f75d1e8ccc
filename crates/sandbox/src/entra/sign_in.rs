//! What happens when a person sends the sign-in page or the consent page.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::call::{Call, Incoming, Version};
use super::flow::{ChallengeMethod, ConsentEndpoint, ConsentPrompt, End, Flow, Redirect};
use super::pages::{self, ConsentPage, SignInPage, ThroughPage, Wish};
use super::parameters::Parameters;
use super::redirect::WayBack;
use super::refusal::Refusal;
use super::refusals;
use crate::tenant::{
    ADMINISTRATOR, Acting, App, AuthorizationCode, Challenge, EVERYBODY, Person, Resource, Scopes,
    SignIn, SignInScope, Trouble, Wanted,
};

/// `/{tenant}/login`: address and password.
pub(super) async fn password(incoming: Incoming) -> Response<Body> {
    let (call, _, body) = incoming.call(Version::V2);
    match Visit::read(&call, body).await {
        Ok(visit) if visit.is_cancelled() => visit.cancelled(),
        Ok(visit) => visit.with_password(),
        Err(refusal) => pages::refused(&refusal, &call),
    }
}

/// `/{tenant}/consent`: yes or no.
pub(super) async fn consent(incoming: Incoming) -> Response<Body> {
    let (call, _, body) = incoming.call(Version::V2);
    match Visit::read(&call, body).await {
        Ok(visit) if visit.is_cancelled() => visit.declined(),
        Ok(visit) => visit.with_consent(),
        Err(refusal) => pages::refused(&refusal, &call),
    }
}

/// A page that came back.
struct Visit<'a> {
    call: &'a Call,
    form: Parameters,
    flow: Flow,
    app: App,
    scopes: Scopes,
}

impl<'a> Visit<'a> {
    async fn read(call: &'a Call, body: Body) -> Result<Self, Refusal> {
        let form = Parameters::of_body(body, &call.entra.clock).await?;
        let flow = call.entra.flow_key.open(form.require("flow")?, call.at)?;
        let app = call.entra.tenant.directory().app(&flow.client_id).cloned();
        let app = app.ok_or_else(|| refusals::app_not_found(&flow.client_id))?;
        let scopes = flow
            .scopes(&call.base)
            .map_err(|error| refusals::scope_error(&error))?;
        Ok(Self {
            call,
            form,
            flow,
            app,
            scopes,
        })
    }

    fn is_cancelled(&self) -> bool {
        self.form.get("answer") == Some("cancel")
    }

    fn cancelled(&self) -> Response<Body> {
        match &self.flow.end {
            End::Redirect(redirect) => WayBack::of(redirect).with_cancel(self.call),
            End::AdminConsent { .. } => self.declined(),
            End::Device { user_code } => self.device_declined(user_code),
        }
    }

    fn declined(&self) -> Response<Body> {
        match &self.flow.end {
            End::Redirect(redirect) => {
                WayBack::of(redirect).with_refusal(&refusals::consent_declined(), self.call)
            }
            End::AdminConsent {
                redirect,
                generation,
            } => WayBack::of(redirect).without_admin_consent(*generation, self.call),
            End::Device { user_code } => self.device_declined(user_code),
        }
    }

    fn device_declined(&self, user_code: &str) -> Response<Body> {
        self.call.entra.tenant.decline_device(user_code);
        pages::page(StatusCode::OK, &ThroughPage::cancelled(&self.app.name))
    }

    fn with_password(mut self) -> Response<Body> {
        let username = self.form.get("username").unwrap_or_default();
        let offered = self.form.get("password").unwrap_or_default();
        let person = self.call.entra.tenant.directory().person(username).cloned();
        let refusal = match person {
            None => refusals::person_not_found(username),
            Some(person) if person.trouble == Some(Trouble::Disabled) => {
                refusals::account_disabled()
            }
            Some(person) if person.trouble == Some(Trouble::Locked) => refusals::account_locked(),
            Some(person) if !person.has_password(offered) => refusals::password_wrong(),
            Some(person) => {
                self.flow.person = Some(person.upn.clone());
                return self.after_password(&person);
            }
        };
        self.ask_again(&refusal)
    }

    fn ask_again(&self, refusal: &Refusal) -> Response<Body> {
        let template = SignInPage {
            app: &self.app.name,
            action: self.action("login"),
            flow: self.call.entra.flow_key.seal(&self.flow),
            username: self.form.get("username").unwrap_or_default(),
            fault: Some(refusal.sentence()),
        };
        pages::page(StatusCode::OK, &template)
    }

    fn after_password(&self, person: &Person) -> Response<Body> {
        if matches!(self.flow.end, End::AdminConsent { .. }) && person.upn != ADMINISTRATOR {
            return pages::refused(&refusals::administrator_needed(&self.app), self.call);
        }
        let missing = self.missing(&person.upn);
        if missing.is_empty() && self.flow.consent == ConsentPrompt::IfNeeded {
            return self.finish(&person.upn);
        }
        let template = ConsentPage {
            app: &self.app.name,
            person: &person.name,
            wishes: self.wishes(),
            action: self.action("consent"),
            flow: self.call.entra.flow_key.seal(&self.flow),
        };
        pages::page(StatusCode::OK, &template)
    }

    fn with_consent(self) -> Response<Body> {
        // Only a flow that came past the password names a person, and only we can sign it.
        let Some(upn) = self.flow.person.clone() else {
            return pages::refused(&refusals::malformed(), self.call);
        };
        if self.form.get("answer") != Some("accept") {
            return pages::refused(&refusals::malformed(), self.call);
        }
        let for_everybody = matches!(self.flow.end, End::AdminConsent { .. });
        for (resource, names) in self.wanted() {
            let whom = if for_everybody { EVERYBODY } else { &upn };
            let acting = self.acting(whom);
            self.call.entra.tenant.consent(acting, resource, &names);
        }
        self.finish(&upn)
    }

    fn finish(&self, upn: &str) -> Response<Body> {
        match &self.flow.end {
            End::Redirect(redirect) => self.back_with_code(upn, redirect),
            End::AdminConsent {
                redirect,
                generation,
            } => {
                let scope = (*generation == ConsentEndpoint::V2).then(|| self.flow.scope.clone());
                WayBack::of(redirect).with_admin_consent(scope, self.call)
            }
            End::Device { user_code } => {
                let tenant = &self.call.entra.tenant;
                match tenant.admit_device(user_code, self.signed_in(upn)) {
                    Ok(()) => pages::page(StatusCode::OK, &ThroughPage::done(&self.app.name)),
                    Err(why) => pages::refused(&refusals::device_code_refused(why), self.call),
                }
            }
        }
    }

    fn back_with_code(&self, upn: &str, redirect: &Redirect) -> Response<Body> {
        let tenant = &self.call.entra.tenant;
        let code = tenant.issue_code(AuthorizationCode {
            sign_in: self.signed_in(upn),
            redirect_uri: redirect.uri.clone(),
            challenge: redirect
                .challenge
                .clone()
                .map(|(method, text)| match method {
                    ChallengeMethod::Plain => Challenge::Plain(text),
                    ChallengeMethod::S256 => Challenge::S256(text),
                }),
            nonce: redirect.nonce.clone(),
        });
        WayBack::of(redirect).with_code(code, self.call.entra.chance.uuid(), self.call)
    }

    fn signed_in(&self, upn: &str) -> SignIn {
        let tenant = &self.call.entra.tenant;
        SignIn {
            contexts: self.flow.contexts.clone(),
            ..tenant.sign_in(self.acting(upn), self.scopes.clone())
        }
    }

    fn acting<'s>(&'s self, upn: &'s str) -> Acting<'s> {
        Acting {
            client_id: &self.app.client_id,
            upn,
        }
    }

    /// The permissions asked for, by API; `.default` asks for those in the registration.
    fn wanted(&self) -> Vec<(Resource, BTreeSet<&'static str>)> {
        let named = |wanted: &Wanted, resource| match wanted {
            Wanted::Named(names) => names.clone(),
            Wanted::Default => self
                .app
                .permissions
                .get(&resource)
                .cloned()
                .unwrap_or_default(),
        };
        let apis = self.scopes.apis.iter();
        apis.map(|api| (api.resource, named(&api.wanted, api.resource)))
            .collect()
    }

    fn missing(&self, upn: &str) -> BTreeSet<&'static str> {
        let tenant = &self.call.entra.tenant;
        let mut missing = BTreeSet::new();
        for (resource, names) in self.wanted() {
            let granted = tenant.granted(self.acting(upn), resource);
            missing.extend(names.difference(&granted).copied());
        }
        missing
    }

    fn wishes(&self) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for (resource, names) in self.wanted() {
            wishes.extend(names.iter().filter_map(|name| {
                let meaning = resource.permission(name)?.meaning;
                Some(Wish {
                    meaning,
                    name: format!("{}: {name}", resource.name()),
                })
            }));
        }
        if self.scopes.has(SignInScope::OfflineAccess) {
            let meaning = "Maintain access to data you have given it access to";
            wishes.push(Wish {
                meaning,
                name: SignInScope::OfflineAccess.name().to_owned(),
            });
        }
        wishes
    }

    fn action(&self, step: &str) -> String {
        format!("{}/{}/{step}", self.call.base, self.call.segment())
    }
}
