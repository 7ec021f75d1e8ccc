//! A person's sign-in on another device (RFC 8628 §3.4), in every spelling that clients have.

use super::Grant;
use crate::entra::answer::Granted;
use crate::entra::delegated::Delegation;
use crate::entra::refusal::Refusal;
use crate::entra::refusals;
use crate::entra::token::TokenRequest;
use crate::faults::{FaultKind, Target};
use crate::tenant::{DeviceProgress, Scopes};

pub(super) struct DeviceCode;

impl Grant for DeviceCode {
    fn names(&self) -> &'static [&'static str] {
        &[
            "urn:ietf:params:oauth:grant-type:device_code",
            "device_code",
        ]
    }

    fn answer(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal> {
        request.client.proven_if_confidential()?;
        let (form, call) = (request.form, request.call);
        // Version 1 calls it `code`; some clients send both.
        let text = match form.get("device_code").or(form.get("code")) {
            Some(text) => text,
            None => form.require("device_code")?,
        };
        let target = Target {
            app: Some(&request.client.app.client_id),
            mailbox: None,
        };
        if call.entra.faults.strikes(FaultKind::SlowDown, target) {
            return Err(refusals::slow_down());
        }
        let progress = call
            .entra
            .tenant
            .device_progress(text, &request.client.app.client_id)
            .map_err(refusals::device_code_refused)?;
        let sign_in = match progress {
            DeviceProgress::Pending => return Err(refusals::authorization_pending()),
            DeviceProgress::Declined => return Err(refusals::authorization_declined()),
            DeviceProgress::SignedIn(sign_in) => sign_in,
        };
        let scopes = match form.get("scope") {
            Some(scope) => {
                Scopes::parse(scope, &call.base).map_err(|error| refusals::scope_error(&error))?
            }
            None => sign_in.scopes.clone(),
        };
        let api = scopes.apis.first().or(sign_in.scopes.apis.first());
        Delegation {
            sign_in: &sign_in,
            api,
            nonce: None,
        }
        .grant(request)
    }
}
