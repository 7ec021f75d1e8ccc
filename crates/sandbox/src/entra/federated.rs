//! Assertions of another issuer (workload identity federation), verified with that issuer's own
//! keys as Entra does.

use serde_json::Value;

use super::assertion::{CLOCK_SKEW, number, text};
use super::call::Call;
use super::refusal::Refusal;
use super::refusals;
use crate::tenant::{App, IssuerKeys};

/// Whether an assertion is the statement of another issuer: the app itself would name itself
/// twice, and name the certificate that it signed with.
pub(super) fn is_foreign(header: &Value, claims: &Value, app: &App) -> bool {
    let names_itself =
        |name| text(claims, name).is_some_and(|who| who.eq_ignore_ascii_case(&app.client_id));
    let names_certificate = header.get("x5t").or(header.get("x5t#S256")).is_some();
    !names_itself("iss") && !names_itself("sub") && !names_certificate
}

/// Checks such an assertion: `jwt` holds `claims`.
pub(super) fn check(call: &Call, jwt: &str, claims: &Value, app: &App) -> Result<(), Refusal> {
    let now = call.at;
    if app.federated.is_empty() {
        return Err(refusals::no_federated_credential());
    }
    let said = |name| text(claims, name).unwrap_or_default();
    let (issuer, subject) = (said("iss"), said("sub"));
    let audience = audience(claims).unwrap_or_default();
    // Each has to be the same to the letter; there are no patterns.
    let known = app.federated.iter().find(|credential| {
        credential.issuer == issuer
            && credential.subject == subject
            && credential.audience == audience
    });
    let known = known
        .ok_or_else(|| refusals::no_matching_federated_credential(issuer, subject, audience))?;
    let keys = match &known.keys {
        IssuerKeys::Foreign(keys) => keys,
        IssuerKeys::Own => call.entra.tenant.keys(),
    };
    if keys.open(jwt).is_none() {
        return Err(refusals::foreign_signature_wrong());
    }
    let end = number(claims.get("exp")).ok_or_else(refusals::malformed_assertion)?;
    let start = number(claims.get("nbf")).unwrap_or(i64::MIN);
    let second = now.as_second();
    if start.saturating_sub(CLOCK_SKEW) > second || end.saturating_add(CLOCK_SKEW) <= second {
        return Err(refusals::assertion_out_of_time(now, start, end));
    }
    Ok(())
}

/// The one audience; several count as none.
fn audience(claims: &Value) -> Option<&str> {
    match claims.get("aud")? {
        Value::String(one) => Some(one),
        Value::Array(several) => match several.as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        _ => None,
    }
}
